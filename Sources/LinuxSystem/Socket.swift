import CLinux
import Glibc
public import SystemPackage

/// A socket of streams or packets, close-on-exec and non-blocking from birth.
@frozen
public struct Socket: ~Copyable, Sendable {
    public enum Kind: CInt, Sendable {
        case stream = 1
        case sequencedPackets = 5
    }

    public struct Credentials: Sendable, Hashable {
        public let process: CInt
        public let user: UInt32
        public let group: UInt32
    }

    public let descriptor: OwnedDescriptor
    public var rawDescriptor: CInt { descriptor.rawValue }

    public init(owning descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// Binds and listens at `path`. A socket file that nobody listens on any more is removed first; one that
    /// answers is `EADDRINUSE`.
    public static func listening(_ kind: Kind, at path: String, backlog: CInt = 16) throws(Errno)
        -> Socket
    {
        removeIfNobodyListens(kind, at: path)
        return Socket(
            owning: OwnedDescriptor(
                owning: try checked(unsafe clinux_unix_listen(kind.rawValue, path, backlog))))
    }

    public static func connected(_ kind: Kind, to path: String) throws(Errno) -> Socket {
        Socket(
            owning: OwnedDescriptor(owning: try checked(unsafe clinux_unix_connect(kind.rawValue, path))))
    }

    /// Both ends of one connection.
    @frozen
    public struct Pair: ~Copyable {
        public let near: Socket
        public let far: Socket
    }

    /// A stream inside one process.
    public static func pair() throws(Errno) -> Pair {
        var ends: (CInt, CInt) = (-1, -1)
        // SAFETY: the shim writes two integers, and the tuple is two integers.
        let result = unsafe withUnsafeMutablePointer(to: &ends) { ends in
            unsafe ends.withMemoryRebound(to: CInt.self, capacity: 2) {
                unsafe clinux_unix_pair(CLINUX_STREAM, $0)
            }
        }
        _ = try checked(result)
        return Pair(
            near: Socket(owning: OwnedDescriptor(owning: ends.0)),
            far: Socket(owning: OwnedDescriptor(owning: ends.1)))
    }

    /// The next waiting peer, `nil` when there is none.
    public borrowing func accept() throws(Errno) -> Socket? {
        do {
            return Socket(owning: OwnedDescriptor(owning: try checked(clinux_accept(rawDescriptor))))
        } catch {
            guard error != .wouldBlock, error != .connectionAbort, error != .interrupted else { return nil }
            throw error
        }
    }

    /// Sends one message with its descriptors: all of it or an errno.
    public borrowing func send(_ bytes: [UInt8], descriptors: [CInt] = []) throws(Errno) {
        // SAFETY: both arrays' own storage, borrowed for the call with their own counts.
        let sent = unsafe bytes.withUnsafeBytes { message in
            unsafe descriptors.withUnsafeBufferPointer { carried in
                unsafe clinux_send(
                    rawDescriptor, message.baseAddress, message.count, carried.baseAddress, carried.count)
            }
        }
        guard try checked(sent) == bytes.count else { throw .messageTooLong }
    }

    /// Receives one message of at most `capacity` bytes with at most `descriptorCapacity` descriptors.
    ///
    /// - Returns: no bytes when the peer hung up, `nil` when nothing is there.
    /// - Throws: `EMSGSIZE` when the peer sent more than fits (received descriptors are closed).
    public borrowing func receive(
        capacity: Int, descriptorCapacity: Int = 0
    ) throws(Errno) -> (bytes: [UInt8], descriptors: [CInt])? {
        var descriptors = [CInt](repeating: -1, count: max(descriptorCapacity, 1))
        var count = descriptorCapacity
        var received = 0
        let socket = rawDescriptor
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
            // SAFETY: the shim writes at most `capacity` bytes and `count` descriptors into storage of that size.
            received = unsafe clinux_receive(socket, buffer.baseAddress, capacity, &descriptors, &count)
            filled = max(0, received)
        }
        if received == -Int(Errno.wouldBlock.rawValue) || received == -Int(Errno.interrupted.rawValue) {
            return nil
        }
        _ = try checked(received)
        return (bytes, Array(descriptors.prefix(count)))
    }

    /// Who connected (SO_PEERCRED).
    public borrowing func peerCredentials() throws(Errno) -> Credentials {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
        _ = try checked(unsafe clinux_peer_credentials(rawDescriptor, &process, &user, &group))
        return Credentials(process: process, user: user, group: group)
    }
}
