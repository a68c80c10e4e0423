import SharedMemory
import Virtio
import Virtqueue

extension FuzzTarget {
    /// The driver role, against a device that writes what it likes between any two steps.
    ///
    /// Input: the ring's shape, then steps.
    static let driverQueue = FuzzTarget(name: "driver-queue") { bytes in
        var input = FuzzInput(bytes)
        guard let rings = FuzzRings(&input), let setup = rings.setup(),
            let queue = try? setup.activate(asDriverWithRingsIn: rings.space, usedRingIn: rings.space)
        else { fatalError("a ring of its own making was refused") }
        var run = DriverRun(rings, queue)
        while !input.isEmpty { run.step(&input) }
    }
}

/// One driver and what it waits for.
private struct DriverRun: ~Copyable {
    let rings: FuzzRings
    var queue: DriverQueue
    /// Room in bytes by token.
    var waiting: [UInt64: UInt32] = [:]
    var nextToken: UInt64 = 1

    init(_ rings: FuzzRings, _ queue: consuming DriverQueue) {
        self.rings = rings
        self.queue = queue
    }

    mutating func step(_ input: inout FuzzInput) {
        switch input.byte() % 8 {
        case 0: rings.scribble(&input)
        case 1, 2: submit(&input)
        case 3: _ = queue.publishAvailable()
        case 4: rings.giveBack(&input)
        case 5, 6: take()
        default:
            if input.byte() & 1 == 0 { queue.disableNotifications() } else { _ = queue.enableNotifications() }
        }
        require(queue.freeCount <= queue.size.count, "no more entries are free than there are")
    }

    private mutating func submit(_ input: inout FuzzInput) {
        let shape = input.byte()
        queue.begin(token: nextToken)
        var room: UInt32 = 0
        for part in 0..<Int(shape & 3) {
            let byteCount = UInt64(input.byte())
            let address = FuzzRings.guestBase + UInt64(FuzzRings.bufferOffset)
            guard let range = try? PeerRange(untrustedAddress: address, byteCount: byteCount) else {
                continue
            }
            let isWritable = part >= Int(shape >> 2 & 3)
            guard isWritable ? queue.appendWritable(range) : queue.appendReadable(range) else {
                queue.abandon()
                return
            }
            if isWritable { room += UInt32(byteCount) }
        }
        guard shape & 3 != 0 else {
            queue.abandon()
            return
        }
        queue.commit()
        waiting[nextToken] = room
        nextToken += 1
    }

    private mutating func take() {
        let broken = queue.violation
        do throws(PeerViolation) {
            guard let completion = try queue.takeUsed() else { return }
            require(broken == nil, "a broken queue gives nothing back")
            guard let room = waiting.removeValue(forKey: completion.token) else {
                fatalError("does not hold: token \(completion.token) comes back once, and was submitted")
            }
            require(completion.written <= room, "no more was written than there was room for")
        } catch {
            require(queue.violation == error, "what broke is remembered")
            require(broken == nil || broken == error, "the first breach counts")
        }
    }
}
