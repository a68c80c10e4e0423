import NineP

/// One of each message, every field different, so that swapped fields show.
enum Samples {
    static let qid = Qid(
        kind: [.directory, .symbolicLink], version: 0x0403_0201, path: 0x1817_1615_1413_1211)
    static let time = FileTime(seconds: -2, nanoseconds: 999_999_999)
    static let lock = FileLock(
        kind: .write, start: 0x0102, length: 0x8000_0000_0000_0001, processID: 77, clientID: "host-7")

    static var change: AttributeChange {
        var change = AttributeChange()
        change.valid = [.mode, .size, .modificationTime, .modificationTimeValue]
        (change.mode, change.user, change.group, change.size) = (0o4755, 1001, 1002, 1 << 40)
        (change.accessTime, change.modificationTime) = (time, FileTime(seconds: 5, nanoseconds: 6))
        return change
    }

    static var attributes: FileAttributes {
        var attributes = FileAttributes(
            valid: .basic, qid: qid, mode: 0o100644, user: 11, group: 12, linkCount: 13, deviceNumber: 14,
            size: 15,
            blockSize: 16, blocks: 17)
        attributes.accessTime = FileTime(seconds: 18, nanoseconds: 19)
        attributes.modificationTime = FileTime(seconds: 20, nanoseconds: 21)
        attributes.changeTime = FileTime(seconds: 22, nanoseconds: 23)
        attributes.birthTime = FileTime(seconds: 24, nanoseconds: 25)
        (attributes.generation, attributes.dataVersion) = (26, 27)
        return attributes
    }

    static let statistics = FileSystemStatistics(
        type: 1, blockSize: 2, blocks: 3, freeBlocks: 4, availableBlocks: 5, files: 6, freeFiles: 7,
        identifier: 8,
        maximumNameLength: 9)

    static let payload: ArraySlice<UInt8> = [9, 8, 7, 6, 5]
    static let notUTF8 = Name([0xFF, 0xFE, 0x2F, 0x00, 0x0A])

    static func fid(_ number: UInt32) -> Fid { Fid(rawValue: number) }

    static let requests: [Request] = [
        .version(maximumMessageSize: 65_535, version: Protocol9P.version),
        .auth(authFid: fid(1), user: "user", tree: "/srv/é", userNumber: 1000),
        .attach(fid: fid(1), authFid: .none, user: "", tree: "tree", userNumber: Protocol9P.noUserNumber),
        .flush(oldTag: Tag(rawValue: 0x1234)),
        .walk(fid: fid(3), newFid: fid(4), names: []),
        .walk(fid: fid(3), newFid: fid(4), names: (0..<16).map { Name("name\($0)") }),
        .lopen(fid: fid(5), flags: [.readWrite, .truncate, .direct]),
        .lcreate(fid: fid(6), name: notUTF8, flags: [.writeOnly, .exclusive], mode: 0o644, group: 100),
        .read(fid: fid(7), offset: 1 << 63, count: 4096),
        .write(fid: fid(8), offset: 12, data: payload),
        .write(fid: fid(8), offset: 12, data: []),
        .clunk(fid: fid(9)),
        .remove(fid: fid(10)),
        .readdir(fid: fid(11), offset: 0xFFFF_FFFF_FFFF_FFFF, count: 8192),
        .getattr(fid: fid(12), mask: .all),
        .setattr(fid: fid(13), change: change),
        .statfs(fid: fid(14)),
        .fsync(fid: fid(15), dataOnly: true),
        .fsync(fid: fid(15), dataOnly: false),
        .symlink(directory: fid(16), name: "link", target: "../target", group: 7),
        .readlink(fid: fid(17)),
        .mknod(directory: fid(18), name: "node", mode: 0o020600, major: 1, minor: 3, group: 8),
        .mkdir(directory: fid(19), name: "directory", mode: 0o755, group: 9),
        .link(directory: fid(20), fid: fid(21), name: "second"),
        .rename(fid: fid(22), directory: fid(23), name: "moved"),
        .renameat(oldDirectory: fid(24), oldName: "old", newDirectory: fid(25), newName: "new"),
        .unlinkat(directory: fid(26), name: "gone", flags: .removeDirectory),
        .xattrwalk(fid: fid(27), newFid: fid(28), name: ""),
        .xattrcreate(fid: fid(29), name: "user.colour", size: 5, flags: .replace),
        .lock(fid: fid(30), lock: lock, flags: [.block, .reclaim]),
        .getlock(fid: fid(31), lock: lock),
    ]

    static let replies: [Reply] = [
        .error(code: 2),
        .version(maximumMessageSize: 8192, version: Protocol9P.unknownVersion),
        .auth(qid: qid), .attach(qid: qid), .flush,
        .walk(qids: []), .walk(qids: Array(repeating: qid, count: 16)),
        .lopen(qid: qid, ioUnit: 4096), .lcreate(qid: qid, ioUnit: 0),
        .read(data: payload), .read(data: []), .write(count: 5), .clunk, .remove,
        .readdir(entries: payload), .getattr(attributes), .setattr, .statfs(statistics), .fsync,
        .symlink(qid: qid), .readlink(target: notUTF8), .mknod(qid: qid), .mkdir(qid: qid), .link, .rename,
        .renameat, .unlinkat, .xattrwalk(size: 1 << 33), .xattrcreate, .lock(status: .grace),
        .getlock(lock: lock),
    ]
}
