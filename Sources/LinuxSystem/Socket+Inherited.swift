import CLinux
import Glibc
public import SystemPackage

/// Sockets that another process has made and given to this one.
extension Socket {
    /// Takes a descriptor that this process was started with.
    ///
    /// - Throws: `EBADF` when there is none, `ENOTSOCK`, `EPROTOTYPE` when it is no stream.
    /// - Precondition: nobody else in this process uses it.
    public static func inherited(_ descriptor: CInt) throws(Errno) -> Socket {
        _ = try checked(clinux_stream_family(descriptor))
        let socket = Socket(owning: try OwnedDescriptor.inherited(descriptor))
        // Whoever made it may have left out what TCP needs.
        if TCPPlace.of(socket, peer: false) != nil { _ = try checked(clinux_tcp_settle(descriptor)) }
        return socket
    }

    /// Whether it waits for clients; otherwise it is connected to one.
    public var isListening: Bool { clinux_is_listening(rawDescriptor) == 1 }

    /// Whether the kernel can say who is at the other end.
    public var knowsPeers: Bool { clinux_stream_family(rawDescriptor) == AF_UNIX }

    /// Where it is: `unix:PATH`, `tcp:HOST:PORT`; empty for one without a place.
    public var place: String {
        if let place = TCPPlace.of(self, peer: false) { return "tcp:\(place)" }
        var path = [CChar](repeating: 0, count: 128)
        let length = unsafe clinux_unix_path(rawDescriptor, &path, path.count)
        guard length > 0 else { return "" }
        return "unix:" + String(decoding: path.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension OwnedDescriptor {
    /// Takes a descriptor that this process was started with: close-on-exec from now on, and non-blocking.
    ///
    /// - Throws: `EBADF` when there is none.
    /// - Precondition: nobody else in this process uses it.
    public static func inherited(_ descriptor: CInt) throws(Errno) -> OwnedDescriptor {
        _ = try checked(clinux_adopt(descriptor))
        return OwnedDescriptor(owning: descriptor)
    }
}

/// Sockets that systemd has opened for this process (sd_listen_fds(3)).
public enum ActivatedSockets {
    private static let first: CInt = 3

    /// Their descriptors; none where another process was meant.
    public static var descriptors: Range<CInt> {
        let none = first..<first
        guard number("LISTEN_PID") == ThisProcess.identifier, let count = number("LISTEN_FDS"),
            (1...1024).contains(count)
        else { return none }
        return first..<first + count
    }

    private static func number(_ name: String) -> CInt? {
        // SAFETY: a string that stands as long as nobody changes the environment, and is copied here.
        unsafe getenv(name).flatMap { unsafe CInt(String(cString: $0)) }
    }
}
