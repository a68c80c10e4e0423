import LinuxSystem
import NineP
import Synchronization
import SystemPackage

/// One client on a unix socket. Its server's loop reads; workers write their replies themselves as far as the
/// socket takes them, and leave the rest to the loop.
final class SocketConnection: ReplySink {
    private struct Output {
        var frames: [(bytes: [UInt8], token: UInt64)] = []
        /// How much of the first frame has gone.
        var sentByteCount = 0
        var byteCount = 0
        var isClosed = false
    }

    /// Frames taken from one client before the others have their turn.
    private static let framesPerTurn = 64
    /// Bytes of replies waiting for the client to read them; above that no further request is taken.
    private static let outputLimit = 4 << 20

    let number: UInt64
    let socket: Socket
    /// Asks the loop to look at this connection again.
    private let wake: @Sendable (UInt64) -> Void
    private let output = Mutex(Output())
    /// Whether the loop has stopped reading until there is room.
    private let isPaused = Atomic(false)
    private let dropReason = Mutex<String?>(nil)
    private let requests = Mutex(SocketRequests(nil))

    init(_ number: UInt64, _ socket: consuming Socket, wake: @escaping @Sendable (UInt64) -> Void) {
        (self.number, self.wake) = (number, wake)
        self.socket = socket
    }

    func send(_ frame: [UInt8], for token: UInt64) {
        output.withLock { output in
            guard !output.isClosed else { return }
            output.frames.append((frame, token))
            output.byteCount += frame.count
            if output.frames.count == 1 { flush(&output) }
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

    /// Nothing is written any more.
    func close() {
        output.withLock { output in
            output = Output()
            output.isClosed = true
        }
        socket.shutDown()
    }

    private func flush(_ output: inout Output) {
        var done = 0
        defer {
            if done > 0 {
                KillPoint.reach(.afterAnswer)
                requests.withLock { $0 }.sent(output.frames[..<done].map(\.token))
            }
            output.frames.removeFirst(done)
        }
        while done < output.frames.count {
            let frame = output.frames[done].bytes
            KillPoint.reach(.beforeAnswer)
            let count: Int
            switch (try? socket.write(frame[output.sentByteCount...])) ?? .ended {
            case .moved(let moved): count = moved
            case .wouldBlock: return
            case .ended:
                // The loop learns the same from the socket.
                done = 0
                output = Output()
                output.isClosed = true
                return
            }
            output.byteCount -= count
            output.sentByteCount += count
            if output.sentByteCount == frame.count {
                output.sentByteCount = 0
                done += 1
            }
        }
    }

    private func resumeReading() {
        if isPaused.load(ordering: .sequentiallyConsistent),
            isPaused.exchange(false, ordering: .sequentiallyConsistent)
        {
            wake(number)
        }
    }

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

    /// Takes frames from the client while there are any and there is room for them.
    ///
    /// - Parameter begin: makes the session for a first frame, or finds the one to go on with.
    func takeFrames(
        into input: inout FrameInput, for session: inout NinePSession?, begin: ([UInt8]) -> NinePSession?
    ) throws(FrameError) -> Turn {
        for _ in 0..<SocketConnection.framesPerTurn {
            guard hasRoom(session) else {
                isPaused.store(true, ordering: .sequentiallyConsistent)
                // ORDER: pairs with `resumeReading`: either it sees the pause, or this sees the room it made.
                guard hasRoom(session) else { return .waits }
                isPaused.store(false, ordering: .sequentiallyConsistent)
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
                session?.submit(frame, requests.withLock { $0 }.origin(of: frame))
            case .nothing: return .waits
            case .ended: return .ended
            }
        }
        return .yields
    }
}
