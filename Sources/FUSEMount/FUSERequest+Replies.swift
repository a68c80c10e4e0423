internal import CFUSE
internal import Glibc
public import SystemPackage

/// The answers. Which one an operation takes, `FUSEFilesystem` says beside it; `fail` is always right.
extension FUSERequest {
    /// Refuses, with the errno the caller sees.
    @discardableResult
    public consuming func fail(_ errno: Errno) -> Delivery {
        unsafe take().send { unsafe fuse_reply_err($0, errno.rawValue) }
    }

    /// Done, nothing to say.
    @discardableResult
    public consuming func succeed() -> Delivery { unsafe take().send { unsafe fuse_reply_err($0, 0) } }

    /// Ends a `forget`, which has no answer.
    consuming func dismiss() {
        _ = unsafe take().send { request in
            unsafe fuse_reply_none(request)
            return 0
        }
    }

    @discardableResult
    public consuming func reply(_ entry: Entry) -> Delivery {
        var parameters = entry.parameters
        return unsafe take().send { unsafe fuse_reply_entry($0, &parameters) }
    }

    /// There is no such name, and the kernel may believe so for `validity`.
    @discardableResult
    public consuming func replyNoEntry(validFor validity: Duration = .zero) -> Delivery {
        guard validity > .zero else { return fail(.noSuchFileOrDirectory) }
        var parameters = fuse_entry_param()
        parameters.entry_timeout = validity.asSeconds
        return unsafe take().send { unsafe fuse_reply_entry($0, &parameters) }
    }

    @discardableResult
    public consuming func reply(_ attributes: FileAttributes, validFor validity: Duration = .zero) -> Delivery
    {
        var status = attributes.stat
        return unsafe take().send { unsafe fuse_reply_attr($0, &status, validity.asSeconds) }
    }

    /// - Returns: `.lost` when the open was given up: no `release` will come for it.
    @discardableResult
    public consuming func reply(_ open: OpenReply) -> Delivery {
        // The library's own answer knows neither `stream` nor `parallelDirectWrites`; the layout is the kernel's.
        var body = fuse_open_out()
        body.fh = open.handle
        body.open_flags = open.options.rawValue
        return unsafe take().send { request in
            unsafe withUnsafeBytes(of: &body) { bytes in
                unsafe fuse_reply_buf(
                    request, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
    }

    /// Answers a create. `stream` and `parallelDirectWrites` cannot be stated here.
    ///
    /// - Returns: `.lost` when the create was given up: neither `release` nor `forget` will come for it.
    @discardableResult
    public consuming func reply(_ entry: Entry, _ open: OpenReply) -> Delivery {
        var parameters = entry.parameters
        var information = fuse_file_info()
        open.apply(to: &information)
        return unsafe take().send { unsafe fuse_reply_create($0, &parameters, &information) }
    }

    /// Answers with data: what was read, a directory's entries, an extended attribute's value. Fewer bytes than asked for
    /// mean the end of the file.
    @discardableResult
    public consuming func reply(_ bytes: borrowing RawSpan) -> Delivery {
        let answering = unsafe take()
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe answering.send {
                unsafe fuse_reply_buf(
                    $0, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count)
            }
        }
    }

    @discardableResult
    public consuming func reply(_ bytes: [UInt8]) -> Delivery { unsafe reply(bytes.span.bytes) }

    @discardableResult
    public consuming func reply(_ directory: borrowing DirectoryBuffer) -> Delivery {
        let filled = directory.filled
        return unsafe reply(directory.bytes.span.bytes.extracting(first: filled))
    }

    /// Answers with data that lies in several places; a few.
    @discardableResult
    public consuming func reply(_ parts: [ArraySlice<UInt8>]) -> Delivery {
        let answering = unsafe take()
        return unsafe Self.withVectors(parts[...], []) { vectors in
            unsafe answering.send { unsafe fuse_reply_iov($0, vectors, CInt(vectors.count)) }
        }
    }

    // SAFETY: each part's own storage, borrowed until `body` returns.
    @unsafe
    private static func withVectors(
        _ parts: ArraySlice<ArraySlice<UInt8>>, _ before: [iovec], _ body: ([iovec]) -> Delivery
    ) -> Delivery {
        guard let part = parts.first else { return unsafe body(before) }
        return unsafe part.withUnsafeBytes { bytes in
            let vector = unsafe iovec(
                iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
            return unsafe withVectors(parts.dropFirst(), bytes.isEmpty ? before : before + [vector], body)
        }
    }

    /// Answers with `header` and then the pieces, gathered by the kernel straight from where they lie.
    ///
    /// - Note: the pieces must stay mapped until this returns; the kernel reads each byte once, and nobody here looks.
    @unsafe
    @discardableResult
    public consuming func reply(_ header: [UInt8], pieces: [UnsafeRawBufferPointer]) -> Delivery {
        guard unsafe pieces.count < Self.pieceCountMaximum else {
            return unsafe reply(
                pieces.reduce(into: header) { bytes, piece in unsafe bytes.append(contentsOf: piece) })
        }
        let answering = unsafe take()
        return unsafe header.withUnsafeBytes { headerBytes in
            let parts = unsafe [headerBytes] + pieces
            let vectors = unsafe parts.filter { unsafe !$0.isEmpty }.map { part in
                unsafe iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: part.baseAddress), iov_len: part.count)
            }
            return unsafe answering.send { unsafe fuse_reply_iov($0, vectors, CInt(vectors.count)) }
        }
    }

    /// writev's UIO_MAXIOV, less the library's header and ours.
    private static var pieceCountMaximum: Int { 1022 }

    @discardableResult
    public consuming func reply(writtenByteCount: Int) -> Delivery {
        unsafe take().send { unsafe fuse_reply_write($0, writtenByteCount) }
    }

    @discardableResult
    public consuming func reply(link target: FileName) -> Delivery {
        unsafe take().send { request in unsafe target.withCString { unsafe fuse_reply_readlink(request, $0) }
        }
    }

    @discardableResult
    public consuming func reply(_ statistics: FilesystemStatistics) -> Delivery {
        var body = statistics.statvfs
        return unsafe take().send { unsafe fuse_reply_statfs($0, &body) }
    }

    /// Answers an xattr request that asked with size zero: how much room the value takes.
    @discardableResult
    public consuming func reply(attributeByteCount: Int) -> Delivery {
        unsafe take().send { unsafe fuse_reply_xattr($0, attributeByteCount) }
    }

    /// Answers `getlk`: the lock in the way, or one of kind `.unlock` when there is none.
    @discardableResult
    public consuming func reply(_ lock: FileLock) -> Delivery {
        var body = lock.flock
        return unsafe take().send { unsafe fuse_reply_lock($0, &body) }
    }

    /// Answers `poll` with what is ready now (POLLIN and its kin).
    @discardableResult
    public consuming func reply(readyEvents: UInt32) -> Delivery {
        unsafe take().send { unsafe fuse_reply_poll($0, readyEvents) }
    }

    @discardableResult
    public consuming func reply(offset: UInt64) -> Delivery {
        unsafe take().send { unsafe fuse_reply_lseek($0, off_t(clamping: offset)) }
    }
}
