internal import CFUSE
internal import Glibc
internal import Synchronization

/// What a session and its unanswered requests share. Whoever lets go last destroys libfuse's session, so a late reply finds
/// it standing (and its connection severed).
@safe
final class SessionCore: @unchecked Sendable {
    private struct Interrupt {
        var body: @Sendable () -> Void
        var isArmed = false
        var hasFired = false
    }

    /// libfuse's session; set once, before any request.
    private(set) var session: OpaquePointer?
    /// `nil` when the session has ended. Written only while no thread serves it.
    var filesystem: (any FUSEFilesystem)?
    private let interrupts = Mutex<[UInt: Interrupt]>([:])

    init(_ filesystem: any FUSEFilesystem, arguments: [String]) throws(MountError) {
        self.filesystem = filesystem
        LibraryLog.install()
        var operations = OperationTable.all
        var strings = unsafe arguments.map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        let userData = unsafe Unmanaged.passUnretained(self).toOpaque()
        // SAFETY: libfuse copies arguments and operations; `self` outlives its session, which `deinit` destroys.
        unsafe session = strings.withUnsafeMutableBufferPointer { buffer in
            var list = unsafe fuse_args(argc: CInt(buffer.count), argv: buffer.baseAddress, allocated: 0)
            let made = unsafe fuse_session_new(
                &list, &operations, MemoryLayout<fuse_lowlevel_ops>.size, userData)
            unsafe fuse_opt_free_args(&list)
            return unsafe made
        }
        guard unsafe session != nil else { throw .refused(LibraryLog.takeText()) }
    }

    deinit { unsafe session.map { unsafe fuse_session_destroy($0) } }

    /// The core of a session made above, from what libfuse hands to its operations.
    // SAFETY: the pointer is the `userData` of a session that stands, hence of a core that stands.
    @unsafe
    static func of(_ userData: UnsafeMutableRawPointer?) -> SessionCore {
        guard let userData = unsafe userData else { preconditionFailure("libfuse lost its session's owner") }
        return unsafe Unmanaged<SessionCore>.fromOpaque(userData).takeUnretainedValue()
    }

    // MARK: Interrupts

    /// Registers `body` for one request. False when the interrupt has come already; `body` is then never called.
    @unsafe
    func registerInterrupt(_ request: OpaquePointer, _ body: @escaping @Sendable () -> Void) -> Bool {
        let key = UInt(bitPattern: request)
        interrupts.withLock { $0[key] = Interrupt(body: body) }
        // SAFETY: the request is unanswered, so libfuse holds it. The callback may run inside this very call, under libfuse's
        // lock of the request: while the entry is not armed it only leaves a note.
        unsafe fuse_req_interrupt_func(
            request,
            { request, _ in
                guard let request = unsafe request else { return }
                unsafe SessionCore.of(fuse_req_userdata(request)).interrupt(UInt(bitPattern: request))
            }, nil)
        return interrupts.withLock { table in
            guard table[key]?.hasFired != true else {
                table[key] = nil
                return false
            }
            table[key]?.isArmed = true
            return true
        }
    }

    private func interrupt(_ key: UInt) {
        let body = interrupts.withLock { table -> (@Sendable () -> Void)? in
            guard let entry = table[key] else { return nil }
            guard entry.isArmed else {
                table[key]?.hasFired = true
                return nil
            }
            table[key] = nil
            return entry.body
        }
        body?()
    }

    /// The request is about to be answered: its interrupt is nobody's business any more.
    func forgetInterrupt(_ key: UInt) {
        interrupts.withLock { table in
            guard !table.isEmpty else { return }
            table[key] = nil
        }
    }
}
