import SharedMemory
import VOPGuest

/// Memory in the guest's window for requests and replies on their way.
struct BufferPool {
    let buffer: GuestBuffer
    private var allocator: RangeAllocator

    /// As much as is wanted, or half of it, and so on.
    ///
    /// - Throws: `.outOfMemory` when there is not even the least.
    init(in device: BoundDevice, wanting byteCount: Int) throws(GuestDriverError) {
        buffer = try Self.largest(in: device, byteCount)
        allocator = RangeAllocator(buffer.range.address..<buffer.range.end)
    }

    /// The one that an earlier process had; what is in use of it is claimed.
    init(_ buffer: GuestBuffer) {
        self.buffer = buffer
        allocator = RangeAllocator(buffer.range.address..<buffer.range.end)
    }

    private static func largest(in device: BoundDevice, _ wanted: Int) throws(GuestDriverError) -> GuestBuffer
    {
        let least = NinePSettings.poolByteCountMinimum
        var byteCount = max(wanted & ~4095, least)
        while byteCount > least {
            do throws(GuestDriverError) {
                return try device.allocate(byteCount: byteCount, alignment: 4096)
            } catch {
                guard case .outOfMemory = error else { throw error }
            }
            byteCount = max(byteCount / 2 & ~4095, least)
        }
        return try device.allocate(byteCount: least, alignment: 4096)
    }

    mutating func take(_ byteCount: Int) -> PeerRange? {
        guard let address = allocator.allocate(byteCount: UInt64(byteCount), alignment: 64) else {
            return nil
        }
        do throws(PeerViolation) {
            return try PeerRange(untrustedAddress: address, byteCount: UInt64(byteCount))
        } catch { preconditionFailure("a range of our own window wraps") }
    }

    /// Takes exactly that range, which an earlier process took.
    ///
    /// - Returns: false when some of it is taken, or is not of this pool.
    mutating func claim(_ range: PeerRange) -> Bool {
        allocator.claim(range.address, byteCount: range.byteCount)
    }

    mutating func give(_ range: PeerRange) { allocator.release(range.address) }

    /// Where a range of the pool lies in `buffer.window`.
    func offset(of range: PeerRange) -> Int { Int(range.address - buffer.range.address) }
}
