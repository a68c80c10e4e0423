import LinuxSystem
import SystemPackage

/// Carries bytes between a pair of descriptors and a socket, so that a client behind pipes is one like any other.
///
/// ```
///   input ───► near ═══ far ───► the server
///   output ◄── near ═══ far ◄───
/// ```
/// When either side ends, so does the other, after what had been said.
final class Relay: Sendable {
    private static let byteCount = 1 << 16

    /// The one descriptor of this way; closed when its thread ends, which is how a pipe's other end learns of it.
    private let outside: ByteStream
    private let near: Near

    private init(_ outside: consuming OwnedDescriptor, _ near: Near) {
        self.outside = ByteStream(owning: outside)
        self.near = near
    }

    private final class Near: Sendable {
        let stream: ByteStream
        init(_ stream: consuming ByteStream) { self.stream = stream }
    }

    /// - Returns: the server's end.
    static func start(
        reading input: consuming OwnedDescriptor, writing output: consuming OwnedDescriptor
    ) throws(Errno) -> Socket {
        ThisProcess.outlivesBrokenPipes()
        let pair = try Socket.pair()
        let near = Near(ByteStream(over: pair.near))
        let (inward, outward) = (Relay(input, near), Relay(output, near))
        // They end with either side; nobody waits for them.
        _ = try Thread("9p-relay-in") { carry(from: inward.outside, to: near.stream, near) }
        _ = try Thread("9p-relay-out") { carry(from: near.stream, to: outward.outside, near) }
        return pair.far
    }

    private static func carry(
        from source: borrowing ByteStream, to target: borrowing ByteStream, _ near: Near
    ) {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        do throws(Errno) {
            while case let count = try source.read(into: &bytes, from: 0, within: nil), count > 0 {
                try target.write(Array(bytes[..<count]), within: nil)
            }
        } catch {
            // Whichever way it ended, the server's end says so.
        }
        near.stream.shutDown()
    }
}
