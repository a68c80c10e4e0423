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

    @Option(
        help: ArgumentHelp(
            "Where links and devices are saved (default: /var/lib/vop, or $XDG_STATE_HOME/vop).",
            valueName: "directory"))
    public var state: String?

    @Option(help: "What to log: trace, debug, info, notice, warning, error or critical.")
    public var logLevel: Logger.Level = .info

    public init() {}

    /// Runs a daemon until it is told to end.
    ///
    /// - Throws: `ValidationError` when this user has no default place for the tree or for what is saved, `Daemon.Failure` when it could not start
    ///   or go on.
    public func run(_ name: String, _ kind: LinkSideKind) throws {
        try Daemon(
            kind, treePath: try treePath(kind.side), statePath: try statePath(),
            log: ProgramLog.logger(name, level: logLevel)
        ).run()
    }

    private func statePath() throws -> String {
        if let state { return state }
        guard let path = RuntimeDirectory.statePath("vop") else {
            throw ValidationError(
                "neither XDG_STATE_HOME nor HOME is set, so there is no default place to save links and devices; "
                    + "give --state DIRECTORY")
        }
        return path
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
