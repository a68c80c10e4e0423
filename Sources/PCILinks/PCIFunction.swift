/// A PCI function as its configuration space describes it. All of it comes from the device: a number a peer made up.
public struct PCIFunction: Hashable, Sendable {
    public let address: PCIAddress
    public let vendorID: UInt16
    public let deviceID: UInt16
    /// Class and subclass, as in `0500` for memory.
    public let classCode: UInt16
    public let subsystemVendorID: UInt16
    public let subsystemID: UInt16
    /// `nil` where nobody knows, or there is one node.
    public let numaNode: Int?
    /// Those that are there, by index.
    public let bars: [BAR]
    public let capabilities: [PCICapability]
    /// The command register.
    public let command: PCICommand
    /// `nil` where the function has none, or where what follows the first 64 bytes may not be read.
    public let msix: MSIXTable?
    /// Only root reads all of it: then capabilities are known.
    public let isConfigurationComplete: Bool
    /// Why the function could not be described, where that is so.
    public let fault: String?

    public func bar(_ index: BARIndex) -> BAR? { bars.first { $0.index == index } }

    /// `0500`
    public var classText: String { classCode.hex(4) }

    /// `1af4:1110`
    public var identity: String { "\(vendorID.hex(4)):\(deviceID.hex(4))" }
}

/// The bits of the command register that say what a function may do (PCI Local Bus 3.0, 6.2.2).
public struct PCICommand: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Answers in its memory BARs.
    public static let memory = PCICommand(rawValue: 1 << 1)
    /// May write to memory of its own accord, interrupt messages among it.
    public static let busMaster = PCICommand(rawValue: 1 << 2)
}

/// One capability of the lists that configuration space holds.
public struct PCICapability: Hashable, Sendable {
    public let id: UInt16
    /// Of PCI Express's larger configuration space.
    public let isExtended: Bool
    public let position: UInt32
}

/// Where a function keeps its interrupt vectors (PCI Local Bus 3.0, 6.8.2).
public struct MSIXTable: Hashable, Sendable {
    static let capabilityID: UInt16 = 0x11

    /// 1…2048
    public let vectorCount: Int
    public let bar: BARIndex
    public let offset: UInt32

    /// Reads the capability at `position` of a copy of the first 256 bytes.
    ///
    /// - Returns: `nil` where it does not lie in them, or names a BAR that cannot be.
    init?(configuration: [UInt8], at position: UInt32) {
        let start = Int(position)
        // Message control, then where the table is.
        guard start >= 64, start <= configuration.count - 8 else { return nil }
        func byte(_ offset: Int) -> UInt32 { UInt32(configuration[start + offset]) }
        let control = byte(2) | byte(3) << 8
        let table = byte(4) | byte(5) << 8 | byte(6) << 16 | byte(7) << 24
        guard let bar = BARIndex(Int(table & 7)) else { return nil }
        vectorCount = Int(control & 0x7ff) + 1
        self.bar = bar
        offset = table & ~7
    }
}
