import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// The sessions of one socket: new ones, and those of an earlier process whose clients may come back for a while.
///
/// ```
/// first frame Tversion ──► a new session; one that was kept for this process ends
/// any other            ──► the one kept for this process goes on; there is none: a session that knows nothing, EPROTO
/// ```
final class SocketSessions: Sendable {
    private struct State {
        var kept: [KeptSession] = []
        var count = 0
    }

    private let server: NinePServer
    private let name: String
    private let counts: PlaceCounts
    private let trustsAnyUser: Bool
    private let journals: JournalDirectory?
    private let deadline: ContinuousClock.Instant
    private let state: Mutex<State>

    init(
        _ server: NinePServer, _ path: String, _ counts: PlaceCounts, trustsAnyUser: Bool,
        _ journals: JournalDirectory?,
        grace: Duration
    ) {
        (self.server, self.counts, self.trustsAnyUser, self.journals) = (
            server, counts, trustsAnyUser, journals
        )
        name = "socket-\(String(JournalChecksum.of(Array(path.utf8)[...]), radix: 16))-"
        deadline = .now + grace
        var kept: [KeptSession] = []
        for journal in journals?.journals(with: name, of: server) ?? [] {
            let trusted = { SocketSessions.trust($0, server, trustsAnyUser) }
            if let session = KeptSession(journal, of: server, label: "kept", counts: counts, trusted: trusted)
            {
                kept.append(session)
            } else {
                journal.remove()
            }
        }
        state = Mutex(State(kept: kept))
    }

    /// - Parameter user: who the client is; `nil` when nobody can say.
    private static func trust(
        _ user: UInt32?, _ server: NinePServer, _ trustsAnyUser: Bool
    ) -> Accounts.Trust {
        if trustsAnyUser { return .anyUser }
        guard let user else { return .nobody }
        return user == 0 || user == server.accounts.ofProcess.user ? .anyUser : .only(user: user)
    }

    /// - Returns: `nil` when there is no room for its journal.
    func session(
        beginningWith frame: [UInt8], from peer: Socket.Credentials?, _ sink: any ReplySink
    ) -> NinePSession? {
        guard let peer, let mark = ProcessMark(peer.process) else {
            return newSession(from: peer, nil, to: sink)
        }
        let mine = state.withLock { state in
            let mine = state.kept.filter { $0.client == mark && $0.session.clientUser == peer.user }
            state.kept.removeAll { kept in mine.contains { $0 === kept } }
            return mine
        }
        // Of several nobody can say which one is meant.
        if !frame.isVersion, mine.count == 1, let kept = mine.first {
            kept.resume(to: sink)
            kept.session.logger.notice("the client is back")
            return kept.session
        }
        for kept in mine { end(kept, "its client began anew") }
        return newSession(from: peer, mark, to: sink)
    }

    private func newSession(
        from peer: Socket.Credentials?, _ mark: ProcessMark?, to sink: any ReplySink
    ) -> NinePSession? {
        let number = state.withLock { state in
            state.count += 1
            return state.count
        }
        var journal: SessionJournal?
        if let journals, let mark {
            do throws(Errno) {
                journal = try journals.journal(
                    named: "\(name)\(mark.process)-\(mark.started)-\(ProcessMark.ofThis)-\(number)",
                    of: server)
            } catch {
                server.logger.error(
                    "a client was hung up on: its session cannot be kept; make room for the journals",
                    metadata: ["directory": "\(journals.path)", "error": "\(error)"])
                return nil
            }
        }
        return NinePSession(
            of: server, to: sink, label: "\(number)", counts: counts,
            trust: SocketSessions.trust(peer?.user, server, trustsAnyUser), journal: journal, client: mark,
            clientUser: peer?.user ?? .max)
    }

    /// Ends sessions whose clients are gone, or have had their time.
    ///
    /// - Returns: when to ask again, `nil` when there are none left.
    func endOverdue(on worker: Worker) -> Duration? {
        guard state.withLock({ !$0.kept.isEmpty }) else { return nil }
        guard worker.actsAsServer(or: server.logger) else { return .seconds(1) }
        let now = ContinuousClock.now
        let overdue = state.withLock { state in
            let overdue = state.kept.filter { now >= deadline || !$0.client.isAlive }
            state.kept.removeAll { kept in overdue.contains { $0 === kept } }
            return overdue
        }
        for kept in overdue { end(kept, "its client did not come back") }
        return state.withLock { $0.kept.isEmpty } ? nil : .seconds(1)
    }

    private func end(_ kept: KeptSession, _ reason: String) {
        kept.session.logger.notice("a kept session ends", metadata: ["reason": "\(reason)"])
        kept.session.end()
        kept.session.journal?.remove()
    }
}

extension JournalDirectory {
    /// Those of earlier processes whose names begin with `prefix`; one that cannot be read is left alone, and said.
    func journals(with prefix: String, of server: NinePServer) -> [SessionJournal] {
        names(with: prefix, server).compactMap { name in
            do throws(Errno) {
                return try SessionJournal(
                    at: "\(path)/\(name)", configuration: server.configurationSum,
                    usesHandles: server.accounts.becomesUsers, exports: server.exports)
            } catch {
                server.logger.warning(
                    "a session of an earlier process is left alone: its journal cannot be used",
                    metadata: ["journal": "\(path)/\(name)", "error": "\(error)"])
                return nil
            }
        }
    }

    private func names(with prefix: String, _ server: NinePServer) -> [String] {
        do throws(Errno) { return try names(with: prefix) } catch {
            server.logger.warning(
                "sessions of earlier processes cannot be found",
                metadata: ["journal": "\(path)", "error": "\(error)"])
            return []
        }
    }
}
