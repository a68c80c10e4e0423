import LinuxSystem
import Logging
import NineP
import Synchronization
import SystemPackage

/// What a request came to: a reply to encode, or a frame built around its data.
enum Answer {
    case reply(Reply)
    case frame([UInt8])
}

extension NinePSession {
    /// Executes `job` and gives the whole reply frame, which fits what the carrier has room for.
    func executed(_ job: Job, on worker: Worker) -> [UInt8] {
        logger.trace("request", metadata: ["tag": "\(job.tag.rawValue)", "is": "\(job.request)"])
        do throws(Errno) {
            guard messageSize.load(ordering: .relaxed) > 0 else { throw .protocolError }
            let frame =
                switch try answer(job, on: worker) {
                case .reply(let reply): reply.encoded(tag: job.tag)
                case .frame(let frame): frame
                }
            guard frame.count <= replyLimit(of: job) else { throw .messageTooLong }
            return frame
        } catch {
            logger.trace("refused", metadata: ["tag": "\(job.tag.rawValue)", "error": "\(error)"])
            return Reply.error(code: UInt32(error.rawValue)).encoded(tag: job.tag)
        }
    }

    /// The most bytes the reply to `job` may have: msize, or what its carrier has room for.
    private func replyLimit(of job: Job) -> Int {
        min(Int(messageSize.load(ordering: .relaxed)), job.replyCapacity)
    }

    /// How many bytes of data fit into a reply that is wanted to have `count`.
    func payloadLimit(of job: Job, wanted count: UInt32) throws(Errno) -> Int {
        let room = replyLimit(of: job) - Protocol9P.readReplyHeaderByteCount
        guard room >= 0 else { throw .messageTooLong }
        return min(Int(count), room)
    }

    private func answer(_ job: Job, on worker: Worker) throws(Errno) -> Answer {
        switch job.request {
        case .read(let fid, let offset, let count):
            return .frame(try read(job, fid, at: offset, count: payloadLimit(of: job, wanted: count)))
        case .readdir(let fid, let offset, let count):
            return .frame(
                try readDirectory(job, fid, from: offset, limit: payloadLimit(of: job, wanted: count)))
        default: return .reply(try reply(to: job.request, on: worker))
        }
    }

    private func reply(to request: Request, on worker: Worker) throws(Errno) -> Reply {
        switch request {
        case .version, .flush: preconditionFailure("the session answers these itself")
        case .read, .readdir: preconditionFailure("answered with a frame")
        // Who may connect is the carrier's matter; this errno is what clients take for "no proof is needed".
        case .auth: throw .noSuchFileOrDirectory
        case .attach(let fid, let authFid, let user, let tree, let userNumber):
            guard authFid == .none else { throw .invalidArgument }
            return try attach(fid, to: tree, userNumber: userNumber, name: user)
        case .walk(let fid, let newFid, let names): return try walk(fid, to: newFid, names, on: worker)
        case .lopen(let fid, let flags): return try open(fid, flags, on: worker)
        case .lcreate(let fid, let name, let flags, let mode, let group):
            return try create(in: fid, name, flags, newFile(mode: mode, group: group), on: worker)
        case .write(let fid, let offset, let data): return try write(fid, at: offset, data, on: worker)
        case .fsync(let fid, let dataOnly):
            try fids.entry(fid).openFile().file.description.sync(dataOnly: dataOnly)
            return .fsync
        case .clunk(let fid): return try clunk(fid, on: worker)
        case .remove(let fid): return try remove(fid, on: worker)
        case .statfs(let fid): return .statfs(try statistics(of: fid))
        case .readlink(let fid): return try readLink(fid)
        case .getattr(let fid, _): return .getattr(try attributes(of: fid))
        case .setattr(let fid, let change): return try setAttributes(of: fid, change, on: worker)
        case .xattrwalk(let fid, let newFid, let name):
            return try walkXattr(fid, to: newFid, name, on: worker)
        case .xattrcreate(let fid, let name, let size, let flags):
            return try createXattr(fid, name, byteCount: size, flags)
        case .lock(let fid, let lock, _): return .lock(status: try setLock(fid, lock, on: worker))
        case .getlock(let fid, let lock): return .getlock(lock: try findLock(fid, lock, on: worker))
        case .symlink, .mknod, .mkdir, .link, .rename, .renameat, .unlinkat:
            return try changeNames(request, on: worker)
        }
    }
}
