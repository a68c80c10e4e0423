import LinuxSystem
import NineP
public import SystemPackage

/// Where the journals of a server's sessions lie: a directory on tmpfs, this user's alone.
public struct JournalDirectory: Sendable {
    public let path: String

    /// - Throws: the errno of making it; `EACCES` when others may write to it.
    public init(at path: String) throws(Errno) {
        try RuntimeDirectory.make(path, mode: 0o700)
        let status = try OwnedDescriptor.root(at: path).status()
        guard status.user == ProcessOwner.user, status.mode & 0o022 == 0 else { throw .permissionDenied }
        self.path = path
    }

    /// The journal of the session called `name`: of a queue by the path of its copy file, for example.
    ///
    /// - Throws: `EWOULDBLOCK` when another process has it, `ENOSPC` when there is no room.
    public func journal(named name: String, of server: NinePServer) throws(Errno) -> SessionJournal {
        try SessionJournal(
            at: "\(path)/\(JournalDirectory.fileName(name))", configuration: server.configurationSum,
            usesHandles: server.accounts.becomesUsers, exports: server.exports)
    }

    /// Files of sessions that began with `prefix`.
    func names(with prefix: String) throws(Errno) -> [String] {
        let encoded = JournalDirectory.text(prefix)
        return try DirectoryPath.names(at: path).filter {
            $0.hasPrefix(encoded) && $0.hasSuffix(JournalDirectory.suffix)
        }
    }

    private static let suffix = ".journal"

    /// Printable, without a slash, and different for different names.
    private static func fileName(_ name: String) -> String {
        let sum = String(JournalChecksum.of(Array(name.utf8)[...]), radix: 16)
        return "\(text(name.suffix(120)))-\(sum)\(suffix)"
    }

    private static func text(_ name: some StringProtocol) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "_" })
    }
}

extension NinePServer {
    /// Of all that a session's records rely on: which exports there are and who is who.
    var configurationSum: UInt64 {
        var text = "\(accounts.squash.rawValue) \(accounts.squashIdentity.user) \(accounts.ofProcess.user) "
        text += "\(accounts.squashIdentity.group)"
        for (kind, ranges) in [("u", accounts.map.users), ("g", accounts.map.groups)] {
            for range in ranges { text += " \(kind):\(range.client):\(range.server):\(range.count)" }
        }
        for export in exports {
            let policy = export.policy
            text += "\n\(export.name)=\(export.path) \(policy.isReadOnly) \(policy.crossesMounts) "
            text += "\(policy.allowsDeviceNodes) \(export.root.identity)"
        }
        return JournalChecksum.of(Array(text.utf8)[...])
    }
}
