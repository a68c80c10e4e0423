import LinuxSystem
import SystemPackage

/// Somebody who joined the memory that we serve, as QEMU's `ivshmem-doorbell` does: what it is rung by, and what it is
/// still to be told. It is told as fast as it listens, and is given up when it does not.
final class IvshmemClient {
    /// So much may be left to tell one of them: more than all there is when it comes, with every place taken.
    private static let untoldLimit = 640

    let number: PeerNumber
    let vectors: [EventCounter]
    let name: String
    private let socket: Socket
    private var untold: ArraySlice<IvshmemMessage> = []
    /// When it must have taken something of what waits for it.
    private(set) var deadline: ContinuousClock.Instant?
    private let limit: Duration
    /// The server watches it for room to send as well.
    var isWatchedForRoom = false

    init(_ socket: consuming Socket, _ number: PeerNumber, vectorCount: Int, limit: Duration) throws(Errno) {
        self.number = number
        self.limit = limit
        var vectors: [EventCounter] = []
        for _ in 0..<vectorCount { vectors.append(try EventCounter()) }
        self.vectors = vectors
        let credentials = try socket.peerCredentials()
        name = "process \(credentials.process) of user \(credentials.user)"
        self.socket = socket
    }

    var rawDescriptor: CInt { socket.rawDescriptor }
    var hasUntold: Bool { !untold.isEmpty }

    /// What it would be told if it were told at once, and in this order.
    func tell(_ messages: [IvshmemMessage]) { untold += messages }

    /// Tells it what it takes now.
    ///
    /// - Throws: why it is given up.
    func flush() throws(MeetingRefusal) {
        guard untold.count <= Self.untoldLimit else {
            throw MeetingRefusal("it takes less than there is to tell")
        }
        while let next = untold.first {
            do throws(Errno) {
                try socket.send(next.bytes, descriptors: next.descriptors)
            } catch {
                guard error == .wouldBlock || error == .interrupted else {
                    throw MeetingRefusal("it takes no message: \(error)")
                }
                deadline = deadline ?? .now + limit
                return
            }
            untold.removeFirst()
            deadline = nil
        }
    }

    /// What it says: nothing, ever.
    ///
    /// - Throws: when it hung up, or spoke.
    func hear() throws(MeetingRefusal) {
        let said: (bytes: [UInt8], descriptors: [CInt])?
        do throws(Errno) {
            said = try socket.receive(capacity: IvshmemMessage.byteCount)
        } catch { throw MeetingRefusal("it hung up: \(error)") }
        guard let said else { return }
        throw MeetingRefusal(said.bytes.isEmpty ? "it hung up" : "it spoke, which no client of ivshmem does")
    }
}
