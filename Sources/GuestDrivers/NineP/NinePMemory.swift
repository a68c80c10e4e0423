import NineP
import SharedMemory
import VOPGuest

/// What a 9p driver has of the guest's window.
struct NinePMemory {
    /// Our own Tversion and its answer, set aside so that a session can always be ended.
    let endRequest: GuestBuffer
    let endReply: GuestBuffer
    let pool: BufferPool

    private static let endRequestByteCount = 64
    private static let endReplyByteCount = Int(Protocol9P.minimumMessageSize)

    /// - Throws: `.outOfMemory` when there is not even the least.
    init(in device: BoundDevice, _ settings: NinePSettings) throws(GuestDriverError) {
        endRequest = try device.allocate(byteCount: Self.endRequestByteCount)
        endReply = try device.allocate(byteCount: Self.endReplyByteCount)
        pool = try BufferPool(in: device, wanting: settings.poolByteCount)
    }

    /// What an earlier process allocated in the same order.
    ///
    /// - Returns: `nil` when that was something else.
    init?(earlier device: BoundDevice) {
        let buffers = device.earlier
        guard buffers.count == 3, buffers[0].range.byteCount == UInt64(Self.endRequestByteCount),
            buffers[1].range.byteCount == UInt64(Self.endReplyByteCount),
            buffers[2].range.byteCount >= UInt64(NinePSettings.poolByteCountMinimum)
        else { return nil }
        (endRequest, endReply, pool) = (buffers[0], buffers[1], BufferPool(buffers[2]))
    }
}
