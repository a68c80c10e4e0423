import ArgumentParser
import Commands
import LinkDaemon

/// The host-backend's daemon: publishes devices on links' pages for backends to serve.
@main
struct VOPHostDaemon: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "vophostd",
        abstract: "Publishes virtio devices on links' device pages and serves their queues to backends.",
        discussion: """
            Serves a control tree; links and devices are made in it, with vopctl or by hand. Ends on SIGTERM, SIGINT or SIGHUP,
            taking every device off its page first.
            """,
        version: Version.line(of: "vophostd"))

    @OptionGroup var options: DaemonOptions

    func run() throws {
        try options.run("vophostd", HostLinkSide.kind)
    }
}
