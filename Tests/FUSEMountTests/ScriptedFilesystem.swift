import FUSEMount
import Glibc
import Synchronization
import SystemPackage

/// One directory with three files: `plain` (cached, 1 MiB at most, kept in memory), `held` (reads wait for `answer`), and
/// `forgotten` (requests are dropped unanswered). It records what was asked.
final class ScriptedFilesystem: FUSEFilesystem, Sendable {
    struct State: ~Copyable {
        var content: [UInt8] = []
        var held: [HeldRead] = []
        var interruptCount = 0
        var polls: PollHandle?
        var log: [String] = []
        var deliveries: [Delivery] = []
        var locks: [FileLock] = []
    }

    final class HeldRead: Sendable {
        let request: Mutex<FUSERequest?>
        init(_ request: consuming FUSERequest) { self.request = Mutex(request) }

        func answer(_ reply: (consuming FUSERequest) -> Delivery) -> Delivery? {
            guard let taken = request.withLock({ $0.take() }) else { return nil }
            return reply(taken)
        }
    }

    static let names: [(name: FileName, inode: InodeNumber)] = [
        ("plain", InodeNumber(2)), ("held", InodeNumber(3)), ("forgotten", InodeNumber(4)),
    ]

    let state = Mutex(State())
    let openOptions: OpenReply.Options
    let settings: ConnectionSettings

    init(
        _ openOptions: OpenReply.Options = [.directIO],
        settings: ConnectionSettings = ConnectionSettings([
            .posixLocks, .flockLocks, .parallelDirectoryOperations,
        ])
    ) {
        self.openOptions = openOptions
        self.settings = settings
    }

    var connectionSettings: ConnectionSettings { settings }

    var log: [String] { state.withLock { $0.log } }
    func record(_ entry: String) { state.withLock { $0.log.append(entry) } }

    func sessionEnded() {
        record("ended")
        state.withLock { state in
            state.held = []
            state.polls = nil
        }
    }

    private func attributes(_ inode: InodeNumber) -> FileAttributes {
        if inode == .root { return FileAttributes(inode: inode, mode: S_IFDIR | 0o755) }
        var attributes = FileAttributes(inode: inode, mode: S_IFREG | 0o666)
        attributes.byteCount = inode.rawValue == 2 ? UInt64(state.withLock { $0.content.count }) : 1 << 40
        return attributes
    }

    func lookup(_ request: consuming FUSERequest, _ name: FileName, in parent: InodeNumber) {
        guard let found = Self.names.first(where: { $0.name == name }) else {
            request.replyNoEntry()
            return
        }
        request.reply(Entry(attributes(found.inode)))
    }

    func forget(_ inode: InodeNumber, count: UInt64) { record("forget \(inode.rawValue)") }

    func getAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, file: OpenFile?) {
        request.reply(attributes(inode))
    }

    func setAttributes(_ request: consuming FUSERequest, of inode: InodeNumber, to changes: AttributeChanges)
    {
        if let count = changes.byteCount {
            state.withLock { state in
                state.content = Array(state.content.prefix(Int(count)))
                state.content += [UInt8](repeating: 0, count: Int(count) - state.content.count)
            }
        }
        if let mode = changes.mode { record("mode \(String(mode & 0o7777, radix: 8))") }
        request.reply(attributes(inode))
    }

    func open(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        request.reply(OpenReply(handle: inode.rawValue, openOptions))
    }

    func read(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) {
        switch inode.rawValue {
        case 2:
            let content = state.withLock { $0.content }
            request.reply(Array(content.dropFirst(Int(offset)).prefix(byteCount)))
        case 3 where file.isNonBlocking: request.fail(.wouldBlock)
        case 3: hold(request)
        default: break
        }
    }

    private func hold(_ request: consuming FUSERequest) {
        let held = HeldRead(request)
        state.withLock { $0.held.append(held) }
        let interrupted: @Sendable () -> Void = { [self] in
            state.withLock { $0.interruptCount += 1 }
            let delivery = held.answer { $0.fail(.interrupted) }
            if let delivery { state.withLock { $0.deliveries.append(delivery) } }
        }
        let isWaiting = held.request.withLock { request in
            switch request {
            case .some(let request): return request.onInterrupt(interrupted)
            case .none: return true
            }
        }
        if !isWaiting { interrupted() }
    }

    /// Answers the oldest held read.
    func answer(_ bytes: [UInt8]) -> Delivery? {
        let held = state.withLock { $0.held.isEmpty ? nil : $0.held.removeFirst() }
        return held?.answer { $0.reply(bytes) }
    }

    func write(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ bytes: RawSpan, at offset: UInt64,
        file: OpenFile
    ) {
        let count = bytes.byteCount
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        record("write \(inode.rawValue) \(count)")
        if inode.rawValue == 3 {
            _ = answer(copy)
        } else {
            state.withLock { state in
                let end = Int(offset) + count
                state.content += [UInt8](repeating: 0, count: max(0, end - state.content.count))
                state.content.replaceSubrange(Int(offset)..<end, with: copy)
            }
        }
        request.reply(writtenByteCount: count)
    }

    func poll(
        _ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile, handle: consuming PollHandle?
    ) {
        let ready = state.withLock { state in
            if let handle = handle.take() { state.polls = consume handle }
            return !state.content.isEmpty
        }
        request.reply(readyEvents: ready ? UInt32(POLLIN) : 0)
    }

    func makeReady(_ bytes: [UInt8]) {
        let handle = state.withLock { state in
            state.content = bytes
            return state.polls.take()
        }
        if let handle { handle.notify() }
    }

    func readDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) {
        var buffer = DirectoryBuffer(byteCount: byteCount)
        for (index, entry) in Self.names.enumerated().dropFirst(Int(offset)) {
            guard buffer.add(entry.name, inode: entry.inode, mode: S_IFREG, nextOffset: UInt64(index + 1))
            else { break }
        }
        request.reply(buffer)
    }

    func getLock(_ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FileLock, file: OpenFile) {
        let locks = state.withLock { $0.locks }
        request.reply(locks.first ?? FileLock(.unlock))
    }

    func setLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: FileLock, waits: Bool, file: OpenFile
    ) {
        state.withLock { $0.locks = lock.kind == .unlock ? [] : [lock] }
        record("lock \(lock.kind) \(lock.start)+\(lock.byteCount) waits \(waits)")
        request.succeed()
    }

    func setWholeFileLock(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ lock: WholeFileLock, file: OpenFile
    ) {
        record("flock \(lock.kind) waits \(lock.waits)")
        request.fail(.wouldBlock)
    }
}
