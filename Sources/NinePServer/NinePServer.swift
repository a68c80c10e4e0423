public import Logging
import NineP
import Synchronization
public import SystemPackage

/// Serves directories over 9P2000.L to any number of sessions, whatever carries their frames.
public final class NinePServer: Sendable {
    public let exports: [Export]
    public let options: ServerOptions
    public let accounts: Accounts
    let logger: Logger
    let pool: WorkerPool
    let qids = QidMap()
    let locks = LockTable()
    let turns = EffectTurns()
    /// What surviving a crash came to.
    public let tallies = Tallies()
    private let sessions = Mutex<[ObjectIdentifier: WeakSession]>([:])
    private let counted = Mutex<[PlaceCounts]>([])

    private struct WeakSession {
        weak var session: NinePSession?
    }

    /// - Parameter exports: the first also answers to the names "" and "/".
    /// - Precondition: at least one export, no two of one name.
    /// - Throws: the errno of starting the workers.
    public init(exports: [Export], accounts: Accounts, options: ServerOptions, logger: Logger) throws(Errno) {
        precondition(Set(exports.map(\.name)).count == exports.count && !exports.isEmpty, "one export a name")
        (self.exports, self.accounts, self.options, self.logger) = (exports, accounts, options, logger)
        pool = try WorkerPool(workerCount: max(1, options.workerCount), accounts: accounts)
    }

    /// Has what was submitted served by the workers, where its submitter cannot.
    public func wakeWorkers() { pool.wakeForAll() }

    /// Lets requests in progress finish, then ends the workers. Carriers end their sessions before.
    public func shutDown() { pool.close() }

    var liveSessions: [NinePSession] { sessions.withLock { $0.values.compactMap(\.session) } }

    /// The sessions whose fids outlive this process.
    var journaledSessions: [NinePSession] { liveSessions.filter { $0.journal != nil } }

    /// In the order in which they were first served.
    var places: [PlaceCounts] { counted.withLock { $0 } }

    /// Where what is asked for at `place` is counted; the same each time.
    public func counts(of place: String) -> PlaceCounts {
        counted.withLock { places in
            if let there = places.first(where: { $0.name == place }) { return there }
            let new = PlaceCounts(place)
            places.append(new)
            return new
        }
    }

    func register(_ session: NinePSession) {
        sessions.withLock { $0[ObjectIdentifier(session)] = WeakSession(session: session) }
    }

    func unregister(_ session: ObjectIdentifier) { sessions.withLock { $0[session] = nil } }

    /// - Throws: `ENOENT`: names are compared as they are, never as paths.
    func export(named tree: Name) throws(Errno) -> Export {
        if let export = exports.first(where: { Name($0.name) == tree }) { return export }
        if let first = exports.first, tree.isEmpty || tree == "/" { return first }
        throw .noSuchFileOrDirectory
    }
}
