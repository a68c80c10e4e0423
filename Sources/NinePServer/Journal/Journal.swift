import LinuxSystem
import Synchronization
import SystemPackage

/// Values by key that survive SIGKILL: a log in a record file, rewritten when it is full.
///
/// ```
/// ┌ header, 64 bytes ┬ record ┬ record ┬ … ┬ 0
///                    │ length 4 │ checksum 4 │ changes… │ zeros to a multiple of 8
///                                              └ put: 1, kind 1, key 8, length 4, bytes
///                                                delete: 2, kind 1, key 8      delete all of a kind: 3, kind 1
/// ```
///
/// A record holds changes that belong together: they are there after a crash all or none. Its length is stored last,
/// so that a torn one is not there; the checksum is for what should never happen. The file at the journal's path is
/// whole at any moment: one that is full is written anew under another name and renamed.
final class Journal: Sendable {
    struct Key: Hashable, Sendable {
        let kind: UInt8
        let number: UInt64

        init(_ kind: UInt8, _ number: UInt64) { (self.kind, self.number) = (kind, number) }
    }

    enum Change: Sendable {
        case put(Key, [UInt8])
        case delete(Key)
        case deleteAll(kind: UInt8)
    }

    static let headerByteCount = 64
    static let minimumByteCount = 1 << 17
    /// "VOP9PJN1"
    private static let magic: UInt64 = 0x314E_4A50_3950_4F56

    fileprivate struct State {
        var file: RecordFile
        /// Where the next record goes.
        var end = Journal.headerByteCount
        /// Where each value is.
        var places: [Key: Range<Int>] = [:]
        var valueByteCount = 0
        /// What requests under way may still write.
        var reserved = 0
    }

    let path: String
    /// Whoever made it writes it anew, whom the thread that finds it full acts as.
    private let owner: UserIdentity
    private let maximumByteCount: Int
    private let state: Mutex<State>

    /// The journal at `path` as its last process left it, or a new one.
    ///
    /// - Throws: `EWOULDBLOCK` when another process has it, `ENOSPC` when there is no room for it.
    init(at path: String, maximumByteCount: Int = 256 << 20) throws(Errno) {
        (self.path, self.maximumByteCount) = (path, maximumByteCount)
        owner = try UserIdentity.ofThread()
        var old: State?
        do throws(Errno) {
            var state = State(file: try RecordFile(opening: path))
            Journal.load(&state)
            old = state
        } catch {
            guard error == .noSuchFileOrDirectory || error == .invalidArgument else { throw error }
        }
        // Written anew in any case: behind the last whole record there may be part of another.
        let fresh = try Journal.rewritten(
            old, at: path, byteCount: Journal.byteCount(for: old?.valueByteCount ?? 0, old?.places.count ?? 0)
        )
        state = Mutex(fresh)
    }

    func value(_ key: Key) -> [UInt8]? {
        state.withLock { state in state.places[key].map { state.file.bytes(in: $0) } }
    }

    func contains(_ key: Key) -> Bool { state.withLock { $0.places[key] != nil } }

    /// In ascending order.
    func keys(ofKind kind: UInt8) -> [UInt64] {
        state.withLock { $0.places.keys.filter { $0.kind == kind }.map(\.number).sorted() }
    }

    var byteCount: Int { state.withLock { $0.file.byteCount } }

    /// Makes sure that `byteCount` bytes of changes can be written later.
    ///
    /// - Parameter isLast: the changes end something: some room is kept for such, so that a full journal can empty.
    /// - Throws: `ENOSPC`
    func reserve(_ byteCount: Int, isLast: Bool = false) throws(Errno) {
        try state.withLock { state throws(Errno) in
            try makeRoom(for: isLast ? byteCount : byteCount + Journal.lastByteCount, &state)
            state.reserved += byteCount
        }
    }

    func release(_ byteCount: Int) { state.withLock { $0.reserved -= byteCount } }

    /// Makes all of `changes`, or none if this process dies in it.
    ///
    /// - Parameter reserved: how much of the room taken by `reserve` this gives up, by using it.
    /// - Throws: `ENOSPC`; then nothing has changed.
    func apply(_ changes: [Change], reserved: Int = 0) throws(Errno) {
        let record = Journal.encoded(changes)
        try state.withLock { state throws(Errno) in
            state.reserved -= reserved
            try makeRoom(for: record.count, &state)
            state.append(record)
        }
    }

    /// Takes the file away: the next one begins empty.
    func remove() {
        // One that cannot become its owner has no rights to spare: what stays behind is found by the next process.
        do throws(Errno) { try owner.acting { RecordFile.remove(at: path) } } catch {}
    }

    private func makeRoom(for byteCount: Int, _ state: inout State) throws(Errno) {
        let needed = byteCount + state.reserved + Journal.spareByteCount
        guard state.end + needed > state.file.byteCount else { return }
        let target = Journal.byteCount(for: state.valueByteCount + needed, state.places.count)
        guard target <= maximumByteCount else { throw .noSpace }
        let reserved = state.reserved
        state = try owner.acting { () throws(Errno) in
            try Journal.rewritten(state, at: path, byteCount: target)
        }
        state.reserved = reserved
    }

    private static let lastByteCount = 1 << 14
    /// The zero length behind the last record.
    private static let spareByteCount = 8

    /// A size that holds the values twice over, so that rewriting stays rare.
    private static func byteCount(for valueByteCount: Int, _ count: Int) -> Int {
        let live = headerByteCount + valueByteCount + count * 32
        var byteCount = minimumByteCount
        while byteCount < 2 * live { byteCount *= 2 }
        return byteCount
    }

    private static func rewritten(_ old: State?, at path: String, byteCount: Int) throws(Errno) -> State {
        var new = State(file: try RecordFile(creating: path + ".new", byteCount: byteCount))
        var magicBytes: [UInt8] = []
        magicBytes.put(magic)
        new.file.store(magicBytes, at: 0)
        if let old {
            for (key, place) in old.places.sorted(by: { $0.value.lowerBound < $1.value.lowerBound }) {
                new.append(encoded([.put(key, old.file.bytes(in: place))]), isRewriting: true)
            }
        }
        try RecordFile.move(from: path + ".new", to: path)
        return new
    }
}

extension Journal {
    /// A whole record: length, checksum, changes, padding.
    private static func encoded(_ changes: [Change]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 8)
        for change in changes {
            switch change {
            case .put(let key, let value):
                bytes.append(1)
                bytes.append(key.kind)
                bytes.put(key.number)
                bytes.put(UInt32(value.count))
                bytes += value
            case .delete(let key):
                bytes.append(2)
                bytes.append(key.kind)
                bytes.put(key.number)
            case .deleteAll(let kind):
                bytes.append(3)
                bytes.append(kind)
            }
        }
        while bytes.count % 8 != 0 { bytes.append(0) }
        let (length, sum) = (UInt32(bytes.count), checksum(bytes[8...]))
        for index in 0..<4 {
            bytes[index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index))
            bytes[4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index))
        }
        return bytes
    }

    /// Of bytes in a multiple of eight.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var sum: UInt64 = 0x9E37_79B9_7F4A_7C15
        var reader = JournalReader(bytes)
        while let word = reader.take(UInt64.self) {
            sum = (sum ^ word) &* 0x94D0_49BB_1331_11EB
            sum ^= sum >> 29
        }
        return UInt32(truncatingIfNeeded: sum ^ sum >> 32)
    }

    /// Reads records up to the first that is not whole.
    private static func load(_ state: inout State) {
        var header = JournalReader(state.file.bytes(in: 0..<8)[...])
        guard state.file.byteCount >= headerByteCount + 8, header.take(UInt64.self) == magic else { return }
        while state.end + 8 <= state.file.byteCount {
            var start = JournalReader(state.file.bytes(in: state.end..<state.end + 8)[...])
            guard let length = start.take(UInt32.self).map(Int.init), let sum = start.take(UInt32.self),
                length > 8, length % 8 == 0, length <= state.file.byteCount - state.end
            else { return }
            let changes = state.file.bytes(in: state.end + 8..<state.end + length)
            guard checksum(changes[...]) == sum, state.note(changes[...], from: state.end + 8) else { return }
            state.end += length
        }
    }
}

extension Journal.State {
    fileprivate mutating func append(_ record: [UInt8], isRewriting: Bool = false) {
        file.store(Array(record[4...]), at: end + 4)
        if !isRewriting { KillPoint.reach(.inJournalRecord) }
        file.commit(UInt32(record.count), at: end)
        _ = note(record[8...], from: end + 8)
        end += record.count
    }

    /// Follows the changes of one record, which begin at `start` in the file; false when they make no sense.
    fileprivate mutating func note(_ changes: ArraySlice<UInt8>, from start: Int) -> Bool {
        var reader = JournalReader(changes)
        while let operation = reader.take(UInt8.self), operation != 0 {
            guard let kind = reader.take(UInt8.self) else { return false }
            switch operation {
            case 1:
                guard let number = reader.take(UInt64.self), let count = reader.take(UInt32.self),
                    reader.skip(Int(count))
                else { return false }
                let end = start + reader.offset
                set(Journal.Key(kind, number), end - Int(count)..<end)
            case 2:
                guard let number = reader.take(UInt64.self) else { return false }
                set(Journal.Key(kind, number), nil)
            case 3:
                for key in places.keys.filter({ $0.kind == kind }) { set(key, nil) }
            default: return false
            }
        }
        return true
    }

    private mutating func set(_ key: Journal.Key, _ place: Range<Int>?) {
        valueByteCount += (place?.count ?? 0) - (places[key]?.count ?? 0)
        places[key] = place
    }
}
