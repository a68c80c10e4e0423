public import SystemPackage

/// Why a function cannot be found or opened.
public enum PCIError: Error, Hashable, Sendable {
    /// libpci's own words, or that it is not in this build.
    case library(String)
    case noSuchFunction(PCIAddress, there: [PCIAddress])
    /// No rule knows it, or not the one that was asked for.
    case noRule(PCIAddress, identity: String, rule: String?)
    /// No address was given, and there is none, or more than one.
    case notTheOnlyOne([PCIAddress], rule: String?)
    /// Something is in the way, and what to do about it.
    case unusable(PCIAddress, [LinkCandidate.Access: [Obstacle]], remedy: String?)
    /// It read as ones: it has gone, or is not ready.
    case noAnswer(PCIAddress)
    /// It states a number that no peer can have.
    case peerNumber(PCIAddress, UInt32)
    case system(Errno, during: String)
}

extension PCIError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .library(let text): text
        case .noSuchFunction(let address, let there):
            "no PCI function \(address); there are: \(Self.list(there))"
        case .noRule(let address, let identity, let rule):
            "\(address) is \(identity), which \(rule.map { "the rule \($0) does not know" } ?? "no rule knows"); "
                + "rules can be added to /etc/vop/pci-rules"
        case .notTheOnlyOne([], let rule):
            "no PCI function here is known \(rule.map { "by the rule \($0)" } ?? "by any rule"); see vopctl pci list -d"
        case .notTheOnlyOne(let known, _):
            "more than one PCI function could be it: \(Self.list(known)); give one of them as `pci`"
        case .unusable(let address, let obstacles, let remedy): Self.text(address, obstacles, remedy)
        case .noAnswer(let address):
            "\(address) reads as ones: it has gone, or nobody serves it yet"
        case .peerNumber(let address, let number):
            "\(address) says that this side has number \(number); 0 to 65535 are allowed"
        case .system(let errno, let during): "\(during): \(errno)"
        }
    }

    private static func list(_ addresses: [PCIAddress]) -> String {
        addresses.isEmpty ? "none" : addresses.map(\.description).joined(separator: ", ")
    }

    private static func text(
        _ address: PCIAddress, _ obstacles: [LinkCandidate.Access: [Obstacle]], _ remedy: String?
    ) -> String {
        let ways = LinkCandidate.Access.allCases.compactMap { way in
            obstacles[way].map { "\(way.rawValue): " + $0.map(\.description).joined(separator: "; ") }
        }
        let next = remedy.map { "; first: \($0)" } ?? ""
        return
            "\(address) cannot be used (\(ways.joined(separator: ". ")))\(next); see vopctl pci list \(address)"
    }
}
