public import Logging
import NineP
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

    /// - Parameter exports: the first also answers to the names "" and "/".
    /// - Precondition: at least one export, no two of one name.
    /// - Throws: the errno of starting the workers.
    public init(exports: [Export], accounts: Accounts, options: ServerOptions, logger: Logger) throws(Errno) {
        precondition(Set(exports.map(\.name)).count == exports.count && !exports.isEmpty, "one export a name")
        (self.exports, self.accounts, self.options, self.logger) = (exports, accounts, options, logger)
        pool = try WorkerPool(workerCount: max(1, options.workerCount), accounts: accounts)
    }

    /// Lets requests in progress finish, then ends the workers. Carriers end their sessions before.
    public func shutDown() { pool.close() }

    /// - Throws: `ENOENT`: names are compared as they are, never as paths.
    func export(named tree: Name) throws(Errno) -> Export {
        if let export = exports.first(where: { Name($0.name) == tree }) { return export }
        if let first = exports.first, tree.isEmpty || tree == "/" { return first }
        throw .noSuchFileOrDirectory
    }
}
