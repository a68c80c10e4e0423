import NineP
import NinePClient
import Synchronization

/// One fid of the server's, ours until the last holder lets go: then it is clunked, and its number free again.
///
/// A node and the calls that use it each hold one, so a node may be given a newer fid while a call still uses the old.
final class RemoteFid: Sendable {
    let fid: Fid
    let session: Session
    let cache: FidCache
    /// The session's when it was made; `nil` for the root's, which is attached anew with each.
    private let epoch: Int?
    private let isClunked = Atomic(false)

    /// Takes over a fid that a successful request has just made.
    ///
    /// - Parameter epoch: the session's before that request.
    init(owning fid: Fid, of session: Session, _ cache: FidCache, epoch: Int?) {
        (self.fid, self.session, self.cache, self.epoch) = (fid, session, cache, epoch)
    }

    /// False when the server has forgotten it.
    var isKnown: Bool { epoch == nil || epoch == session.epoch }

    deinit {
        // Gone whatever the answer; and without a session there is nothing to clunk.
        if !isClunked.load(ordering: .relaxed) && isKnown { _ = try? session.clunk(fid) }
        session.fids.give(back: fid)
    }

    /// Clunks it now, for the answer's sake; nobody may use it any more.
    func clunk() throws(SessionError) {
        isClunked.store(true, ordering: .relaxed)
        try session.clunk(fid)
    }

    /// Tremove: unlinks the file, and the fid is gone whatever the answer.
    func remove(_ interruption: Interruption?) throws(SessionError) {
        isClunked.store(true, ordering: .relaxed)
        _ = try session.call(.remove(fid: fid), interruption: interruption)
    }

    /// Walks `names` from here; none makes a clone. Where the server has no room for a further fid, nodes give some back.
    func walk(_ names: [Name], _ interruption: Interruption?) throws(SessionError) -> (RemoteFid, [Qid]) {
        try cache.makingRoom { () throws(SessionError) in try walkOnce(names, interruption) }
    }

    private func walkOnce(
        _ names: [Name], _ interruption: Interruption?
    ) throws(SessionError) -> (RemoteFid, [Qid]) {
        let (newFid, epoch) = (session.fids.take(), session.epoch)
        do throws(SessionError) {
            let qids = try session.walk(fid, to: newFid, names, interruption: interruption)
            return (RemoteFid(owning: newFid, of: session, cache, epoch: epoch), qids)
        } catch {
            // Given up half way, it may exist all the same: a clunk settles that.
            if error == .interrupted || error == .timedOut { _ = try? session.clunk(newFid) }
            session.fids.give(back: newFid)
            throw error
        }
    }

    func clone(_ interruption: Interruption?) throws(SessionError) -> RemoteFid {
        try walk([], interruption).0
    }

    func attributes(_ interruption: Interruption?) throws(SessionError) -> NineP.FileAttributes {
        try session.attributes(of: fid, [.basic, .birthTime], interruption: interruption)
    }
}
