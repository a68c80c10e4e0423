public import ArgumentParser
import Commands
import LinuxSystem
public import Logging
import Virtio

/// The options both daemons take.
public struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where to mount the control tree (default: /run/vop/SIDE, or $XDG_RUNTIME_DIR/vop/SIDE).",
            valueName: "path"))
    public var tree: String?

    @Option(help: "What to log: trace, debug, info, notice, warning, error or critical.")
    public var logLevel: Logger.Level = .info

    public init() {}

    /// Runs a daemon until it is told to end.
    ///
    /// - Throws: `ValidationError` when this user has no default place for the tree, `Daemon.Failure` when it could not start
    ///   or go on.
    public func run(_ name: String, _ kind: LinkSideKind) throws {
        try Daemon(
            kind, treePath: try treePath(kind.side), log: ProgramLog.logger(name, level: logLevel)
        ).run()
    }

    private func treePath(_ side: Side) throws -> String {
        if let tree { return tree }
        guard let path = RuntimeDirectory.path("vop/\(side.rawValue)") else {
            throw ValidationError(
                "XDG_RUNTIME_DIR is not set, so there is no default place for the tree; give --tree PATH")
        }
        return path
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
