/// Rules in the order in which they are asked; the first that matches a function holds.
public struct RuleTable: Hashable, Sendable {
    public let rules: [LinkRule]

    public init(_ rules: [LinkRule]) { self.rules = rules }

    public func rule(for function: PCIFunction) -> LinkRule? { rules.first { $0.matches(function) } }

    /// The user's own rules, which come before the built-in ones.
    ///
    /// - Throws: the first line that is wrong.
    public init(extending text: String) throws(RuleFault) {
        self.init(try RuleParser.rules(in: text) + Self.builtIn.rules)
    }

    /// Written in the file's own form, so that it is held against the same checks, and shows how one is written.
    public static let builtInText = """
        # What QEMU calls ivshmem: a register BAR of 256 bytes, the shared memory, and a vector for each doorbell.
        [ivshmem]
        match = 1af4:1110
        memory = bar2
        doorbell = bar0+0xc 32 peer-and-vector
        identity = bar0+0x8
        vectors = msix

        # A coprocessor's memory lies in its first BAR. How its doorbells are rung is not in any document we may use.
        [mic]
        match = 8086:2250-225e
        memory = bar0
        vectors = none
        remark = no doorbells by rule: both sides look

        # Two hosts back to back (Intel Xeon E5 v3 datasheet, volume 2, non-transparent bridge).
        [intel-ntb]
        match = 8086:2f0d
        memory = bar2
        doorbell = bar0+0x140 16 vector-bit
        vectors = none
        remark = its window has to be given a translation first; never run on hardware
        """

    public static let builtIn: RuleTable = {
        do { return RuleTable(try RuleParser.rules(in: builtInText)) } catch {
            preconditionFailure("the built-in rules: \(error)")
        }
    }()
}

/// A line of a rule file that is wrong: which, and what is allowed.
public struct RuleFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    public let line: Int
    public let reason: String

    public var description: String { "line \(line): \(reason)" }
}
