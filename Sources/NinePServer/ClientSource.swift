public import LinuxSystem
public import SystemPackage

/// Where a socket server's clients come from: a socket that listens, or one that is connected to its only client.
public struct ClientSource: ~Copyable, Sendable {
    enum Kind {
        case listening
        case connected
    }

    /// `unix:/run/x.sock`, `tcp:127.0.0.1:564`, `fd:3`
    public let name: String
    let kind: Kind
    let socket: Socket
    /// A socket's file that goes with its server.
    public let ownedPath: String?
    /// Whether the kernel can say who a client is.
    let knowsPeers: Bool

    private init(_ name: String, _ kind: Kind, _ socket: consuming Socket, ownedPath: String? = nil) {
        (self.name, self.kind, self.ownedPath) = (name, kind, ownedPath)
        knowsPeers = socket.knowsPeers
        self.socket = socket
    }

    /// A unix socket of our own.
    ///
    /// - Parameter mode: who may connect, as permission bits of the socket's file.
    /// - Throws: `EADDRINUSE` when somebody listens at `path` already.
    public static func unix(_ path: String, mode: UInt32 = 0o600) throws(Errno) -> ClientSource {
        let socket = try Socket.listening(.stream, at: path, mode: mode, backlog: 128)
        return ClientSource("unix:\(path)", .listening, socket, ownedPath: path)
    }

    /// - Throws: `EADDRINUSE` when somebody listens there already.
    public static func tcp(_ place: TCPPlace) throws(Errno) -> ClientSource {
        let socket = try place.listening()
        // Port 0 asked for any.
        let place = socket.place
        return ClientSource(place, .listening, socket)
    }

    /// A socket that somebody else has made; its file, if it has one, is theirs.
    ///
    /// - Parameter name: for one that has no place.
    public static func made(_ socket: consuming Socket, name: String) -> ClientSource {
        let (isListening, place) = (socket.isListening, socket.place)
        return ClientSource(
            place.isEmpty || !isListening ? name : place, isListening ? .listening : .connected, socket)
    }
}
