import Glibc
import LinuxSystem
import NineP
import NinePClient
import SystemPackage

extension FuzzTarget {
    /// What a server sends: decoded, encoded again, and given to a client that waits for answers.
    ///
    /// Input: the stream a client reads after its Rversion, then the end of the connection.
    static let ninepReply = FuzzTarget(name: "9p-reply") { bytes in
        checkCodec(bytes)
        guard let pair = try? ByteStream.pair() else { fatalError("no socket pair to try") }
        let hello = Reply.version(maximumMessageSize: 8192, version: Protocol9P.version).encoded(tag: .none)
        do {
            try pair.far.write(hello + bytes, within: .seconds(10))
        } catch { fatalError("a new socket takes \(bytes.count) bytes: \(error)") }
        shutdown(pair.far.rawDescriptor, Int32(SHUT_WR))
        let stream = ByteStream(owning: OwnedDescriptor(owning: dup(pair.near.rawDescriptor)))
        guard let session = try? Session(over: stream, maximumMessageSize: 8192) else { return }
        call(session)
        require(session.ending != nil, "a session whose server went has ended")
        pair.far.shutDown()
    }

    private static func checkCodec(_ frame: [UInt8]) {
        guard let decoded = try? Reply.decode(untrusted: frame) else { return }
        let again = try? Reply.decode(untrusted: decoded.reply.encoded(tag: decoded.tag))
        require(again?.reply == decoded.reply && again?.tag == decoded.tag, "\(decoded.reply) round-trips")
    }

    /// Asks until the answers are used up. Each ask ends.
    private static func call(_ session: Session) {
        let fid = Fid(rawValue: 1)
        for _ in 0..<64 where session.ending == nil {
            do throws(SessionError) {
                _ = try session.attributes(of: fid)
                _ = try session.walk(fid, to: Fid(rawValue: 2), [])
                _ = try session.readLink(fid)
                _ = try session.readDirectory(fid, at: 0, byteCount: 4096)
                _ = try session.statistics(of: fid)
                try session.clunk(fid)
            } catch { continue }
        }
        session.end()
    }
}
