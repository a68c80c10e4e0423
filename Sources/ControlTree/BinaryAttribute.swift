internal import LinuxSystem
internal import SharedMemory
internal import SystemPackage

/// A file of raw bytes (`page.bin`, `config.bin`), read from a snapshot as an attribute is, and written in place: a write changes
/// the bytes it covers, whole or not at all.
public final class BinaryAttribute: Node {
    /// Takes bytes for `offset`, inside the file, and answers, now or later.
    public typealias Writer = (_ bytes: [UInt8], _ offset: Int, _ change: PendingChange) -> Void

    let show: () -> [UInt8]
    let change: Writer?
    private let count: () -> Int

    /// - Parameters:
    ///   - count: the bytes it has now.
    ///   - show: its bytes now.
    public init(
        mode: UInt32, count: @escaping () -> Int, show: @escaping () -> [UInt8], change: Writer? = nil
    ) {
        self.count = count
        self.show = show
        self.change = change
        super.init(mode: mode)
    }

    public override var byteCount: UInt64 { UInt64(max(0, count())) }

    /// - Throws: `EACCES` for writing what cannot be; `ENODEV` when its object has been removed.
    public override func open(_ opening: Opening) throws(Refusal) -> any OpenNode {
        guard isAttached else { throw Refusal(.operationNotSupportedByDevice, "has been removed") }
        guard change != nil || opening.access == .reading else {
            throw Refusal(.permissionDenied, "cannot be written; open it for reading")
        }
        return OpenBinaryAttribute(self)
    }
}

private final class OpenBinaryAttribute: OpenNode {
    private let attribute: BinaryAttribute
    private var snapshot: [UInt8]?

    init(_ attribute: BinaryAttribute) { self.attribute = attribute }

    var isStream: Bool { false }

    func close() {}

    func read(_ read: any PendingRead, at offset: UInt64) {
        guard attribute.isAttached else {
            read.fail(.operationNotSupportedByDevice)
            return
        }
        let bytes = offset > 0 ? snapshot ?? attribute.show() : attribute.show()
        snapshot = bytes
        read.reply(Array(bytes.dropFirst(Int(clamping: offset)).prefix(read.byteCount)))
    }

    func write(
        _ bytes: RawSpan, at offset: UInt64, isNonBlocking: Bool, defer: () -> PendingChange
    ) -> WriteOutcome {
        let asked = `defer`()
        let change = attribute.owningTree?.reporting(.write, attribute, nil, asked) ?? asked
        let (end, wraps) = offset.addingReportingOverflow(UInt64(bytes.byteCount))
        guard attribute.isAttached, let write = attribute.change else {
            change.refuse(Refusal(.operationNotSupportedByDevice, "has been removed"))
            return .later
        }
        guard !wraps, end <= attribute.byteCount else {
            change.refuse(
                Refusal(
                    .invalidArgument,
                    "bytes \(offset) to \(end) reach past its end; it has \(attribute.byteCount)"))
            return .later
        }
        snapshot = nil
        write(bytes.copied, Int(offset), change)
        return .later
    }

    func poll() -> PollEvents { attribute.isAttached ? [.readable, .writable] : [.error, .hangUp] }
}
