import FUSEMount
import NineP
import NinePClient
import SystemPackage

/// Extended attributes: a walk to one, then reads; or a fid made one, then writes, applied when it is clunked.
extension RemoteTree {
    /// XATTR_SIZE_MAX and XATTR_LIST_MAX: no server has cause to say more.
    private static let maximumByteCount = 1 << 16

    func getExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName, capacity: Int
    ) {
        replyXattr(request, inode, Name(name), capacity)
    }

    func listExtendedAttributes(_ request: consuming FUSERequest, _ inode: InodeNumber, capacity: Int) {
        replyXattr(request, inode, "", capacity)
    }

    private func replyXattr(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: Name, _ capacity: Int
    ) {
        let value = attempt(request) { interruption throws(SessionError) in
            try xattr(name, of: try node(inode), capacity, interruption)
        }
        switch value {
        case .success(.size(let byteCount)): request.reply(attributeByteCount: byteCount)
        case .success(.bytes(let bytes)): request.reply(bytes)
        case .failure(let error): request.fail(error.errno)
        }
    }

    private enum Value {
        case size(Int)
        case bytes([UInt8])
    }

    private func xattr(
        _ name: Name, of node: Node, _ capacity: Int, _ interruption: Interruption
    ) throws(SessionError) -> Value {
        let file = try node.statusFid(interruption)
        let (newFid, epoch) = (session.fids.take(), session.epoch)
        let size: UInt64
        do throws(SessionError) {
            size = try session.walkXattr(file.fid, to: newFid, name, interruption: interruption)
        } catch {
            // Given up half way, it may exist all the same: a clunk settles that, whatever it answers.
            if error == .interrupted || error == .timedOut { _ = try? session.clunk(newFid) }
            session.fids.give(back: newFid)
            throw error
        }
        let fid = RemoteFid(owning: newFid, of: session, file.cache, epoch: epoch)
        guard size <= UInt64(RemoteTree.maximumByteCount) else { throw .refused(.argListTooLong) }
        guard capacity > 0 else { return .size(Int(size)) }
        guard size <= UInt64(capacity) else { throw .refused(.outOfRange) }
        return .bytes(try readAll(fid, Int(size), interruption))
    }

    private func readAll(
        _ fid: RemoteFid, _ byteCount: Int, _ interruption: Interruption
    ) throws(SessionError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < byteCount {
            let asked = min(session.maximumReadByteCount, byteCount - bytes.count)
            let part = try session.read(
                fid.fid, at: UInt64(bytes.count), byteCount: asked, interruption: interruption)
            guard !part.isEmpty else { break }
            bytes += part
        }
        return bytes
    }

    /// An empty value cannot be said in the protocol, where no bytes mean removal.
    func setExtendedAttribute(
        _ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName, to value: RawSpan,
        flags: CInt
    ) {
        guard value.byteCount > 0 else {
            request.fail(.notSupportedOnSocket)
            return
        }
        let flags = XattrFlags(rawValue: UInt32(flags) & 3)
        attemptSuccess(request) { interruption throws(SessionError) in
            try setXattr(Name(name), of: try node(inode), to: value, flags, interruption)
        }
    }

    func removeExtendedAttribute(_ request: consuming FUSERequest, _ inode: InodeNumber, _ name: FileName) {
        attemptSuccess(request) { interruption throws(SessionError) in
            try setXattr(Name(name), of: try node(inode), to: RawSpan(), .replace, interruption)
        }
    }

    private func setXattr(
        _ name: Name, of node: Node, to value: RawSpan, _ flags: XattrFlags, _ interruption: Interruption
    ) throws(SessionError) {
        let fid = try node.statusFid(interruption).clone(interruption)
        _ = try session.call(
            .xattrcreate(fid: fid.fid, name: name, size: UInt64(value.byteCount), flags: flags),
            interruption: interruption)
        var written = 0
        while written < value.byteCount {
            let end = min(value.byteCount, written + session.maximumWriteByteCount)
            let count = try session.write(
                value.extracting(written..<end), to: fid.fid, at: UInt64(written), interruption: interruption)
            guard count > 0 else { throw .refused(.ioError) }
            written += count
        }
        // The clunk applies the value, so its answer is the outcome.
        try fid.clunk()
    }
}
