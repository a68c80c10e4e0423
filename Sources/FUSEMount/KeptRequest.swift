internal import ControlTree
internal import SharedMemory
internal import Synchronization
internal import SystemPackage

/// A request in a place where several may reach for it: whoever comes first answers, the others are late. A caller that is
/// interrupted meanwhile gets `EINTR`.
final class KeptRequest: Sendable {
    private struct State: ~Copyable {
        var request: FUSERequest?
        var isOver = false
        var onInterrupt: (@Sendable () -> Void)?
    }

    private let state: Mutex<State>

    init(_ request: consuming FUSERequest) { state = Mutex(State(request: request)) }

    var isOver: Bool { state.withLock { $0.isOver } }

    /// Answers, unless that has been done.
    ///
    /// - Returns: whether the answer reached anybody.
    func answer(_ reply: (consuming FUSERequest) -> Delivery) -> Bool {
        let request = state.withLock { state -> FUSERequest? in
            state.isOver = true
            state.onInterrupt = nil
            return state.request.take()
        }
        guard let request else { return false }
        return reply(request).isDelivered
    }

    /// `body` is called when the caller gives up; asked for before interrupts are heeded, so that none is missed.
    func onInterrupt(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onInterrupt = body } }

    /// Begins to heed interrupts: once it is known that the answer takes its time.
    func heedInterrupts() {
        let isHeeded = state.withLock { state -> Bool in
            guard let request = state.request.take() else { return true }
            let isHeeded = request.onInterrupt { [weak self] in self?.interrupt() }
            state.request = consume request
            return isHeeded
        }
        if !isHeeded { interrupt() }
    }

    private func interrupt() {
        let body = state.withLock { $0.onInterrupt }
        if answer({ $0.fail(.interrupted) }) { body?() }
    }
}

/// A read of the kernel's, as a tree sees it.
final class ReadRequest: PendingRead {
    let byteCount: Int
    let isNonBlocking: Bool
    let requester: Requester
    private let kept: KeptRequest

    init(_ request: consuming FUSERequest, byteCount: Int, isNonBlocking: Bool) {
        self.byteCount = byteCount
        self.isNonBlocking = isNonBlocking
        requester = Requester(request.caller)
        kept = KeptRequest(request)
    }

    var isOver: Bool { kept.isOver }

    func reply(_ bytes: RawSpan) -> Bool {
        guard bytes.byteCount <= byteCount else {
            _ = fail(.ioError)
            return false
        }
        return kept.answer { $0.reply(bytes) }
    }

    func reply(_ bytes: [UInt8]) -> Bool { unsafe reply(bytes.span.bytes) }

    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool {
        let count = slices.reduce(header.count) { $0 + $1.byteCount }
        guard count <= byteCount else {
            _ = fail(.ioError)
            return false
        }
        // SAFETY: the pieces are lent for exactly this call, in which the kernel gathers them.
        let isDelivered = unsafe space.lendGathered(slices) { pieces in
            kept.answer { unsafe $0.reply(header, pieces: pieces) }
        }
        // Perhaps because the kernel did not reach them.
        if !isDelivered { space.touch(slices) }
        return isDelivered
    }

    func fail(_ errno: Errno) -> Bool { kept.answer { $0.fail(errno) } }

    func onInterrupt(_ body: @escaping @Sendable () -> Void) { kept.onInterrupt(body) }

    func heedInterrupts() { kept.heedInterrupts() }
}

extension Requester {
    init(_ caller: Caller) { self.init(user: caller.user, group: caller.group, process: caller.process) }
}

/// The kernel's wish to hear of an open file's readiness, kept until there is something to hear.
final class PollSignal: ReadinessSignal {
    private let handle = Mutex<PollHandle?>(nil)

    /// A newer wish takes an older one's place.
    func keep(_ newer: consuming PollHandle?) {
        handle.withLock { handle in
            guard let newer = newer.take() else { return }
            handle = consume newer
        }
    }

    func changed() {
        let handle = handle.withLock { $0.take() }
        handle?.notify()
    }

    func drop() { _ = handle.withLock { $0.take() } }
}
