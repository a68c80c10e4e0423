import FUSEMount
import NinePClient
import SystemPackage

/// Why the mount could not be made, or ended: one line, and the exit code of conventions for it.
struct MountFailure: Error {
    enum Code: Int32 {
        case local = 1
        case refused = 2
        case timedOut = 3
    }

    let code: Code
    let text: String
    /// The nearest errno, for those who answer with one.
    let errno: Errno

    init(_ code: Code, _ text: String, errno: Errno = .ioError) {
        (self.code, self.text, self.errno) = (code, text, errno)
    }

    init(_ error: MountError) { self.init(.local, "\(error)", errno: error.errno) }

    /// Connecting to `socket`, or meeting who listens there.
    init(meeting error: SessionError, at socket: String) {
        switch error {
        case .ended(.system(.timedOut)):
            self.init(
                .timedOut,
                "nobody answered at \(socket): is that machine up, and does a firewall let one through?",
                errno: .timedOut)
        case .ended(.system(let errno)):
            self.init(.local, Self.sentence(connecting: errno, to: socket), errno: errno)
        case .refused(let errno): self.init(.refused, Self.sentence(refused: errno, by: socket), errno: errno)
        case .ended(.hungUp):
            self.init(
                .refused, "the server at \(socket) hung up at once: it may serve one client at a time",
                errno: .connectionReset)
        case .ended(let ending): self.init(.refused, "\(socket): \(ending)")
        case .renewed: self.init(.refused, "\(socket): the server has forgotten the session")
        case .timedOut, .interrupted:
            self.init(
                .timedOut, "the server at \(socket) did not answer: is it a 9P server, and running?",
                errno: .timedOut)
        }
    }

    private static func sentence(connecting errno: Errno, to socket: String) -> String {
        switch errno {
        case .noSuchFileOrDirectory: "\(socket) does not exist: start the 9P server, or check the path"
        case .connectionRefused: "nobody listens on \(socket): start the 9P server"
        case .permissionDenied:
            "\(socket) may not be opened by this user: its owner, group and mode say who may"
        case .badFileDescriptor: "\(socket): no such descriptor is open; start this program with it"
        default: "\(socket) cannot be connected to: \(errno)"
        }
    }

    private static func sentence(refused errno: Errno, by socket: String) -> String {
        switch errno {
        case .protocolNotSupported: "the server at \(socket) does not speak 9P2000.L"
        case .resourceBusy:
            "the server at \(socket) is in use: it serves one client at a time; unmount the other, or wait until it has "
                + "forgotten the last one"
        default: "the server at \(socket) refused the session: \(errno)"
        }
    }

    init(attaching error: SessionError, to tree: String, at socket: String) {
        switch error {
        case .refused(let errno):
            let name = tree.isEmpty ? "its default tree" : "'\(tree)'"
            self.init(
                .refused,
                "the server at \(socket) refused to attach \(name): \(errno); --aname and --user say what to ask for",
                errno: errno)
        default: self.init(meeting: error, at: socket)
        }
    }
}
