import Commands
import FUSEMount

extension MountOptions {
    /// How a remote tree is mounted. With others allowed in, the kernel checks owner, group and mode, for the server knows
    /// one user only; alone, that user needs no second check.
    init(_ settings: MountSettings, transferByteCount: Int) {
        self.init(source: settings.socket, subtype: "9p-mount")
        (allowsOthers, checksPermissions) = (settings.tree.allowsOthers, settings.tree.allowsOthers)
        isReadOnly = settings.isReadOnly
        maximumReadByteCount = transferByteCount
    }
}

/// Everything the command line says.
struct MountSettings: Sendable {
    var address: ServerAddress
    /// As messages, and the list of mounts, name it: a path, or as the command line says it.
    var socket: String
    var mountPoint: String
    /// Printed when it is mounted, with the paths as they were given.
    var readyLine: String
    /// aname
    var treeName = ""
    var user = UserIdentity.number(0)
    var maximumMessageSize: UInt32 = 1 << 20
    var isReadOnly = false
    /// How long a server that hung up is waited for; zero: not at all.
    var reconnectLimit = Duration.seconds(60)
    /// How long a server may say nothing while somebody waits for it; zero: for ever.
    var silenceLimit = Duration.seconds(300)
    var tree = RemoteTree.Settings()
}

/// Whom the server is to act as.
enum UserIdentity: Sendable, Equatable {
    case number(UInt32)
    case name(String)

    /// Digits are a number, anything else a name that the server looks up.
    init(_ text: String) { self = UInt32(text).map { .number($0) } ?? .name(text) }
}
