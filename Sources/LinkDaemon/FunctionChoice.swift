import ControlTree
import PCILinks
import SystemPackage

/// The PCI function that is a link's end on this side, as its owner has written it.
enum FunctionChoice: Hashable, Sendable {
    /// There is none: the link goes by a socket.
    case none
    /// The only one of this machine that a rule knows.
    case any
    case at(PCIAddress)

    /// How it is written.
    static var format: ValueFormat<FunctionChoice> {
        let allowed = "an address, as 0000:00:04.0 or 00:04.0, `any` for the only one there is, or nothing"
        return ValueFormat(
            allowed: allowed,
            parse: { text throws(Refusal) in
                switch text {
                case "": return .none
                case "any": return .any
                default:
                    guard let address = PCIAddress(text) else {
                        throw Refusal(
                            .invalidArgument, "'\(text.prefix(80))' is no PCI address; write \(allowed)")
                    }
                    return .at(address)
                }
            }, print: \.description)
    }
}

extension FunctionChoice: CustomStringConvertible {
    var description: String {
        switch self {
        case .none: ""
        case .any: "any"
        case .at(let address): "\(address)"
        }
    }
}
