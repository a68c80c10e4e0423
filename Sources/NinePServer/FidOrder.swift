import NineP

/// Keeps the requests of one session in the order their fids demand, and no other.
///
/// Requests that only use a fid run side by side. One that makes, changes or ends it (attach, walk's and
/// xattrwalk's new fid, lopen, lcreate, xattrcreate, clunk, remove) waits for those before it and holds up those
/// after it. So a client may send walk, lopen, read and clunk in one go; and two requests never change one fid at
/// once. A request stands in all its lines from the moment it arrives, so nobody waits for a later one: there is
/// no deadlock.
struct FidOrder {
    private struct Line {
        var sharing = 0
        var isTaken = false
        var waiting: [(job: Job, isExclusive: Bool)] = []

        mutating func admit(isExclusive: Bool) -> Bool {
            guard !isTaken, !isExclusive || sharing == 0 else { return false }
            if isExclusive { isTaken = true } else { sharing += 1 }
            return true
        }
    }

    private var lines: [Fid: Line] = [:]

    /// Puts `job` in line; true when it may run at once.
    mutating func enter(_ job: Job) -> Bool {
        for use in job.uses {
            var line = lines[use.fid] ?? Line()
            if !line.waiting.isEmpty || !line.admit(isExclusive: use.isExclusive) {
                line.waiting.append((job, use.isExclusive))
                job.missingTurns += 1
            }
            lines[use.fid] = line
        }
        return job.missingTurns == 0
    }

    /// Takes `job`, whose turn had come, out of its lines; the jobs whose turn has come by that.
    mutating func leave(_ job: Job) -> [Job] {
        var ready: [Job] = []
        for use in job.uses {
            guard var line = lines[use.fid] else { continue }
            if use.isExclusive { line.isTaken = false } else { line.sharing -= 1 }
            var admitted = 0
            while admitted < line.waiting.count, line.admit(isExclusive: line.waiting[admitted].isExclusive) {
                let next = line.waiting[admitted].job
                next.missingTurns -= 1
                if next.missingTurns == 0 { ready.append(next) }
                admitted += 1
            }
            line.waiting.removeFirst(admitted)
            lines[use.fid] = line.sharing == 0 && !line.isTaken && line.waiting.isEmpty ? nil : line
        }
        return ready
    }
}

extension Request {
    /// The fids it uses, each once.
    var fidUses: [FidUse] {
        switch self {
        case .version, .flush: []
        case .auth(let fid, _, _, _), .attach(let fid, _, _, _, _), .lopen(let fid, _),
            .lcreate(let fid, _, _, _, _),
            .xattrcreate(let fid, _, _, _), .clunk(let fid), .remove(let fid):
            [FidUse(fid, isExclusive: true)]
        case .walk(let fid, let newFid, _), .xattrwalk(let fid, let newFid, _):
            fid == newFid
                ? [FidUse(fid, isExclusive: true)] : [FidUse(fid), FidUse(newFid, isExclusive: true)]
        case .read(let fid, _, _), .write(let fid, _, _), .readdir(let fid, _, _), .getattr(let fid, _),
            .setattr(let fid, _), .statfs(let fid), .fsync(let fid, _), .symlink(let fid, _, _, _),
            .readlink(let fid), .mknod(let fid, _, _, _, _, _), .mkdir(let fid, _, _, _),
            .unlinkat(let fid, _, _),
            .lock(let fid, _, _), .getlock(let fid, _):
            [FidUse(fid)]
        case .link(let first, let second, _), .rename(let first, let second, _),
            .renameat(let first, _, let second, _):
            first == second ? [FidUse(first)] : [FidUse(first), FidUse(second)]
        }
    }
}

/// A fid a request uses: alone, or beside others that only use it too.
struct FidUse: Hashable, Sendable {
    let fid: Fid
    let isExclusive: Bool

    init(_ fid: Fid, isExclusive: Bool = false) { (self.fid, self.isExclusive) = (fid, isExclusive) }
}
