import CLinux
public import SystemPackage

/// A host and a port as people write them: `host:port`, `[::1]:port`, or a host alone.
public struct TCPAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name, or a number of IPv4 or IPv6.
    public let host: String
    public let port: UInt16

    /// - Parameter standardPort: for a host alone.
    /// - Returns: `nil` when it is none. An IPv6 number needs its brackets, since it has colons of its own.
    public init?(_ text: String, standardPort: UInt16) {
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = String(text[text.index(after: text.startIndex)..<end])
            rest = text[text.index(after: end)...]
        } else {
            let end = text.firstIndex(of: ":") ?? text.endIndex
            host = String(text[..<end])
            rest = text[end...]
        }
        if rest.isEmpty {
            port = standardPort
        } else {
            guard rest.first == ":", let number = UInt16(rest.dropFirst()) else { return nil }
            port = number
        }
        guard !host.isEmpty, host.utf8.count < 256, !host.utf8.contains(0) else { return nil }
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// One place a TCP socket can be at: an address in numbers, with its port.
public struct TCPPlace: Sendable, CustomStringConvertible {
    private static let maximumCount = 16

    private let raw: clinux_tcp_place

    private init(_ raw: clinux_tcp_place) { self.raw = raw }

    /// Those that `address` stands for. Asks the system's resolver, which may take its time.
    ///
    /// - Throws: `ENOENT` when there is none, `EAGAIN` when the resolver cannot say now.
    public static func all(of address: TCPAddress) throws(Errno) -> [TCPPlace] {
        var places = [clinux_tcp_place](repeating: clinux_tcp_place(), count: maximumCount)
        // SAFETY: the shim writes at most as many as it is told there is room for.
        let count = try checked(
            unsafe clinux_tcp_places(address.host, address.port, &places, CInt(maximumCount)))
        return places.prefix(Int(count)).map { TCPPlace($0) }
    }

    /// Where `socket` is, or its peer; `nil` for a socket of another family.
    public static func of(_ socket: borrowing Socket, peer: Bool) -> TCPPlace? {
        var raw = clinux_tcp_place()
        guard unsafe clinux_tcp_place_of(socket.rawDescriptor, peer ? 1 : 0, &raw) == 0 else { return nil }
        return TCPPlace(raw)
    }

    /// Whether only this machine can reach it.
    public var isLoopback: Bool { unsafe withRaw { unsafe clinux_tcp_is_loopback($0) } != 0 }

    /// `127.0.0.1:564`, `[::1]:564`
    public var description: String {
        var text = [CChar](repeating: 0, count: 128)
        let length = unsafe withRaw { unsafe clinux_tcp_text($0, &text, text.count) }
        return String(decoding: text.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Listens there. Nothing is held back to be sent with more; a peer that is gone without a word is noticed within a
    /// minute. An IPv6 address takes no IPv4 clients.
    public func listening(backlog: CInt = 128) throws(Errno) -> Socket {
        let result = unsafe withRaw { unsafe clinux_tcp_listen($0, backlog) }
        return Socket(owning: OwnedDescriptor(owning: try checked(result)))
    }

    /// Connects, with the same settings.
    ///
    /// - Throws: `ETIMEDOUT` when nobody answers in time.
    public func connected(within limit: Duration) throws(Errno) -> Socket {
        let timeout = max(limit, .zero).nanoseconds
        let result = unsafe withRaw { unsafe clinux_tcp_connect($0, timeout) }
        return Socket(owning: OwnedDescriptor(owning: try checked(result)))
    }

    // SAFETY: for the call alone, of a copy that nobody else has.
    private func withRaw<Result>(_ body: (UnsafePointer<clinux_tcp_place>) -> Result) -> Result {
        unsafe withUnsafePointer(to: raw) { unsafe body($0) }
    }
}
