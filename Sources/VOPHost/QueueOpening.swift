public import LinuxSystem
import SharedMemory
public import SystemPackage
import Virtqueue

/// One open file on a queue: what it holds is its own until it answers it or is closed.
public class QueueOpening {
    let queue: CopyQueue
    let id: OpeningID
    private let readinessChanged: () -> Void
    private var toldReadiness: PollEvents = []
    /// A reset has been and this open file has not been told.
    var owesReset = false
    private var isClosed = false

    /// What became of an attempt to answer a read.
    enum Attempt {
        /// Somebody got the answer.
        case answered
        /// Nobody got it; what it carried is ready again.
        case lost
        /// There is nothing to answer with.
        case nothing
    }

    init(_ queue: CopyQueue, _ id: OpeningID, _ readinessChanged: @escaping () -> Void) {
        self.queue = queue
        self.id = id
        self.readinessChanged = readinessChanged
    }

    /// Answers the read now, or keeps it until there is something.
    public final func read(_ read: any ChainRead) {
        guard !isClosed else {
            _ = read.fail(.badFileDescriptor)
            return
        }
        guard canRead(read) else {
            _ = read.fail(.invalidArgument)
            return
        }
        queue.waiting.append((self, read))
        queue.serve()
        guard read.isNonBlocking, queue.forget(read) else { return }
        _ = read.fail(.wouldBlock)
    }

    /// The reader has given up: the read is forgotten, unanswered.
    public final func cancel(_ read: any ChainRead) { _ = queue.forget(read) }

    /// Takes bytes that last as long as the call. Never waits.
    ///
    /// - Returns: how many were taken.
    /// - Throws: why none was; nothing has changed then.
    public func write(_ bytes: RawSpan) throws(Errno) -> Int { 0 }

    /// What would not wait: `readable` for a read, `writable` for a write; `priority` while a reset is to be told,
    /// `hangUp` for good when the device is gone.
    public final func poll() -> PollEvents {
        if queue.isRemoved { return [.readable, .hangUp] }
        if owesReset { return [.readable, .priority, .writable] }
        return queue.isBroken ? readiness().subtracting(.readable) : readiness()
    }

    /// Tells whoever polls when there is more to tell than the last time, or something new of the same.
    final func tellReadiness(again: Bool) {
        let events = poll()
        let isNews = !events.subtracting(toldReadiness).isEmpty || again && events.contains(.readable)
        toldReadiness = events
        if isNews { readinessChanged() }
    }

    /// The last descriptor is closed. Kept reads are over, and chains return to the head of the queue.
    public final func close() {
        guard !isClosed else { return }
        isClosed = true
        queue.close(self)
    }

    /// What every kind of opening answers alike, before it looks for chains.
    final func attempt(_ read: any ChainRead, share: Int) -> Attempt {
        if queue.isRemoved {
            _ = read.fail(.operationNotSupportedByDevice)
            return .answered
        }
        if owesReset {
            // Told once, and not told if nobody heard it.
            owesReset = false
            if !read.fail(.staleNFSFileHandle) { owesReset = true }
            return .answered
        }
        return queue.isBroken ? .nothing : deliver(read, share: share)
    }

    // MARK: What the kinds differ in

    func canRead(_ read: any ChainRead) -> Bool { true }
    func deliver(_ read: any ChainRead, share: Int) -> Attempt { .nothing }
    func readiness() -> PollEvents { [] }
    /// The chains it held are somebody else's, or nobody's.
    func forgetChains() {}
}

extension CopyQueue {
    /// - Returns: whether it was still waiting.
    func forget(_ read: any ChainRead) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.read === read }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Answers with bytes that lie in the driver's memory: straight from there, or from a private copy.
    func reply(_ read: any ChainRead, _ header: [UInt8], _ slices: [WindowSlice]) -> Bool {
        guard let space = chains.ring?.buffers else { return false }
        guard Self.isCopied(slices, of: space) else { return read.reply(header, slices: slices, of: space) }
        let count = slices.reduce(0) { $0 + $1.byteCount }
        var bytes = [UInt8](repeating: 0, count: header.count + count)
        bytes.replaceSubrange(0..<header.count, with: header)
        var span = bytes.mutableSpan
        var position = header.count
        for slice in slices {
            space.copy(slice, into: &span, at: position)
            position += slice.byteCount
        }
        return read.reply(bytes, slices: [], of: space)
    }

    /// Device memory is not lent to the kernel; and many small pieces cost it more to find than us to copy.
    private static func isCopied(_ slices: [WindowSlice], of space: AddressSpace) -> Bool {
        let count = slices.reduce(0) { $0 + $1.byteCount }
        return count <= slices.count * smallPiece
            || slices.contains { space.window(of: $0).isDeviceMemory }
    }

    /// Pieces of so many bytes on average are copied.
    private static let smallPiece = 1024
}
