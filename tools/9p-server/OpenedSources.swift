import LinuxSystem
import NinePServer

/// Where clients come from: opened while this process may still make sockets, and until somebody serves there.
final class OpenedSources {
    private final class Held {
        var source: ClientSource?
        init(_ source: consuming ClientSource) { self.source = consume source }
    }

    private var held: [Held] = []
    /// The files of those that have one.
    private(set) var paths: [String] = []

    func add(_ source: consuming ClientSource) {
        if let path = source.ownedPath { paths.append(path) }
        held.append(Held(source))
    }

    /// - Parameter body: what serves there takes its file away at its end, once there is one for each.
    func takeAll<Server>(_ body: (consuming ClientSource) throws -> Server) throws -> [Server] {
        var servers: [Server] = []
        while let first = held.first, let source = first.source.take() {
            held.removeFirst()
            servers.append(try body(source))
        }
        paths = []
        return servers
    }

    /// Nobody will serve there: the files of those that were not taken go.
    func withdraw() { for path in paths { Socket.remove(at: path) } }
}
