public import SharedMemory
public import Virtio

/// The windows of the meeting there is, and its doorbells.
extension IvshmemLink {
    // MARK: Memory

    public var addressSpace: AddressSpace { met?.windows.all ?? AddressSpace() }
    public func windows(of side: Side) -> AddressSpace { met?.windows.windows(of: side) ?? AddressSpace() }
    public var devicePageAddress: UInt64 { met?.windows.devicePageAddress ?? 0 }
    public var meetingID: UInt64 { met?.meetingID ?? 0 }

    public func allocate(byteCount: Int, alignment: Int) throws(LinkError) -> PeerRange {
        guard let range = try met?.windows.allocate(byteCount: byteCount, alignment: alignment) else {
            throw .notUp
        }
        return range
    }

    public func reclaim(_ range: PeerRange) -> Bool { met?.windows.reclaim(range) ?? false }
    public func free(_ range: PeerRange) { met?.windows.free(range) }

    // MARK: Doorbells

    /// While met, as many as the side with fewer vectors has.
    public var doorbellCount: Int { doorbells.count }
    public func allocateDoorbell() -> DoorbellNumber { doorbells.allocate() }
    public func releaseDoorbell(_ number: DoorbellNumber) { doorbells.release(number) }
    public func reclaimDoorbell(_ number: DoorbellNumber) -> Bool { doorbells.claim(number) }

    public func ring(_ number: DoorbellNumber) {
        guard let met, Int(number.rawValue) < doorbellCount else { return }
        noteRing()
        guard met.peer.vectorCount > 0 else { return }
        counters.doorbells.countWrite(0)
        port.ring(Int(number.rawValue), of: met.peer.peer)
    }

    public func notify(_ number: DoorbellNumber) {
        guard met != nil, let header = meeting?.header else { return }
        if waiting.mustRing(number, header) { ring(number) } else { noteRing() }
    }
}
