/// How a kind of PCI function is used as a link: which BAR is the shared memory, and how its peer is rung.
public struct LinkRule: Hashable, Sendable {
    /// A place in one of the function's BARs.
    public struct Place: Hashable, Sendable {
        public let bar: BARIndex
        public let offset: UInt64

        public init(bar: BARIndex, offset: UInt64 = 0) {
            self.bar = bar
            self.offset = offset
        }
    }

    /// A register that rings the peer when it is written.
    public struct DoorbellRegister: Hashable, Sendable {
        /// What is written to it.
        public enum Form: String, Hashable, Sendable, CaseIterable {
            /// The peer's number in the upper half, the vector's in the lower.
            case peerAndVector = "peer-and-vector"
            /// One bit for each vector, as an NTB has it.
            case vectorBit = "vector-bit"
            /// The vector's number alone.
            case vectorNumber = "vector-number"
        }

        public let place: Place
        /// 16 or 32 bits.
        public let bitWidth: Int
        public let form: Form

        public init(place: Place, bitWidth: Int, form: Form) {
            self.place = place
            self.bitWidth = bitWidth
            self.form = form
        }
    }

    public let name: String
    public let vendorID: UInt16
    public let deviceIDs: ClosedRange<UInt16>
    /// The memory that both sides see, from there to the BAR's end.
    public let memory: Place
    /// `nil`: the peer cannot be rung, so both look.
    public let doorbell: DoorbellRegister?
    /// Where a side reads its own number among the peers (32 bits).
    public let identity: Place?
    /// The peer's doorbells arrive as MSI-X vectors; without, this side looks.
    public let usesVectors: Bool
    /// What somebody who wants to use it should know.
    public let remark: String

    public init(
        name: String, vendorID: UInt16, deviceIDs: ClosedRange<UInt16>, memory: Place,
        doorbell: DoorbellRegister? = nil, identity: Place? = nil, usesVectors: Bool = false,
        remark: String = ""
    ) {
        self.name = name
        self.vendorID = vendorID
        self.deviceIDs = deviceIDs
        self.memory = memory
        self.doorbell = doorbell
        self.identity = identity
        self.usesVectors = usesVectors
        self.remark = remark
    }

    public func matches(_ function: PCIFunction) -> Bool {
        function.vendorID == vendorID && deviceIDs.contains(function.deviceID)
    }

    /// The registers it needs, each with where it ends in its BAR.
    var registers: [(bar: BARIndex, end: UInt64)] {
        var registers: [(bar: BARIndex, end: UInt64)] = []
        if let doorbell {
            registers.append((doorbell.place.bar, doorbell.place.offset + UInt64(doorbell.bitWidth / 8)))
        }
        if let identity { registers.append((identity.bar, identity.offset + 4)) }
        return registers
    }
}
