import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// One client on a socket. Its server's loop reads; whoever serves a request writes the reply itself as far as
/// the socket takes it, and leaves the rest to the loop.
///
/// Replies to requests that came together go together: they are held back until the last of them, or until one of
/// the requests turns out to be slow.
final class SocketConnection: ReplySink {
    fileprivate struct Output {
        /// What has not gone, from `start` on: of replies held back, or of those the socket had no room for.
        var bytes: [UInt8] = []
        var start = 0
        /// Where each of these replies ends.
        var ends: [(end: Int, token: UInt64)] = []
        var isHeldBack = false
        /// Whether the loop waits for room in the socket.
        var awaitsRoom = false
        var isClosed = false

        var byteCount: Int { bytes.count - start }
    }

    /// Frames taken from one client before the others have their turn.
    private static let framesPerTurn = 64
    /// Bytes of replies waiting for the client to read them; above that no further request is taken.
    private static let outputLimit = 4 << 20
    /// Bytes of replies held back at most.
    private static let heldBackLimit = 1 << 16

    let number: UInt64
    let socket: Socket
    /// Asks the loop to look at this connection again.
    private let wake: @Sendable (UInt64) -> Void
    /// Tells the poller whether room in the socket is waited for.
    private let awaitRoom: @Sendable (SocketConnection, Bool) -> Void
    private let output = Mutex(Output())
    /// Whether the loop has stopped reading until there is room.
    private let hasPaused = Atomic(false)
    private let dropReason = Mutex<String?>(nil)
    private let requests = Mutex(SocketRequests(nil))

    init(
        _ number: UInt64, _ socket: consuming Socket, wake: @escaping @Sendable (UInt64) -> Void,
        awaitRoom: @escaping @Sendable (SocketConnection, Bool) -> Void
    ) {
        (self.number, self.wake, self.awaitRoom) = (number, wake, awaitRoom)
        self.socket = socket
    }

    func send(_ frame: [UInt8], for token: UInt64) {
        output.withLock { output in
            guard !output.isClosed else { return }
            if output.isHeldBack, output.byteCount + frame.count > SocketConnection.heldBackLimit {
                flush(&output)
            }
            guard output.byteCount == 0, !output.isHeldBack || frame.count > SocketConnection.heldBackLimit
            else {
                return output.append(frame[...], token)
            }
            guard let count = write(frame[...], &output) else { return }
            guard count < frame.count else { return sent([token]) }
            output.append(frame[count...], token)
            awaitRoom(&output)
        }
        resumeReading()
    }

    func withdraw(_ token: UInt64) { resumeReading() }

    func drop(because reason: String) {
        dropReason.withLock { $0 = $0 ?? reason }
        wake(number)
    }

    var reasonToDrop: String? { dropReason.withLock { $0 } }

    /// Writes what the socket takes now. By the loop, when the socket has room again.
    func flushOutput() {
        output.withLock { flush(&$0) }
        resumeReading()
    }

    /// From now on replies wait for `sendHeldBack`.
    func holdBack() { output.withLock { $0.isHeldBack = true } }

    func sendHeldBack() {
        output.withLock { output in
            output.isHeldBack = false
            if !output.awaitsRoom { flush(&output) }
        }
        resumeReading()
    }

    /// Nothing is written any more.
    func close() {
        output.withLock { output in
            output = Output()
            output.isClosed = true
        }
        socket.shutDown()
    }

    private func flush(_ output: inout Output) {
        guard output.byteCount > 0 else { return }
        guard let count = write(output.bytes[output.start...], &output) else { return }
        output.start += count
        let done = output.ends.prefix { $0.end <= output.start }.count
        if done > 0 {
            sent(output.ends[..<done].map(\.token))
            output.ends.removeFirst(done)
        }
        if output.byteCount == 0 {
            output.bytes.removeAll(
                keepingCapacity: output.bytes.capacity <= 2 * SocketConnection.heldBackLimit)
            output.start = 0
        }
        awaitRoom(&output)
    }

    /// - Returns: how many of `bytes` the socket took; `nil` when the client is gone.
    private func write(_ bytes: ArraySlice<UInt8>, _ output: inout Output) -> Int? {
        KillPoint.reach(.beforeAnswer)
        var done = 0
        while done < bytes.count {
            switch (try? socket.write(bytes.dropFirst(done))) ?? .ended {
            case .moved(let moved): done += moved
            case .wouldBlock: return done
            case .ended:
                // The loop learns the same from the socket.
                output = Output()
                output.isClosed = true
                return nil
            }
        }
        return done
    }

    /// The client's kernel has these replies.
    private func sent(_ tokens: [UInt64]) {
        KillPoint.reach(.afterAnswer)
        requests.withLock { $0 }.sent(tokens)
    }

    private func awaitRoom(_ output: inout Output) {
        let awaitsRoom = output.byteCount > 0
        guard awaitsRoom != output.awaitsRoom else { return }
        output.awaitsRoom = awaitsRoom
        awaitRoom(self, awaitsRoom)
    }

    private func resumeReading() {
        if hasPaused.load(ordering: .sequentiallyConsistent),
            hasPaused.exchange(false, ordering: .sequentiallyConsistent)
        {
            wake(number)
        }
    }

    /// Whether nothing is to be taken from the client now.
    var isPaused: Bool { hasPaused.load(ordering: .sequentiallyConsistent) }

    private func hasRoom(_ session: NinePSession?) -> Bool {
        session?.hasRoom != false && output.withLock { $0.byteCount < SocketConnection.outputLimit }
    }

    enum Turn {
        /// Nothing more is there, or there is no room for more now.
        case waits
        /// More may be there; others first.
        case yields
        case ended
    }

    /// Takes frames from the client while there are any and there is room for them; the caller serves them.
    ///
    /// - Parameters:
    ///   - begin: makes the session for a first frame, or finds the one to go on with.
    ///   - holdBack: called when there is more than one.
    func takeFrames(
        into input: inout FrameInput, for session: inout NinePSession?, hasHungUp: Bool,
        begin: ([UInt8]) -> NinePSession?,
        holdBack: () -> Void
    ) throws(FrameError) -> Turn {
        for count in 0..<SocketConnection.framesPerTurn {
            guard hasRoom(session) else {
                hasPaused.store(true, ordering: .sequentiallyConsistent)
                // ORDER: pairs with `resumeReading`: either it sees the pause, or this sees the room it made.
                guard hasRoom(session) else { return hasHungUp ? .ended : .waits }
                hasPaused.store(false, ordering: .sequentiallyConsistent)
                continue
            }
            let limit = session?.maximumFrameByteCount ?? NinePSession.firstFrameByteCount
            switch try input.next(from: socket, maximumByteCount: limit) {
            case .frame(let frame):
                if session == nil {
                    session = begin(frame)
                    guard let session else { return .ended }
                    requests.withLock { $0 = SocketRequests(session.journal) }
                }
                if count == 1 { holdBack() }
                session?.submit(frame, requests.withLock { $0 }.origin(of: frame), isServedByCaller: true)
            case .nothing where !hasHungUp: return .waits
            // What it said last is served first.
            case .nothing, .ended: return count > 0 ? .yields : .ended
            }
        }
        return .yields
    }
}

extension SocketConnection.Output {
    fileprivate mutating func append(_ reply: ArraySlice<UInt8>, _ token: UInt64) {
        bytes += reply
        ends.append((bytes.count, token))
    }
}
