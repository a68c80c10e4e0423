public import SharedMemory
public import Virtio

/// A virtqueue being set up: sizes and addresses as somebody stated them. Activation consumes it, checks every range
/// once, and gives a queue whose rings cannot move or change size any more.
public struct QueueSetup: ~Copyable {
    public let layout: SplitLayout
    public let descriptorTable: PeerRange
    public let availableRing: PeerRange
    public let usedRing: PeerRange
    /// What both sides agreed on; of these the queue looks at `.eventIndex` and `.indirectDescriptors`.
    public let negotiated: FeatureSet

    /// - Throws: `.rangeWraps` when an address leaves no room for its part (the fault of whoever stated it).
    public init(
        size: QueueSize, descriptorTable: UInt64, availableRing: UInt64, usedRing: UInt64,
        negotiated: FeatureSet
    ) throws(PeerViolation) {
        let layout = SplitLayout(size: size)
        let table = try PeerRange(
            untrustedAddress: descriptorTable, byteCount: UInt64(layout.descriptorTableByteCount))
        let available = try PeerRange(
            untrustedAddress: availableRing, byteCount: UInt64(layout.availableRingByteCount))
        let used = try PeerRange(untrustedAddress: usedRing, byteCount: UInt64(layout.usedRingByteCount))
        self.layout = layout
        self.descriptorTable = table
        self.availableRing = available
        self.usedRing = used
        self.negotiated = negotiated
    }

    /// As the MIC page has it: descriptor table and available ring in one region, the used ring apart.
    public init(
        size: QueueSize, ringRegion: UInt64, usedRing: UInt64, negotiated: FeatureSet
    ) throws(PeerViolation) {
        let available = ringRegion.addingReportingOverflow(
            UInt64(SplitLayout(size: size).availableRingOffset))
        guard !available.overflow else {
            throw .rangeWraps(
                address: ringRegion, byteCount: UInt64(SplitLayout(size: size).availableRingOffset))
        }
        try self.init(
            size: size, descriptorTable: ringRegion, availableRing: available.partialValue,
            usedRing: usedRing, negotiated: negotiated)
    }

    /// Starts the device role.
    ///
    /// - Parameters:
    ///   - rings: windows in which descriptor table and available ring may lie.
    ///   - usedRings: windows in which the used ring may lie.
    ///   - buffers: windows the driver may point descriptors (and indirect tables) at; nothing else is reachable.
    /// - Throws: `.misaligned` or `.rangeOutsideWindows`, the fault of whoever stated that address.
    public consuming func activate(
        asDeviceWithRingsIn rings: AddressSpace, usedRingIn usedRings: AddressSpace,
        buffersIn buffers: AddressSpace
    ) throws(PeerViolation) -> DeviceQueue {
        DeviceQueue(try CheckedRings(self, rings, usedRings), buffers: buffers)
    }

    /// Starts the device role where everything lies in one address space.
    public consuming func activate(asDeviceIn space: AddressSpace) throws(PeerViolation) -> DeviceQueue {
        try activate(asDeviceWithRingsIn: space, usedRingIn: space, buffersIn: space)
    }

    /// Starts the driver role; both rings are zeroed, so this comes before the device is told of them.
    ///
    /// - Parameter isResumed: the rings of an earlier process are taken up as they are: nothing is zeroed, and
    ///   `DriverQueue.resume` follows.
    /// - Throws: as for the device role.
    public consuming func activate(
        asDriverWithRingsIn rings: AddressSpace, usedRingIn usedRings: AddressSpace, isResumed: Bool = false
    ) throws(PeerViolation) -> DriverQueue {
        DriverQueue(try CheckedRings(self, rings, usedRings), isResumed: isResumed)
    }
}

/// The three parts, each a window of its own exact length, and the elements in them. Not copyable, so that no access
/// copies (and counts references to) what it reaches through.
@frozen @usableFromInline
struct CheckedRings: ~Copyable, Sendable {
    @usableFromInline let layout: SplitLayout
    @usableFromInline let available: MemoryWindow
    @usableFromInline let used: MemoryWindow
    @usableFromInline let descriptors: ElementWindow<16>
    @usableFromInline let heads: ElementWindow<2>
    @usableFromInline let elements: ElementWindow<8>
    @usableFromInline let usesEventIndex: Bool
    @usableFromInline let usesIndirect: Bool

    init(_ setup: borrowing QueueSetup, _ rings: AddressSpace, _ usedRings: AddressSpace)
        throws(PeerViolation)
    {
        let table = try Self.part(setup.descriptorTable, SplitLayout.descriptorTableAlignment, in: rings)
        let available = try Self.part(setup.availableRing, SplitLayout.availableRingAlignment, in: rings)
        let used = try Self.part(setup.usedRing, SplitLayout.usedRingAlignment, in: usedRings)
        layout = setup.layout
        let count = layout.size.count
        self.available = available
        self.used = used
        descriptors = ElementWindow(table, at: 0, count: count, fieldWidth: 8)
        heads = ElementWindow(available, at: SplitLayout.elementsOffset, count: count, fieldWidth: 2)
        elements = ElementWindow(used, at: SplitLayout.elementsOffset, count: count, fieldWidth: 4)
        usesEventIndex = setup.negotiated.contains(.eventIndex)
        usesIndirect = setup.negotiated.contains(.indirectDescriptors)
    }

    /// Both the stated address and its place in the window must be aligned: the first is the standard's rule, the
    /// second is what single loads and stores need.
    private static func part(_ range: PeerRange, _ alignment: UInt64, in space: AddressSpace)
        throws(PeerViolation) -> MemoryWindow
    {
        let slice = try space.resolve(range)
        guard (range.address | UInt64(slice.offset)) & (alignment &- 1) == 0 else {
            throw .misaligned(address: range.address, alignment: alignment)
        }
        return space.window(of: slice).part(at: slice.offset, byteCount: slice.byteCount)
    }
}
