import PCILinks
import Testing

@Suite("Rules")
struct RuleTests {
    private static let good = """
        # a bridge of ours
        [switch]
        match = 11f8:8531-8532
        memory = bar2+0x10000
        doorbell = bar0+64 16 vector-bit
        identity = bar0+0x8
        vectors = msix
        remark = port 1 = left
        """

    @Test("a file's rules hold, and come before the built-in ones")
    func file() throws {
        let table = try RuleTable(extending: Self.good)
        let rule = try #require(table.rules.first)
        #expect(rule.name == "switch" && rule.vendorID == 0x11f8 && rule.deviceIDs == 0x8531...0x8532)
        #expect(rule.memory.bar.rawValue == 2 && rule.memory.offset == 0x10000)
        #expect(rule.doorbell?.place.offset == 64 && rule.doorbell?.bitWidth == 16)
        #expect(rule.doorbell?.form == .vectorBit && rule.identity?.offset == 8 && rule.usesVectors)
        #expect(rule.remark == "port 1 = left")
        let functions = try Dumps.bus("bridges.txt").functions()
        #expect(functions.map { table.rule(for: $0)?.name } == [nil, "intel-ntb", "switch"])
        let own = try RuleTable(extending: "[mine]\nmatch = 1af4:1110\nmemory = bar2\n")
        let ivshmem = try Dumps.bus("ivshmem.txt").functions()[1]
        #expect(
            own.rule(for: ivshmem)?.name == "mine" && RuleTable.builtIn.rule(for: ivshmem)?.name == "ivshmem")
    }

    @Test("an empty file changes nothing")
    func empty() throws {
        #expect(try RuleTable(extending: "\n# nothing\n\n") == .builtIn)
    }

    @Test(
        "what is wrong is refused with its line and what is allowed",
        arguments: [
            ("match = 1af4:1110", 1, "begin one with [NAME]"),
            ("[a b]", 1, "letters, digits"),
            ("[x\nmatch = 1af4:1110", 1, "write [NAME]"),
            ("[x]\nmemory = bar2", 1, "'match'"),
            ("[x]\nmatch = 1af4:1110\n\n[y]\n", 1, "'memory'"),
            ("[x]\nmatch 1af4:1110", 2, "no '='"),
            ("[x]\nmatched = 1af4:1110", 2, "there are match, memory"),
            ("[x]\nmatch = 1af4:1110\nmatch = 1af4:1111", 3, "twice"),
            ("[x]\nmatch = 1af4", 2, "VENDOR:DEVICE"),
            ("[x]\nmatch = 1af4:1112-1110\nmemory = bar0", 2, "FIRST-LAST"),
            ("[x]\nmatch = 1af4:111\nmemory = bar0", 2, "four hexadecimal"),
            ("[x]\nmatch = 1af4:+111\nmemory = bar0", 2, "four hexadecimal"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar6", 3, "bar0 to bar5"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar2+0x10", 3, "multiple of 4096"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar2+0xffffffffffffffff", 3, "multiple"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\nidentity = bar0+2", 4, "multiple of 4"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\ndoorbell = bar0+4", 4, "PLACE WIDTH FORM"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\ndoorbell = bar0 8 vector-bit", 4, "16 or 32"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\ndoorbell = bar0 32 bits", 4, "vector-number"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\ndoorbell = bar0 16 peer-and-vector", 4, "width of 32"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\nvectors = msi", 4, "msix or none"),
            ("[x]\nmatch = 1af4:1110\nmemory = bar0\n[x]", 4, "already"),
        ])
    func refused(text: String, line: Int, says: String) {
        #expect {
            try RuleTable(extending: text)
        } throws: { error in
            guard let fault = error as? RuleFault else { return false }
            return fault.line == line && fault.reason.contains(says)
        }
    }
}
