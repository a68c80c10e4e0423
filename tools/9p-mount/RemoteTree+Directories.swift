import FUSEMount
import NineP
import NinePClient
import Synchronization
import SystemPackage

/// Listing directories: the server's cookies are the kernel's offsets, so that seekdir works and nothing is kept.
extension RemoteTree {
    func openDirectory(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        let opened = attempt(request) { interruption throws(SessionError) in
            try openHandle(try node(inode), [.readOnly, .directory], interruption)
        }
        reply(request, opened, [])
    }

    func readDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, byteCount: Int, at offset: UInt64,
        file: OpenFile
    ) {
        var buffer = DirectoryBuffer(byteCount: byteCount)
        let outcome = attempt(request) { interruption throws(SessionError) in
            try list(try handle(file), at: offset, into: &buffer, interruption)
        }
        switch outcome {
        case .success: request.reply(buffer)
        case .failure(let error): request.fail(error.errno)
        }
    }

    /// One message's worth of entries, fewer where they do not fit. The rest is kept for whoever goes on there.
    private func list(
        _ handle: OpenHandle, at offset: UInt64, into buffer: inout DirectoryBuffer,
        _ interruption: Interruption
    ) throws(SessionError) {
        var listing = handle.listing.withLock { kept in
            defer { kept = OpenHandle.Listing() }
            return kept
        }
        if listing.entries.isEmpty || listing.offset != offset {
            let entries = try session.readDirectory(
                fid(of: handle, interruption).fid, at: offset, byteCount: min(handle.chunkByteCount, 1 << 16),
                interruption: interruption)
            listing = OpenHandle.Listing(offset: offset, entries: entries[...])
        }
        while let entry = listing.entries.first {
            let isAdded = buffer.add(
                FileName(entry.name), inode: NodeTable.inode(of: entry.qid), mode: UInt32(entry.type) << 12,
                nextOffset: entry.nextOffset)
            guard isAdded else { break }
            listing.entries.removeFirst()
            listing.offset = entry.nextOffset
        }
        let rest = listing
        handle.listing.withLock { $0 = rest }
    }

    func releaseDirectory(_ request: consuming FUSERequest, _ inode: InodeNumber, file: OpenFile) {
        _ = handles.remove(file.handle)
        request.succeed()
    }

    func synchronizeDirectory(
        _ request: consuming FUSERequest, _ inode: InodeNumber, dataOnly: Bool, file: OpenFile
    ) {
        synchronize(request, inode, dataOnly: dataOnly, file: file)
    }
}
