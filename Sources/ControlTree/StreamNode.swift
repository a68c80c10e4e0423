public import LinuxSystem
public import SystemPackage

/// What stands behind one open stream: a copy file, a shell's stream. Used by the thread that serves its tree, but for answers
/// to kept reads and the opening's `readiness`, which any thread may give.
public protocol StreamFile: AnyObject {
    /// Answers now, or keeps the read and answers later. One that is not over and not kept answers `EIO`.
    func read(_ read: any PendingRead)
    /// Takes bytes that last as long as the call: all of them or as many as it says. Never waits.
    ///
    /// - Throws: the errno for the writer; then nothing was taken.
    func write(_ bytes: RawSpan, isNonBlocking: Bool) throws(Errno) -> Int
    /// What is ready now; after each growth of it, tell the opening's `readiness`.
    func poll() -> PollEvents
    /// The last descriptor of the open file is closed, or its tree is gone. Kept reads are over.
    func close()
}

/// A file that consumes or blocks. It must be opened O_RDWR, so that nothing that merely looks at files touches it.
public final class StreamNode: Node {
    /// Larger than any write, so that the kernel lets writes run beside each other.
    public static let apparentByteCount: UInt64 = 1 << 40

    private let opener: (Opening) throws(Refusal) -> any StreamFile

    /// - Parameter opener: makes what stands behind one open file. Thrown: the caller's fault, or `ENODEV`.
    public init(mode: UInt32 = 0o600, _ opener: @escaping (Opening) throws(Refusal) -> any StreamFile) {
        self.opener = opener
        super.init(mode: mode)
    }

    public override var byteCount: UInt64 { Self.apparentByteCount }

    public override func open(_ opening: Opening) throws(Refusal) -> any OpenNode {
        guard isAttached else { throw Refusal(.operationNotSupportedByDevice, "has been removed") }
        guard opening.access == .both else {
            throw Refusal(
                .permissionDenied, "consumes what it gives; open it for reading and writing (O_RDWR)")
        }
        return OpenStream(try opener(opening))
    }
}

/// One open stream, in the shape of every open node.
final class OpenStream: OpenNode {
    private let file: any StreamFile

    init(_ file: any StreamFile) { self.file = file }

    var isStream: Bool { true }

    func read(_ read: any PendingRead, at offset: UInt64) { file.read(read) }

    func write(
        _ bytes: RawSpan, at offset: UInt64, isNonBlocking: Bool, defer: () -> PendingChange
    ) -> WriteOutcome {
        do throws(Errno) { return .taken(try file.write(bytes, isNonBlocking: isNonBlocking)) } catch {
            return .refused(error)
        }
    }

    func poll() -> PollEvents { file.poll() }

    func close() { file.close() }
}
