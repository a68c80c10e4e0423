import SharedMemory
import Virtio
import Virtqueue

extension FuzzTarget {
    /// The device role, on memory in which a driver writes what it likes between any two steps.
    ///
    /// Input: the ring's shape, then steps.
    static let deviceQueue = FuzzTarget(name: "device-queue") { bytes in
        var input = FuzzInput(bytes)
        guard let rings = FuzzRings(&input), let setup = rings.setup(),
            let queue = try? setup.activate(asDeviceIn: rings.space)
        else { fatalError("a ring of its own making was refused") }
        var run = DeviceRun(rings, queue)
        while !input.isEmpty { run.step(&input) }
        run.finish()
    }
}

/// One device and the chains it holds.
private struct DeviceRun: ~Copyable {
    let rings: FuzzRings
    var queue: DeviceQueue
    var taken: [DescriptorChain] = []

    init(_ rings: FuzzRings, _ queue: consuming DeviceQueue) {
        self.rings = rings
        self.queue = queue
    }

    mutating func step(_ input: inout FuzzInput) {
        switch input.byte() % 10 {
        case 0: rings.scribble(&input)
        case 1: rings.describe(&input)
        case 2: rings.offer(&input)
        case 3, 4: take()
        case 5: read(&input)
        case 6, 7: answer(&input)
        case 8: _ = queue.publishUsed()
        default:
            if input.byte() & 1 == 0 { queue.disableNotifications() } else { _ = queue.enableNotifications() }
        }
        require(queue.inFlightCount == taken.count, "what is in flight is what was taken and not completed")
        require(taken.count <= queue.size.count, "no more chains than entries")
    }

    private mutating func take() {
        let broken = queue.violation
        do throws(PeerViolation) {
            guard let chain = try queue.takeChain() else { return }
            require(broken == nil, "a broken queue gives out nothing")
            require(!taken.contains { $0.head == chain.head }, "a head is given out once at a time")
            require(Int(chain.head) < queue.size.count, "a head lies in the table")
            taken.append(chain)
        } catch {
            require(queue.violation == error, "what broke is remembered")
            require(broken == nil || broken == error, "the first breach counts")
        }
    }

    private mutating func read(_ input: inout FuzzInput) {
        guard let chain = taken.first else { return }
        var reader = queue.reader(of: chain)
        var left = reader.remainingByteCount
        require(left == Int(chain.readableByteCount), "a reader begins with all")
        for _ in 0..<4 {
            let bytes = queue.bytes(from: &reader, atMost: Int(input.byte()))
            left -= bytes.count
            require(reader.remainingByteCount == left, "what was read is gone from what is left")
        }
    }

    private mutating func answer(_ input: inout FuzzInput) {
        guard !taken.isEmpty else { return }
        let chain = taken.remove(at: Int(input.byte()) % taken.count)
        var writer = queue.writer(of: chain)
        let bytes = [UInt8](repeating: 0xA5, count: Int(input.byte()))
        let written = queue.copy(bytes.span, to: &writer)
        require(written == min(bytes.count, Int(chain.writableByteCount)), "as much is written as fits")
        queue.complete(chain, written: UInt32(written))
    }

    /// Whatever happened, what was taken can be given back.
    mutating func finish() {
        while let chain = taken.popLast() { queue.complete(chain, written: 0) }
        _ = queue.publishUsed()
        require(queue.inFlightCount == 0, "everything was given back")
    }
}
