import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// A directory, a 9P server that exports it, and a mount of that: real processes, gone with this object.
final class ServedDirectory: Sendable {
    enum Server: String, Sendable {
        /// 9p-server
        case own
        /// Debian's diod: a server nobody here wrote, which keeps paths where ours keeps descriptors.
        case diod
    }

    private let directory: TemporaryDirectory
    let kind: Server
    let server: Program

    var base: String { directory.path }
    var export: String { base + "/export" }
    var mountPoint: String { base + "/mount" }
    var secondMountPoint: String { base + "/second" }
    var socket: String { base + "/socket" }
    var treeName: String { kind == .own ? "tree" : export }

    /// - Parameter journal: where 9p-server keeps sessions.
    init(_ kind: Server, journal: String = "none") throws {
        self.kind = kind
        directory = try TemporaryDirectory()
        let base = directory.path
        for name in ["export", "mount"] { unsafe _ = mkdir(base + "/" + name, 0o755) }
        server = try ServedDirectory.start(kind, base, journal)
        let socket = base + "/socket"
        // The file is there a moment before anybody listens.
        try eventually("the server at its socket") {
            do throws(Errno) {
                _ = try Socket.connected(.stream, to: socket)
                return true
            } catch { return false }
        }
    }

    private static func serverArguments(_ base: String, _ journal: String) -> [String] {
        ["--export", "tree=\(base)/export", "--listen", "unix:\(base)/socket", "--journal", journal]
    }

    /// The server once more, after it was killed.
    func startAgain(journal: String = "none") throws -> Program {
        try Program(ours: "9p-server", Self.serverArguments(base, journal), in: base)
    }

    private static func start(_ kind: Server, _ base: String, _ journal: String) throws -> Program {
        switch kind {
        case .own:
            try Program(
                ours: "9p-server", serverArguments(base, journal), in: base)
        case .diod:
            try Program(
                "/usr/sbin/diod",
                ["-f", "-n", "-N", "-L", "stderr", "-e", "\(base)/export", "-l", "\(base)/socket"], in: base)
        }
    }

    deinit {
        server.signal(SIGKILL)
        _ = try? server.exitCode()
    }

    var isMounted: Bool {
        ((try? Program.read("/proc/self/mounts")) ?? "").contains(" \(mountPoint) fuse.9p-mount ")
    }

    /// Starts 9p-mount in the foreground and waits until it says that it is ready.
    func mount(_ options: [String] = []) throws -> Program { try mount(options, at: mountPoint) }

    /// The same tree once more, by another 9p-mount.
    func secondMount(_ options: [String] = []) throws -> Program {
        unsafe _ = mkdir(secondMountPoint, 0o755)
        return try mount(options, at: secondMountPoint)
    }

    private func mount(_ options: [String], at path: String) throws -> Program {
        let program = try start(options, at: path)
        try eventually("the mount; it printed: \(program.output)") {
            program.output.contains("mounted \(socket) at \(path)\n")
        }
        return program
    }

    /// Starts 9p-mount and waits for nothing.
    func start(_ options: [String] = [], socket: String? = nil, at path: String? = nil) throws -> Program {
        let arguments = ["--aname", treeName] + options + [socket ?? self.socket, path ?? mountPoint]
        return try Program(ours: "9p-mount", arguments, in: base)
    }

    /// Runs one of the scripts in checks/; the exit code and what it printed.
    func check(_ script: String, _ arguments: [String]) throws -> (code: CInt, output: String) {
        let checks = FilePath(#filePath).removingLastComponent().appending("checks")
        let program = try Program(
            "/usr/bin/python3", ["-B", checks.appending(script).string] + arguments, in: base)
        return (try program.exitCode(within: .seconds(300)), program.output)
    }

    /// Ends the mount as a service manager would.
    func end(_ program: Program) throws -> CInt {
        program.signal(SIGTERM)
        return try program.exitCode()
    }
}
