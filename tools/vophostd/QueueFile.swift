import ControlTree
import LinuxSystem
import SharedMemory
import SystemPackage
import VOPHost

/// An open `copy` or `stream`: the tree's reads and writes, passed to the queue.
final class QueueFile: StreamFile {
    private let opening: QueueOpening

    init(_ opening: QueueOpening) { self.opening = opening }

    func read(_ read: any PendingRead) {
        let waiting = WaitingRead(read, opening)
        opening.read(waiting)
        guard !read.isOver else { return }
        // The queue holds it while it waits. Held here too, a read that is dropped would hold itself, unanswered for ever.
        read.onInterrupt { [weak waiting] in waiting?.cancel() }
    }

    func write(_ bytes: RawSpan, isNonBlocking: Bool) throws(Errno) -> Int { try opening.write(bytes) }

    func poll() -> PollEvents { opening.poll() }

    func close() { opening.close() }
}

/// A reader's request as the queue keeps it. Sendable by promise only: the tree calls back on its own thread, which is
/// the queue's.
private final class WaitingRead: ChainRead, @unchecked Sendable {
    private let read: any PendingRead
    private let opening: QueueOpening

    init(_ read: any PendingRead, _ opening: QueueOpening) {
        self.read = read
        self.opening = opening
    }

    func cancel() { opening.cancel(self) }

    var byteCount: Int { read.byteCount }
    var isNonBlocking: Bool { read.isNonBlocking }
    var isOver: Bool { read.isOver }

    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool {
        read.reply(header, slices: slices, of: space)
    }

    func fail(_ errno: Errno) -> Bool { read.fail(errno) }
}
