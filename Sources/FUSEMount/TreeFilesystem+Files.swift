internal import ControlTree
internal import LinuxSystem
internal import SystemPackage

/// Open files and listings.
extension TreeFilesystem {
    public func open(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        guard let node = node(inode) else {
            request.fail(.staleNFSFileHandle)
            return
        }
        let user = request.caller.user
        let stranger = strangers.isStranger(user, to: node.ownership.user) ? user : nil
        guard stranger.map({ strangers.admit($0) }) ?? true else {
            request.fail(.tooManyOpenFilesInSystem)
            return
        }
        let signal = PollSignal()
        let access: Opening.Access = file.accessMode == 0 ? .reading : file.accessMode == 1 ? .writing : .both
        let made: any OpenNode
        do throws(Refusal) {
            made = try node.open(Opening(access, by: Requester(request.caller), signal))
        } catch {
            if let stranger { strangers.leave(stranger) }
            request.fail(error.errno)
            return
        }
        lastHandle += 1
        // Reads are not cached; writes to one file do not wait for each other, as far as the kernel lets them.
        let options: OpenReply.Options = [.directIO, .parallelDirectWrites, .noFlush]
        let isDelivered = request.reply(
            OpenReply(handle: lastHandle, made.isStream ? options.union(.stream) : options)
        ).isDelivered
        guard isDelivered else {
            if let stranger { strangers.leave(stranger) }
            made.close()
            return
        }
        opened[lastHandle] = Opened(node: made, signal: signal, stranger: stranger)
    }

    public func read(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) {
        guard let open = opened[file.handle] else {
            request.fail(.badFileDescriptor)
            return
        }
        let read = ReadRequest(request, byteCount: byteCount, isNonBlocking: file.isNonBlocking)
        open.node.read(read, at: offset)
        if !read.isOver { read.heedInterrupts() }
    }

    public func write(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ bytes: RawSpan, at offset: UInt64,
        file: OpenFile
    ) {
        guard let open = opened[file.handle] else {
            request.fail(.badFileDescriptor)
            return
        }
        let requester = Requester(request.caller)
        let count = bytes.byteCount
        var own = Optional(request)
        var kept: KeptRequest?
        let outcome = open.node.write(bytes, at: offset, isNonBlocking: file.isNonBlocking) {
            guard let request = own.take() else { return PendingChange(requester) { _ in } }
            let keeping = KeptRequest(request)
            kept = keeping
            return Self.change(requester, keeping) { $0.reply(writtenByteCount: count) }
        }
        if let kept, !kept.isOver { kept.heedInterrupts() }
        guard let request = own.take() else { return }
        switch outcome {
        case .taken(let taken): request.reply(writtenByteCount: taken)
        case .refused(let errno): request.fail(errno)
        case .later: request.fail(.ioError)
        }
    }

    public func poll(
        _ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile, handle: consuming PollHandle?
    ) {
        guard let open = opened[file.handle] else {
            request.reply(readyEvents: PollEvents([.error, .hangUp]).rawValue)
            return
        }
        // Kept before looking, so that what becomes ready in between is not missed.
        open.signal.keep(handle)
        var ready = open.node.poll().rawValue
        // POLLRDNORM and POLLWRNORM mean the same as POLLIN and POLLOUT.
        if ready & PollEvents.readable.rawValue != 0 { ready |= 0x40 }
        if ready & PollEvents.writable.rawValue != 0 { ready |= 0x100 }
        request.reply(readyEvents: ready)
    }

    public func release(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        if let open = opened.removeValue(forKey: file.handle) {
            open.node.close()
            open.signal.drop()
            if let stranger = open.stranger { strangers.leave(stranger) }
        }
        request.succeed()
    }

    /// "." and "..", then the children in the order in which they came. A listing goes on from where a child was, so what is
    /// added or removed meanwhile neither hides nor repeats another.
    public func readDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) {
        guard let directory = directory(inode) else {
            request.fail(.notDirectory)
            return
        }
        var buffer = DirectoryBuffer(byteCount: byteCount)
        var fits = true
        for (index, name) in [".", ".."].enumerated() where fits && offset <= index {
            fits = buffer.add(FileName(name), inode: inode, mode: 0o040000, nextOffset: UInt64(index) + 1)
        }
        for child in directory.children where fits && child.position + 2 > offset {
            fits = buffer.add(
                FileName(child.name), inode: InodeNumber(child.node.number),
                mode: child.node is Directory ? 0o040000 : 0o100000, nextOffset: child.position + 2)
        }
        request.reply(buffer)
    }
}
