import LinuxSystem
import NineP
import Synchronization

/// A session of an earlier process that waits, with its fids and locks, for its client to connect again.
final class KeptSession: Sendable {
    let session: NinePSession
    let client: ProcessMark
    private let relay: Relay

    /// - Returns: `nil` when there is nothing in the journal to go on with.
    init?(
        _ journal: SessionJournal, of server: NinePServer, label: String, counts: PlaceCounts,
        trusted: (UInt32) -> Accounts.Trust
    ) {
        guard let (_, mark, user) = journal.beginning, let mark, mark.isAlive else { return nil }
        let relay = Relay()
        self.relay = relay
        client = mark
        session = NinePSession(
            of: server, to: relay, label: label, counts: counts, trust: trusted(user), journal: journal,
            client: mark,
            clientUser: user)
        guard session.resume() else { return nil }
    }

    /// From now on its replies go there.
    func resume(to sink: any ReplySink) { relay.target.withLock { $0 = sink } }

    /// Where replies go, once somebody waits for them.
    private final class Relay: ReplySink {
        let target = Mutex<(any ReplySink)?>(nil)

        func send(_ frame: [UInt8], for token: UInt64) { target.withLock { $0 }?.send(frame, for: token) }
        func withdraw(_ token: UInt64) { target.withLock { $0 }?.withdraw(token) }
        func drop(because reason: String) { target.withLock { $0 }?.drop(because: reason) }
    }
}

/// Numbers a connection's requests, and recognises those that an earlier process has a record of: the client of a
/// resumed session sends every request again that it has no answer to, the same to the byte.
final class SocketRequests: Sendable {
    private struct State {
        var lastToken: UInt64
        /// By the checksum of the frame; a client has one request a tag, so they differ.
        var unclaimed: [UInt64: UInt64] = [:]
    }

    private let journal: SessionJournal?
    private let state: Mutex<State>

    init(_ journal: SessionJournal?) {
        self.journal = journal
        let tokens = journal?.keptTokens ?? []
        var state = State(lastToken: tokens.last ?? 0)
        for token in tokens {
            if let sum = journal?.kept(token)?.frameSum { state.unclaimed[sum] = token }
        }
        self.state = Mutex(state)
    }

    func origin(of frame: [UInt8]) -> FrameOrigin {
        state.withLock { state in
            if !state.unclaimed.isEmpty {
                if frame.isEndOfResending {
                    journal?.forget(Array(state.unclaimed.values))
                    state.unclaimed = [:]
                } else if let token = state.unclaimed.removeValue(forKey: JournalChecksum.of(frame[...])) {
                    return FrameOrigin(token: token, isRedelivered: true)
                }
            }
            state.lastToken += 1
            return FrameOrigin(token: state.lastToken)
        }
    }

    /// The client has the replies to these.
    func sent(_ tokens: [UInt64]) { journal?.forget(tokens) }
}

extension [UInt8] {
    /// Tflush of NOTAG: what a resuming client has not sent again by now it has the answer of.
    fileprivate var isEndOfResending: Bool {
        count == 9 && self[4] == 108 && self[7] == 255 && self[8] == 255
    }

    /// Tversion, which begins a session anew.
    var isVersion: Bool { count > 4 && self[4] == 100 }
}
