import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// What of one session outlives its process: the agreed message size, its fids and locks, and for each request that
/// must not be carried out twice first what it is about to do, then its reply.
///
/// ```
/// request ──► reserve room ──► intent ──► the change ──► reply and fids, in one record ──► answered ──► forgotten
///                                │  killed here: the file system is asked  │  killed here: the reply is given again
/// ```
///
/// A reply is forgotten when the carrier has it for good: a write to the copy file that succeeded, bytes that a
/// socket took.
public final class SessionJournal: Sendable {
    enum Kind {
        static let session: UInt8 = 1
        static let fid: UInt8 = 2
        static let request: UInt8 = 3
        static let locks: UInt8 = 4
    }

    /// A request's record.
    enum Kept: Sendable {
        case intent(Intent)
        case reply([UInt8])
    }

    let journal: Journal
    /// Whether files are found again by handle as well.
    let usesHandles: Bool
    /// What the session's records mean only as long as it is the same.
    private let configuration: UInt64
    /// Requests with a record, and whether the session is over.
    private let state = Mutex(State())
    private let keptCount = Atomic(0)

    private struct State {
        var tokens: Set<UInt64> = []
        var isOver = false
    }

    /// What became of requests that an earlier process began, by token.
    let verdicts: [UInt64: Verdict]
    /// Renames among them that were made, and of which the fids beneath have not been told.
    let madeRenames: [Intent]

    /// - Parameters:
    ///   - configuration: a checksum of what the administrator said; records made under another are dropped.
    ///   - exports: are asked at once, before anybody is served, what became of requests.
    init(
        at path: String, configuration: UInt64, usesHandles: Bool, exports: [Export]
    ) throws(Errno) {
        journal = try Journal(at: path)
        (verdicts, madeRenames) = SessionJournal.decided(journal, exports)
        (self.configuration, self.usesHandles) = (configuration, usesHandles)
        let kept = journal.keys(ofKind: Kind.request)
        state.withLock { $0.tokens = Set(kept) }
        keptCount.store(kept.count, ordering: .relaxed)
    }

    /// The same file for the session that follows this one, empty.
    private init(after old: SessionJournal) {
        (journal, usesHandles, configuration) = (old.journal, old.usesHandles, old.configuration)
        (verdicts, madeRenames) = ([:], [])
    }

    /// Ends this one; nothing is written through it any more.
    ///
    /// - Returns: an empty one for the next session.
    public func renewed() -> SessionJournal {
        end()
        return SessionJournal(after: self)
    }

    /// Empties it: the session is over, and is not to be resumed.
    func end() {
        state.withLock { state in
            guard !state.isOver else { return }
            state = State(tokens: [], isOver: true)
            // Deleting needs no room that was not kept for it. Should it fail all the same, nobody may go on with what is
            // left: the file goes, and what the client asks from here on ends with this process.
            do throws(Errno) { try journal.apply(SessionJournal.everything) } catch { journal.remove() }
        }
    }

    /// Takes the file away if there is no session in it: neither one of an earlier process, nor one of ours.
    public func removeIfUnused() {
        guard SessionJournal.kinds.allSatisfy({ journal.keys(ofKind: $0).isEmpty }) else { return }
        remove()
    }

    /// Takes the file away as well.
    public func remove() {
        end()
        journal.remove()
    }

    private static let kinds = [Kind.session, Kind.fid, Kind.request, Kind.locks]
    private static let everything = kinds.map { Journal.Change.deleteAll(kind: $0) }

    /// Makes changes, unless the session is over.
    func apply(_ changes: [Journal.Change], reserved: Int = 0) throws(Errno) {
        try state.withLock { state throws(Errno) in
            guard !state.isOver else { return journal.release(reserved) }
            try journal.apply(changes, reserved: reserved)
            for change in changes {
                switch change {
                case .put(let key, _) where key.kind == Kind.request: state.tokens.insert(key.number)
                case .delete(let key) where key.kind == Kind.request: state.tokens.remove(key.number)
                case .deleteAll(Kind.request): state.tokens = []
                default: break
                }
            }
            keptCount.store(state.tokens.count, ordering: .relaxed)
        }
    }
}

extension SessionJournal {
    /// The session began anew: nothing of before counts.
    func begin(messageSize: UInt32, of client: ProcessMark?, user: UInt32) throws(Errno) {
        var value: [UInt8] = []
        value.put(configuration)
        value.put(messageSize)
        value.put(client?.process ?? 0)
        value.put(client?.started ?? 0)
        value.put(user)
        try apply(SessionJournal.everything + [.put(Journal.Key(Kind.session, 0), value)])
    }

    /// What there is to go on with; `nil` when nothing is, or it was begun under another configuration.
    var beginning: (messageSize: UInt32, client: ProcessMark?, user: UInt32)? {
        guard let value = journal.value(Journal.Key(Kind.session, 0)) else { return nil }
        var reader = JournalReader(value[...])
        guard reader.take(UInt64.self) == configuration, let size = reader.take(UInt32.self),
            let process = reader.take(Int32.self), let started = reader.take(Int64.self),
            let user = reader.take(UInt32.self)
        else { return nil }
        return (size, process == 0 ? nil : ProcessMark(process: process, started: started), user)
    }

    static func key(of fid: Fid) -> Journal.Key { Journal.Key(Kind.fid, UInt64(fid.rawValue)) }

    var fids: [(fid: Fid, record: FidRecord?)] {
        journal.keys(ofKind: Kind.fid).map { number in
            let fid = Fid(rawValue: UInt32(truncatingIfNeeded: number))
            return (fid, journal.value(SessionJournal.key(of: fid)).flatMap(FidRecord.init))
        }
    }

    // MARK: Requests

    private static func key(ofRequest token: UInt64) -> Journal.Key { Journal.Key(Kind.request, token) }

    /// A request's record begins with what the request was.
    private static func request(_ frameSum: UInt64, _ stage: UInt8) -> [UInt8] {
        var value: [UInt8] = []
        value.put(frameSum)
        value.append(stage)
        return value
    }

    func intend(_ intent: Intent, _ token: UInt64, frameSum: UInt64) throws(Errno) {
        var value = SessionJournal.request(frameSum, 0)
        intent.encode(into: &value)
        try apply([.put(SessionJournal.key(ofRequest: token), value)])
    }

    static func replyChange(_ frame: [UInt8], _ token: UInt64, frameSum: UInt64) -> Journal.Change {
        .put(key(ofRequest: token), request(frameSum, 1) + frame)
    }

    /// Tokens of all requests with a record, oldest first.
    var keptTokens: [UInt64] { journal.keys(ofKind: Kind.request) }

    func keeps(_ token: UInt64) -> Bool {
        guard keptCount.load(ordering: .relaxed) > 0 else { return false }
        return state.withLock { $0.tokens.contains(token) }
    }

    /// - Returns: what is kept of a request, and the checksum of its frame.
    func kept(_ token: UInt64) -> (kept: Kept, frameSum: UInt64)? {
        keeps(token) ? SessionJournal.kept(token, in: journal) : nil
    }

    private static func decided(_ journal: Journal, _ exports: [Export]) -> ([UInt64: Verdict], [Intent]) {
        var (verdicts, renames) = ([UInt64: Verdict](), [Intent]())
        for token in journal.keys(ofKind: Kind.request) {
            guard case .intent(let intent)? = kept(token, in: journal)?.kept else { continue }
            let verdict = intent.verdict(among: exports)
            verdicts[token] = verdict
            if intent.kind == .renaming, verdict == .applied { renames.append(intent) }
        }
        return (verdicts, renames)
    }

    private static func kept(_ token: UInt64, in journal: Journal) -> (kept: Kept, frameSum: UInt64)? {
        guard let value = journal.value(SessionJournal.key(ofRequest: token)) else { return nil }
        var reader = JournalReader(value[...])
        guard let frameSum = reader.take(UInt64.self), let stage = reader.take(UInt8.self) else { return nil }
        if stage == 1 { return (.reply(reader.takeRest()), frameSum) }
        return Intent(from: &reader).map { (.intent($0), frameSum) }
    }

    /// The carrier has the replies to these for good, or they are not waited for any more.
    public func forget(_ tokens: [UInt64]) {
        guard keptCount.load(ordering: .relaxed) > 0 else { return }
        let changes = tokens.filter(keeps).map { Journal.Change.delete(SessionJournal.key(ofRequest: $0)) }
        guard !changes.isEmpty else { return }
        // One that cannot be forgotten for want of room is kept longer than it need be.
        try? apply(changes)
    }

    /// What an earlier process left and nobody has asked for again: those were completed.
    public func forgetAll(but tokens: Set<UInt64>) {
        guard keptCount.load(ordering: .relaxed) > 0 else { return }
        forget(keptTokens.filter { !tokens.contains($0) })
    }
}
