import Glibc
import LinuxSystem
import NineP
import SystemPackage
import Testing

/// A 9P client by hand that connects again whenever its connection is lost, and sends again what was not answered
/// (Documentation/decisions/13). Every write has an offset of its own.
final class ReturningClient {
    private enum Stage { case away, greeting, proving, up }

    private static let probe: UInt16 = 1000
    private static let barrier: UInt16 = 1001

    private let path: String
    private var socket: Socket?
    private var stage = Stage.away
    private var hasSession = false
    private var outgoing: [UInt8] = []
    private var received: [UInt8] = []
    private var unanswered: [UInt16: [UInt8]] = [:]
    private(set) var sent: UInt64 = 0
    private(set) var answeredCount = 0
    private(set) var connectionCount = 0
    /// The server had forgotten the session, or answered what was not asked.
    private(set) var faults: [String] = []
    /// Stays away while it is off.
    var connects = true

    init(_ path: String) { self.path = path }

    var isUp: Bool { stage == .up }
    var isIdle: Bool { isUp && unanswered.isEmpty && outgoing.isEmpty }

    func hangUp() { lose() }

    /// Asks for one more write, of so many bytes.
    func write(byteCount: Int = 8) {
        // Used again at once, so that a reply that is kept though it arrived is found under another request's tag.
        guard let tag = (0..<500).first(where: { unanswered[$0] == nil }) else {
            preconditionFailure("too many at once")
        }
        let data = [UInt8](repeating: UInt8(truncatingIfNeeded: sent), count: byteCount)
        let frame = Request.write(fid: Fid(rawValue: 1), offset: sent, data: data[...]).encoded(
            tag: NineP.Tag(rawValue: tag))
        sent += 1
        unanswered[tag] = frame
        if isUp { outgoing += frame }
    }

    var unansweredCount: Int { unanswered.count }

    /// Does what can be done now.
    func service() {
        if stage == .away { connect() }
        do throws(Errno) {
            while !outgoing.isEmpty, case .moved(let count)? = try socket?.write(outgoing[...]) {
                outgoing.removeFirst(count)
            }
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                switch try socket?.read(into: &buffer, from: 0) {
                case .moved(let count)?: received += buffer.prefix(count)
                case .ended?:
                    takeFrames()
                    return lose()
                case .wouldBlock?, nil: return takeFrames()
                }
            }
        } catch { lose() }
    }

    private func connect() {
        guard connects else { return }
        do throws(Errno) { socket = try Socket.connected(.stream, to: path) } catch { return }
        connectionCount += 1
        stage = hasSession ? .proving : .greeting
        outgoing =
            hasSession
            ? Request.getattr(fid: Fid(rawValue: 0), mask: .basic).encoded(
                tag: NineP.Tag(rawValue: Self.probe))
            : Request.version(maximumMessageSize: 65536, version: Protocol9P.version).encoded(tag: .none)
    }

    private func lose() {
        if let descriptor = socket?.rawDescriptor { shutdown(descriptor, Int32(SHUT_RDWR)) }
        socket = nil
        stage = .away
        outgoing = []
        received = []
    }

    private func takeFrames() {
        while received.count >= 7 {
            let size = (0..<4).reduce(0) { $0 | Int(received[$1]) << (8 * $1) }
            guard received.count >= size else { return }
            take(Array(received.prefix(size)))
            received.removeFirst(min(size, received.count))
        }
    }

    private func take(_ frame: [UInt8]) {
        let tag = UInt16(frame[5]) | UInt16(frame[6]) << 8
        switch stage {
        case .away: return
        case .greeting: begin()
        case .proving:
            // The driver of another life refuses; the device's server knows no getattr.
            if frame.count > 7, frame[7] == 71 { faults.append("the session is forgotten") }
            begin()
            outgoing += Request.flush(oldTag: .none).encoded(tag: NineP.Tag(rawValue: Self.barrier))
        case .up where tag == Self.barrier: return
        case .up:
            guard unanswered.removeValue(forKey: tag) != nil, frame[4] == RequestType.write.rawValue + 1
            else {
                return faults.append("an answer of type \(frame[4]) under tag \(tag)")
            }
            answeredCount += 1
        }
    }

    private func begin() {
        hasSession = true
        stage = .up
        for (_, frame) in unanswered.sorted(by: { $0.key < $1.key }) { outgoing += frame }
    }
}
