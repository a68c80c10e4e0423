internal import LinuxSystem
internal import SharedMemory
internal import Synchronization
internal import SystemPackage

/// The open files that wait for a node to change. They hold their node, not it them.
///
/// By identity: everybody who may read a file may open it as often as the system lets them, and each of these comes and goes.
final class WatcherList {
    private struct Watcher {
        weak var signal: (any ReadinessSignal)?
    }

    private var watchers: [ObjectIdentifier: Watcher] = [:]

    func add(_ signal: any ReadinessSignal) {
        watchers[ObjectIdentifier(signal)] = Watcher(signal: signal)
    }

    func remove(_ signal: any ReadinessSignal) { watchers[ObjectIdentifier(signal)] = nil }

    func wake() { for watcher in watchers.values { watcher.signal?.changed() } }
}

/// One open attribute.
final class OpenAttribute: OpenNode {
    private let attribute: Attribute
    private let readiness: any ReadinessSignal
    private let watchers: WatcherList
    private var snapshot: [UInt8]?
    private var seenVersion: UInt64
    /// The sentence of the last write through this open file, when it was refused. Written before the writer is answered, by
    /// whichever thread answers.
    private let refusal = RefusalNote()

    init(_ attribute: Attribute, _ readiness: any ReadinessSignal, _ watchers: WatcherList) {
        self.attribute = attribute
        self.readiness = readiness
        self.watchers = watchers
        seenVersion = attribute.version
        watchers.add(readiness)
    }

    var isStream: Bool { false }

    func close() { watchers.remove(readiness) }

    func read(_ read: any PendingRead, at offset: UInt64) {
        if let sentence = refusal.text {
            read.reply(Array("\(sentence)\n".utf8.dropFirst(Int(clamping: offset)).prefix(read.byteCount)))
            return
        }
        guard attribute.isAttached else {
            read.fail(.operationNotSupportedByDevice)
            return
        }
        let bytes: [UInt8]
        if offset > 0, let snapshot {
            bytes = snapshot
        } else {
            seenVersion = attribute.version
            bytes = Array(attribute.snapshot().utf8)
            snapshot = bytes
        }
        read.reply(Array(bytes.dropFirst(Int(clamping: offset)).prefix(read.byteCount)))
    }

    func write(
        _ bytes: RawSpan, at offset: UInt64, isNonBlocking: Bool, defer: () -> PendingChange
    ) -> WriteOutcome {
        refusal.text = nil
        snapshot = nil
        let asked = `defer`()
        let note = refusal
        let change =
            attribute.owningTree?.reporting(.write, attribute, nil, asked) { note.text = $0 }
            ?? asked
        do throws(Refusal) {
            let text = try value(in: bytes, at: offset)
            attribute.change?(text, change)
        } catch { change.refuse(error) }
        return .later
    }

    private func value(in bytes: RawSpan, at offset: UInt64) throws(Refusal) -> String {
        guard attribute.isAttached else { throw Refusal(.operationNotSupportedByDevice, "has been removed") }
        guard offset == 0 else {
            throw Refusal(.invalidArgument, "a value is written whole, at offset 0; use '>' and one write")
        }
        guard bytes.byteCount <= Attribute.byteCountMaximum else {
            throw Refusal(
                .invalidArgument,
                "\(bytes.byteCount) bytes are too many; a value has \(Attribute.byteCountMaximum) at most")
        }
        var copy = bytes.copied
        if copy.last == UInt8(ascii: "\n") { copy.removeLast() }
        guard let text = String(validating: copy, as: UTF8.self), !copy.contains(0) else {
            throw Refusal(.invalidArgument, "the value is no text; write UTF-8 without zero bytes")
        }
        return text
    }

    /// As sysfs: always readable, and POLLPRI once it has changed since it was last read.
    func poll() -> PollEvents {
        guard attribute.isAttached else { return [.error, .hangUp] }
        let ordinary: PollEvents = [.readable, .writable]
        return attribute.version == seenVersion ? ordinary : ordinary.union([.priority, .error])
    }
}

/// A sentence that one thread leaves and another reads.
private final class RefusalNote: Sendable {
    private let value = Mutex<String?>(nil)

    var text: String? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}
