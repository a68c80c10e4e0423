import ArgumentParser
import Commands
import LinkDaemon
import LinuxSystem
import SystemPackage

/// The guest-backend's daemon: finds devices on links' pages and probes drivers for them.
@main
struct VOPGuestDaemon: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "vopguestd",
        abstract: "Finds the virtio devices of links' device pages and drives them.",
        discussion: """
            Serves a control tree; links and drivers are managed in it, with vopctl or by hand. Ends on SIGTERM, SIGINT or
            SIGHUP, letting go of every device first.
            """,
        version: Version.line(of: "vopguestd"))

    @OptionGroup var options: DaemonOptions

    @Option(
        help: ArgumentHelp(
            "Where drivers put their sockets (default: /run/vop/sockets, or $XDG_RUNTIME_DIR/vop/sockets).",
            valueName: "directory"))
    var sockets: String?

    func run() throws {
        guard let sockets = sockets ?? RuntimeDirectory.path("vop/sockets") else {
            throw ValidationError(
                "XDG_RUNTIME_DIR is not set, so there is no default place for sockets; give --sockets DIRECTORY"
            )
        }
        do throws(Errno) { try RuntimeDirectory.make(sockets, mode: 0o700) } catch {
            throw ValidationError(
                "the directory for sockets, \(sockets), cannot be made: \(error); give another with --sockets"
            )
        }
        try options.run("vopguestd", GuestLinkSide.kind(sockets: sockets))
    }
}
