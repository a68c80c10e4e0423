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
    mutating func takeWindow(_ index: Int, byteCount: Int) throws(MeetingRefusal) -> MemoryWindow {
        let descriptor = try take()
        do throws(Errno) {
            let file = try MemoryFile(untrusted: descriptor, announced: byteCount)
            return unsafe MemoryWindow(try file.map())
        } catch { throw MeetingRefusal(error, window: index) }
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
