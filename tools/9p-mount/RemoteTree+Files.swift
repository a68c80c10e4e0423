import FUSEMount
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// Opening, reading, writing and closing.
extension RemoteTree {
    func open(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        let (flags, caller) = (OpenFlags(system: file.flags), request.caller)
        let opened = attempt(request) { interruption throws(SessionError) in
            let node = try node(inode)
            let handle = try openHandle(node, flags, interruption)
            if flags.contains(.truncate) { try dropSetID(of: node, changedBy: caller, interruption) }
            return handle
        }
        let options: OpenReply.Options = settings.caching == .none ? [.directIO, .parallelDirectWrites] : []
        reply(request, opened, options)
    }

    func reply(
        _ request: consuming FUSERequest, _ opened: Result<OpenHandle, SessionError>,
        _ options: OpenReply.Options
    ) {
        switch opened {
        case .success(let handle):
            guard request.reply(OpenReply(handle: handle.number, options)).isDelivered else {
                _ = handles.remove(handle.number)
                return
            }
        case .failure(let error): request.fail(error.errno)
        }
    }

    /// A fid of its own for each open. Where the name is gone, whatever is open leads to the file.
    func openHandle(
        _ node: Node, _ flags: OpenFlags, _ interruption: Interruption
    ) throws(SessionError) -> OpenHandle {
        do throws(SessionError) {
            return try openHandle(node, from: try node.fid(interruption), flags, interruption)
        } catch {
            guard error.isNameGone, let open = node.openFid() else { throw error }
            return try openHandle(node, from: open, flags, interruption)
        }
    }

    private func openHandle(
        _ node: Node, from fid: RemoteFid, _ flags: OpenFlags, _ interruption: Interruption
    ) throws(SessionError) -> OpenHandle {
        let clone = try fid.clone(interruption)
        let (_, ioUnit) = try clone.cache.makingRoom { () throws(SessionError) in
            try session.open(clone.fid, flags, interruption: interruption)
        }
        return handles.add(node, clone, flags, ioUnit: ioUnit)
    }

    // MARK: Data

    func read(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) {
        let parts = attempt(request) { interruption throws(SessionError) in
            try read(try handle(file), byteCount, at: offset, interruption)
        }
        switch parts {
        case .success(let parts): request.reply(parts)
        case .failure(let error): request.fail(error.errno)
        }
    }

    /// As many messages as it takes, all at once.
    private func read(
        _ handle: OpenHandle, _ byteCount: Int, at offset: UInt64, _ interruption: Interruption
    ) throws(SessionError) -> [ArraySlice<UInt8>] {
        let fid = try fid(of: handle, interruption)
        let pieces = Pieces(of: byteCount, upTo: handle.chunkByteCount)
        return try session.read(fid.fid, at: offset, pieces, interruption: interruption)
    }

    func write(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ bytes: RawSpan, at offset: UInt64,
        file: OpenFile
    ) {
        let caller = request.caller
        let written = attempt(request) { interruption throws(SessionError) in
            var handle = try handle(file)
            if !file.isWriteBack { try dropSetID(of: handle.node, changedBy: caller, interruption) }
            // Pages have a place of their own; what appends would put them at the end.
            if file.isWriteBack, handle.flags.contains(.append) {
                handle = try writeBackHandle(handle, interruption)
            }
            return try write(bytes, to: handle, at: offset, interruption)
        }
        switch written {
        case .success(let count): request.reply(writtenByteCount: count)
        case .failure(let error): request.fail(error.errno)
        }
    }

    private func write(
        _ bytes: RawSpan, to handle: OpenHandle, at offset: UInt64, _ interruption: Interruption
    ) throws(SessionError) -> Int {
        let fid = try fid(of: handle, interruption)
        let written =
            handle.flags.contains(.append)
            ? try append(bytes, handle.chunkByteCount, to: fid, at: offset, interruption)
            : try session.write(
                bytes, to: fid.fid, at: offset, Pieces(of: bytes.byteCount, upTo: handle.chunkByteCount),
                interruption: interruption)
        handle.node.written(upTo: offset &+ UInt64(written))
        return written
    }

    /// One message after the other: where they land is decided by the order in which they are carried out.
    private func append(
        _ bytes: RawSpan, _ chunkByteCount: Int, to fid: RemoteFid, at offset: UInt64,
        _ interruption: Interruption
    ) throws(SessionError) -> Int {
        var written = 0
        while written < bytes.byteCount {
            let end = min(bytes.byteCount, written + chunkByteCount)
            do throws(SessionError) {
                let count = try session.write(
                    bytes.extracting(written..<end), to: fid.fid, at: offset &+ UInt64(written),
                    interruption: interruption)
                guard count > 0 else { break }
                written += count
            } catch {
                // What was written counts; the error comes with the next write.
                guard written > 0 else { throw error }
                break
            }
        }
        return written
    }

    /// A fid for pages of a file that is open for appending only.
    private func writeBackHandle(
        _ handle: OpenHandle, _ interruption: Interruption
    ) throws(SessionError) -> OpenHandle {
        try handle.writeBack.withLock { known throws(SessionError) in
            if let known { return known }
            let clone = try fid(of: handle, interruption).clone(interruption)
            let (_, ioUnit) = try session.open(clone.fid, .readWrite, interruption: interruption)
            let made = OpenHandle(0, handle.node, clone, .readWrite, ioUnit: ioUnit)
            known = made
            return made
        }
    }

    func synchronize(_ request: consuming FUSERequest, _ inode: InodeNumber, dataOnly: Bool, file: OpenFile) {
        attemptSuccess(request) { interruption throws(SessionError) in
            let handle = try handle(file)
            try session.synchronize(
                fid(of: handle, interruption).fid, dataOnly: dataOnly, interruption: interruption)
        }
    }

    /// 9P2000.L cannot reserve space or punch holes; programs fall back.
    func allocate(
        _ request: consuming FUSERequest, _ inode: InodeNumber, mode: CInt, offset: UInt64, byteCount: UInt64,
        file: OpenFile
    ) {
        request.fail(.notSupportedOnSocket)
    }

    // MARK: Closing

    /// A descriptor is closed: its process gives up all its POSIX locks of the file.
    func flush(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        attemptSuccess(request) { interruption throws(SessionError) in
            try releaseLocks(of: file.lockOwner, on: inode, interruption)
        }
    }

    func release(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        if let handle = handles.remove(file.handle) { owners.drop(handle) }
        request.succeed()
    }
}
