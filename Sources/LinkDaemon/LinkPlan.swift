import ControlTree
import Links
import LinuxSystem
import PCILinks
import SystemPackage
import Virtio

/// A link as its owner has staged it; nothing of it exists until it is brought up.
public struct LinkPlan: Sendable {
    public let name: String
    public var kind = LinkKind.shm
    public var socketPath = ""
    public var socketMode: UInt32 = 0o600
    public var windowByteCount = MeetingLimits.defaultWindowByteCount
    /// This daemon serves the memory of an ivshmem or NTB link; else it joins whoever does.
    public var isServer: Bool
    public var vectorCount = MeetingLimits.defaultVectorCount
    /// The PCI function that is our end of an ivshmem, an NTB or a PCI link; and the way to it.
    var function = FunctionChoice.none
    var functionAccess = PCISettings.Way.best
    /// A directory of the link's own, for what must outlive this process but not the machine: there while the link is up.
    public let runtimePath: String
    /// A directory of the link's own, for what is saved of it: there from the first thing that is saved.
    public let statePath: String
    private var timeouts: [String: Duration]

    init(
        name: String, runtimePath: String, statePath: String, isServer: Bool, timeouts: [LinkTimeout]
    ) {
        self.name = name
        self.isServer = isServer
        self.statePath = statePath
        self.runtimePath = runtimePath
        self.timeouts = Dictionary(uniqueKeysWithValues: timeouts.map { ($0.name, $0.standard) })
    }

    /// - Precondition: one of the timeouts of this daemon's side.
    public subscript(timeout name: String) -> Duration {
        get {
            guard let value = timeouts[name] else { preconditionFailure("no timeout \(name)") }
            return value
        }
        set { timeouts[name] = newValue }
    }

    /// Our end is a PCI function.
    private var goesByFunction: Bool { kind == .pci || kind != .shm && function != .none }

    /// Where it leads, for people.
    var place: String {
        guard goesByFunction else { return socketPath }
        if case .at(let address) = function { return "\(address)" }
        return "the PCI bus"
    }

    /// Makes the link, not yet started.
    ///
    /// - Parameter resumes: its meetings may be taken up again after this process was killed.
    func makeLink(_ side: Side, resumes: Bool) throws(LinkError) -> any Link {
        switch kind {
        case .shm:
            return try SharedMemoryLink(
                side,
                SharedMemorySettings(
                    socketPath: socketPath, socketMode: socketMode, windowByteCount: windowByteCount,
                    recordPath: resumes ? runtimePath + "/meeting" : nil))
        case .ivshmem, .pci: return try IvshmemLink(side, kind: kind.rawValue, over: try makePort(side))
        case .ntb:
            return try IvshmemLink(
                side, kind: kind.rawValue, over: try NTBPort(over: try makePort(side), as: side))
        }
    }

    private func makePort(_ side: Side) throws(LinkError) -> any SharedMemoryPort {
        if goesByFunction { return try makeFunctionPort(side) }
        let settings = IvshmemSocketSettings(
            socketPath: socketPath, socketMode: socketMode, byteCount: windowByteCount,
            vectorCount: vectorCount)
        return isServer ? try IvshmemServer(settings) : try IvshmemMember(settings)
    }

    private func makeFunctionPort(_ side: Side) throws(LinkError) -> any SharedMemoryPort {
        var settings = PCISettings(
            ruleName: kind == .pci ? nil : "ivshmem", way: functionAccess,
            // Where the function does not say it, the sides are told apart by it.
            ownNumber: PeerNumber(rawValue: side == .host ? 0 : 1))
        do throws(RuleFileError) { settings.rules = try RuleFile.table() } catch {
            throw .configuration("\(error)")
        }
        if case .at(let address) = function { settings.address = address }
        return try PCIPort(settings)
    }

    /// - Throws: `EINVAL` for what is still to be set: its owner's fault.
    func requireComplete() throws(Refusal) {
        if goesByFunction { return }
        guard !socketPath.isEmpty else {
            let orFunction = kind != .shm ? ", or the address of a PCI function to `pci`," : ""
            throw Refusal(
                .invalidArgument,
                "a link of kind \(kind.rawValue) needs a socket; write a path to `socket`\(orFunction) first")
        }
        guard kind != .shm, isServer else { return }
        if let fault = MeetingLimits.fault(ivshmemByteCount: windowByteCount) {
            throw Refusal(.invalidArgument, fault)
        }
    }
}

/// The kinds of link that a daemon can bring up.
public enum LinkKind: String, Sendable, CaseIterable {
    /// Two processes: each side's memory is its own, and passed over a unix socket.
    case shm
    /// One memory that both map, handed out over a unix socket by the protocol of QEMU's ivshmem server.
    case ivshmem
    /// A non-transparent bridge in such a memory: scratchpads, doorbell bits, and for each side a memory of its own.
    case ntb
    /// The same as ivshmem in the memory of any PCI function that a rule knows.
    case pci
}
