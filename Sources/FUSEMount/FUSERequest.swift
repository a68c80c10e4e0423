internal import CFUSE
public import SystemPackage

/// Who asks.
@frozen
public struct Caller: Hashable, Sendable {
    public var user: UInt32
    public var group: UInt32
    /// The thread's number, as seen from the session's pid namespace; zero from outside it.
    public var process: CInt
    /// The file mode bits it does not want set.
    public var mask: UInt32

    public init(user: UInt32, group: UInt32, process: CInt, mask: UInt32 = 0) {
        self.user = user
        self.group = group
        self.process = process
        self.mask = mask
    }
}

/// What became of a reply.
public enum Delivery: Sendable, Hashable {
    case delivered
    /// Nobody got it: `ENOENT` when the request had been given up, `ENODEV` or `EBADF` when the session has ended. What it
    /// carried may be given to somebody else.
    case lost(Errno)

    init(_ result: CInt) { self = result == 0 ? .delivered : .lost(Errno(rawValue: -result)) }

    public var isDelivered: Bool { self == .delivered }
}

/// One request of the kernel's, to be answered exactly once: a second answer does not compile, and one that is forgotten
/// answers `EIO`. It may be kept and answered later, from any thread, also after its session has ended.
@safe
public struct FUSERequest: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer
    private let core: Unmanaged<SessionCore>

    // SAFETY: libfuse hands each operation a request that stands until it is answered; its user data is the core.
    @unsafe
    init(_ raw: OpaquePointer?) {
        guard let raw = unsafe raw else { preconditionFailure("libfuse made an operation without a request") }
        unsafe self.raw = raw
        unsafe core = Unmanaged.passRetained(SessionCore.of(fuse_req_userdata(raw)))
    }

    deinit {
        _ = unsafe Answering(raw: raw, core: core).send { unsafe fuse_reply_err($0, Errno.ioError.rawValue) }
    }

    /// Who made it.
    public var caller: Caller {
        guard let context = unsafe fuse_req_ctx(raw)?.pointee else {
            return Caller(user: 0, group: 0, process: 0)
        }
        return Caller(user: context.uid, group: context.gid, process: context.pid, mask: context.umask)
    }

    /// Asks to be told when the caller no longer wants to wait (a signal). It goes on waiting until the request is answered:
    /// `EINTR` is what it expects.
    ///
    /// - Parameter body: called at most once, by a thread that serves the session; it may answer the request. In a session
    ///   with several threads it may come while another answers it.
    /// - Returns: false when the interrupt has come already; then `body` is never called.
    public borrowing func onInterrupt(_ body: @escaping @Sendable () -> Void) -> Bool {
        unsafe core.takeUnretainedValue().registerInterrupt(raw, body)
    }

    var sessionCore: SessionCore { unsafe core.takeUnretainedValue() }

    var filesystem: any FUSEFilesystem {
        guard let filesystem = unsafe core.takeUnretainedValue().filesystem else {
            preconditionFailure("an operation reached a session that has ended")
        }
        return filesystem
    }

    /// Gives up the request for the one call that answers it.
    @unsafe
    consuming func take() -> Answering {
        let answering = unsafe Answering(raw: raw, core: core)
        discard self
        return unsafe answering
    }

    /// A request whose owner is gone and that is being answered.
    @unsafe
    struct Answering {
        let raw: OpaquePointer
        let core: Unmanaged<SessionCore>

        /// Answers with one call of the library's, which ends the request.
        // SAFETY: made by `take` or `deinit` alone, each the end of the one value that owned the request.
        func send(_ reply: (OpaquePointer) -> CInt) -> Delivery {
            unsafe core.takeUnretainedValue().forgetInterrupt(UInt(bitPattern: raw))
            let result = unsafe reply(raw)
            unsafe core.release()
            return Delivery(result)
        }
    }
}
