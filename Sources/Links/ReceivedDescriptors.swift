import LinuxSystem
import SharedMemory
import SystemPackage

/// Descriptors that came with a message, taken in order; what nobody took is closed.
struct ReceivedDescriptors: ~Copyable {
    private var waiting: ArraySlice<CInt>

    init(owning descriptors: [CInt]) { waiting = descriptors[...] }

    deinit { for descriptor in waiting { _ = OwnedDescriptor(owning: descriptor) } }

    var count: Int { waiting.count }

    mutating func take() throws(MeetingRefusal) -> OwnedDescriptor {
        guard let next = waiting.popFirst() else { throw MeetingRefusal("a descriptor is missing") }
        return OwnedDescriptor(owning: next)
    }

    /// A peer's memory, checked for its seals and for the size announced.
    mutating func takeWindow(_ index: Int, byteCount: Int) throws(MeetingRefusal) -> SealedWindow {
        let descriptor = try take()
        do throws(Errno) {
            return try SealedWindow(untrusted: descriptor, announced: byteCount)
        } catch { throw MeetingRefusal(error, window: index) }
    }

    /// Windows that a peer hands back as ours.
    ///
    /// - Returns: `nil` when one of them is no window at all; their descriptors are taken all the same.
    mutating func takeReturned(_ ranges: [MeetingRange]) throws(MeetingRefusal) -> [SealedWindow]? {
        var windows: [SealedWindow] = []
        for range in ranges {
            let descriptor = try take()
            guard let byteCount = Int(exactly: range.byteCount) else { continue }
            do throws(Errno) {
                windows.append(try SealedWindow(untrusted: descriptor, announced: byteCount))
            } catch { continue }
        }
        return windows.count == ranges.count ? windows : nil
    }

    mutating func takeDoorbells(_ count: Int) throws(MeetingRefusal) -> [EventCounter] {
        var doorbells: [EventCounter] = []
        for index in 0..<count {
            let descriptor = try take()
            do throws(Errno) {
                doorbells.append(try EventCounter(untrusted: descriptor))
            } catch { throw MeetingRefusal(.doorbells, "doorbell \(index) is no eventfd") }
        }
        return doorbells
    }
}
