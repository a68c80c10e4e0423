import LinuxSystem
import NineP
import SystemPackage

/// A request under way whose effect must be made once; its worker's, from its beginning to its reply.
final class JournaledRequest {
    let journal: SessionJournal
    private let turns: EffectTurns
    let token: UInt64
    let frameSum: UInt64
    /// What the file system said of it when the session was resumed.
    private let verdict: Verdict?
    private(set) var hasIntent = false
    /// Files' paths that it changed: from, to.
    var renamedPath: (export: Export, from: [UInt8], to: [UInt8])?
    private var held: [Node] = []
    /// Owners whose locks on a file it changed.
    var lockChanges: [(node: Node, owner: LockOwner)] = []

    var isUndecidable: Bool { verdict == .undecidable }
    /// An earlier process has made its effect.
    var isApplied: Bool { verdict == .applied }

    init(_ job: Job, _ journal: SessionJournal, _ turns: EffectTurns, _ verdict: Verdict?) {
        (self.journal, self.turns, self.verdict) = (journal, turns, verdict)
        (token, frameSum) = (job.token, job.frameSum)
    }

    /// Writes the intent down, unless an earlier process did.
    ///
    /// - Returns: what of the effect was made already.
    /// - Throws: `EIO` when nobody can say, `ENOSPC` when the journal is full: then it must not be made.
    func prepare(_ effect: Effect) throws(Errno) -> Verdict {
        if held.isEmpty {
            held = effect.nodes
            turns.enter(held)
        }
        hasIntent = true
        switch verdict {
        case .applied, .appliedInPart: return verdict ?? .applied
        case .undecidable: throw .ioError
        case .notApplied, nil: break
        }
        try journal.intend(try Intent(effect), token, frameSum: frameSum)
        KillPoint.reach(.afterIntent)
        return .notApplied
    }

    /// The reply is written down, or there is none to write.
    func finish() {
        if !held.isEmpty { turns.leave(held) }
        held = []
    }
}

extension Worker {
    /// Makes a change that must be made once.
    ///
    /// - Parameters:
    ///   - effect: asked for only where there is a journal.
    ///   - make: makes it. Not called when it was made before.
    func once(
        _ effect: @autoclosure () throws(Errno) -> Effect, _ make: () throws(Errno) -> Void
    ) throws(Errno) {
        if let request, try request.prepare(effect()) != .notApplied { return }
        try make()
    }
}
