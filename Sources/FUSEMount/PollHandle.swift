internal import CFUSE

/// The kernel's wish to hear of a file's next readiness. Kept until then, or until a newer one for the same open file takes
/// its place; dropping it is always safe.
@safe
public struct PollHandle: ~Copyable, @unchecked Sendable {
    private let raw: OpaquePointer
    private let core: Unmanaged<SessionCore>

    // SAFETY: libfuse gives each poll handle away once, and the core keeps its session standing.
    @unsafe
    init?(_ raw: OpaquePointer?, for request: borrowing FUSERequest) {
        guard let raw = unsafe raw else { return nil }
        unsafe self.raw = raw
        unsafe core = Unmanaged.passRetained(request.sessionCore)
    }

    deinit {
        unsafe fuse_pollhandle_destroy(raw)
        unsafe core.release()
    }

    /// Wakes whoever waits; it asks again with a new `poll`. From any thread.
    public consuming func notify() { _ = unsafe fuse_lowlevel_notify_poll(raw) }
}
