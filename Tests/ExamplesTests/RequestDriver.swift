import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage
import TestSupport
import VOPGuest
import Virtio
import Virtqueue

/// What tests ask of a device's queue 0, from their own thread: bytes to read, room to write into.
final class RequestBoard: Sendable {
    struct Request: Sendable {
        let number: UInt64
        let bytes: [UInt8]
        let room: Int
    }

    private struct State {
        var waiting: [Request] = []
        var answers: [UInt64: [UInt8]] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())
    let bell: EventCounter

    init() throws(Errno) { bell = try EventCounter() }

    /// Asks, without waiting.
    func ask(_ bytes: [UInt8], room: Int) -> UInt64 {
        let number = state.withLock { state in
            state.lastNumber += 1
            state.waiting.append(Request(number: state.lastNumber, bytes: bytes, room: room))
            return state.lastNumber
        }
        bell.signal()
        return number
    }

    /// Waits for an answer.
    func answer(to number: UInt64) async throws -> [UInt8] {
        var answer: [UInt8]?
        try await eventually("an answer to request \(number)") {
            answer = state.withLock { $0.answers.removeValue(forKey: number) }
            return answer != nil
        }
        return answer ?? []
    }

    func next() -> Request? { state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() } }

    func finish(_ number: UInt64, _ bytes: [UInt8]) { state.withLock { $0.answers[number] = bytes } }
}

/// A driver for any type of device: one chain a request, on queue 0.
final class RequestDriver: GuestDriver {
    private struct InFlight {
        let request: RequestBoard.Request
        let buffer: GuestBuffer
    }

    private let board: RequestBoard
    private let device: BoundDevice
    private var inFlight: [UInt64: InFlight] = [:]

    static func kind(_ type: DeviceType, _ board: RequestBoard) -> GuestDriverKind {
        GuestDriverKind(name: "request", type: type, features: [], queueCount: 1) {
            device throws(GuestDriverError) in
            RequestDriver(device, board)
        }
    }

    private init(_ device: BoundDevice, _ board: RequestBoard) { (self.device, self.board) = (device, board) }

    var pollDescriptor: CInt? { board.bell.rawDescriptor }

    func stop() {}

    func service() throws(GuestDriverError) {
        board.bell.drain()
        let queue = device.queues[0]
        do throws(PeerViolation) {
            repeat {
                while let completion = try queue.ring.takeUsed() {
                    guard let answered = inFlight.removeValue(forKey: completion.token) else { continue }
                    let bytes = answered.buffer.window.bytes(
                        at: answered.request.bytes.count, byteCount: Int(completion.written))
                    board.finish(completion.token, bytes)
                }
                // Asked anew each time: the event index asks for one notification.
            } while queue.ring.enableNotifications()
        } catch { throw .peer(error) }
        while queue.ring.freeCount >= 2, let request = board.next() { try submit(request, queue) }
        queue.publish()
    }

    private func submit(_ request: RequestBoard.Request, _ queue: GuestQueue) throws(GuestDriverError) {
        let buffer = try device.allocate(byteCount: max(1, request.bytes.count + request.room))
        buffer.window.write(request.bytes, at: 0)
        inFlight[request.number] = InFlight(request: request, buffer: buffer)
        do throws(PeerViolation) {
            queue.ring.begin(token: request.number)
            if !request.bytes.isEmpty {
                _ = queue.ring.appendReadable(
                    try PeerRange(
                        untrustedAddress: buffer.range.address, byteCount: UInt64(request.bytes.count)))
            }
            if request.room > 0 {
                _ = queue.ring.appendWritable(
                    try PeerRange(
                        untrustedAddress: buffer.range.address + UInt64(request.bytes.count),
                        byteCount: UInt64(request.room)))
            }
        } catch { throw .peer(error) }
        queue.ring.commit()
    }
}
