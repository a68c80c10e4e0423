public import Links

/// What is configured of a link over a PCI function.
public struct PCISettings: Sendable, Hashable {
    /// Which of the ways to the function may be taken.
    public enum Way: String, Hashable, Sendable, CaseIterable {
        /// VFIO, or where that cannot be, polling.
        case best
        case vfio
        case polling

        /// In the order in which they are tried.
        var allowed: [LinkCandidate.Access] {
            switch self {
            case .best: LinkCandidate.Access.allCases
            case .vfio: [.vfio]
            case .polling: [.polling]
            }
        }
    }

    /// Where the function is; `nil` where it is the only one that a rule knows.
    public var address: PCIAddress?
    public var rules: RuleTable
    /// Only functions of the rule of that name, such as `ivshmem`; `nil` for any.
    public var ruleName: String?
    public var way: Way
    /// This side's number where the function itself does not say it.
    public var ownNumber: PeerNumber
    public var bus: PCIBus
    /// How long to wait between attempts to open a function that is not there, or not ready; and, where VFIO does not
    /// say it, between looks whether it is still there.
    public var retry: Duration

    public init(
        address: PCIAddress? = nil, rules: RuleTable = .builtIn, ruleName: String? = nil, way: Way = .best,
        ownNumber: PeerNumber = PeerNumber(rawValue: 0), bus: PCIBus = .here, retry: Duration = .seconds(1)
    ) {
        self.address = address
        self.rules = rules
        self.ruleName = ruleName
        self.way = way
        self.ownNumber = ownNumber
        self.bus = bus
        self.retry = retry
    }

    /// The function that these settings mean.
    ///
    /// - Throws: `.noSuchFunction`, `.noRule`, or `.notTheOnlyOne` with those there are.
    func candidate() throws(PCIError) -> LinkCandidate {
        let (all, others) = try LinkCandidate.all(on: bus, by: rules)
        let known = all.filter { ruleName == nil || $0.rule.name == ruleName }
        guard let address else {
            guard known.count == 1 else {
                throw .notTheOnlyOne(known.map(\.function.address), rule: ruleName)
            }
            return known[0]
        }
        if let found = known.first(where: { $0.function.address == address }) { return found }
        let strangers = all.map(\.function) + others
        guard let stranger = strangers.first(where: { $0.address == address }) else {
            throw .noSuchFunction(address, there: strangers.map(\.address).sorted())
        }
        throw .noRule(address, identity: stranger.identity, rule: ruleName)
    }
}
