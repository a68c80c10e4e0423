import SharedMemory
import Testing
import Virtio
import Virtqueue

/// A driver's queue that an earlier process drove, taken up by what that one wrote down.
@Suite struct DriverResumeTests {
    private let memory: RingMemory

    init() throws { memory = try RingMemory() }

    private func resumed() throws -> DriverQueue {
        try memory.setup().activate(
            asDriverWithRingsIn: memory.space, usedRingIn: memory.space, isResumed: true)
    }

    private func chain(_ descriptors: [UInt16], sequence: UInt16, token: UInt64) -> DriverQueue.Resumed {
        DriverQueue.Resumed(
            descriptors: descriptors, sequence: sequence, writableByteCount: 16, token: token)
    }

    /// Three chains of two, published; the device has given the first back, and that was taken.
    private func driven() throws -> [(head: UInt16, last: UInt16)] {
        var driver = try memory.driver()
        var places: [(head: UInt16, last: UInt16)] = []
        for token in 0..<3 as Range<UInt64> {
            let readable = [try memory.range(Int(token) * 64, 8)]
            let writable = [try memory.range(Int(token) * 64 + 32, 16)]
            _ = driver.submit(readable: readable.span, writable: writable.span, token: token)
            places.append(driver.lastCommitted)
        }
        _ = driver.publishAvailable()
        memory.used.store32(UInt32(places[0].head), at: 4)
        memory.used.store32(16, at: 8)
        memory.used.store16(1, at: 2)
        let first = try driver.takeUsed()
        #expect(first?.token == 0)
        return places
    }

    @Test(
        "what was in flight comes back with its token, what came meanwhile is taken, and all descriptors are free again"
    )
    func goesOn() throws {
        let places = try driven()
        // Given back while nobody was there, the newest first.
        for (index, chain) in [2, 1].enumerated() {
            memory.used.store32(UInt32(places[chain].head), at: 4 + 8 * (index + 1))
            memory.used.store32(5, at: 8 + 8 * (index + 1))
        }
        memory.used.store16(3, at: 2)
        var driver = try resumed()
        let fits = driver.resume(
            committed: 3,
            chains: [1, 2].map {
                chain([places[$0].head, places[$0].last], sequence: UInt16($0), token: UInt64($0 + 10))
            })
        #expect(fits && driver.freeCount == 4 && driver.inFlightCount == 2)
        let tokens = [
            try driver.takeUsed()?.token, try driver.takeUsed()?.token, try driver.takeUsed()?.token,
        ]
        #expect(tokens == [12, 11, nil])
        #expect(driver.freeCount == 8 && driver.inFlightCount == 0)
    }

    @Test("the available index is said again: its writer may have been killed before it was")
    func published() throws {
        let places = try driven()
        memory.host.store16(1, at: memory.layout.availableRingOffset + 2)
        var driver = try resumed()
        let fits = driver.resume(
            committed: 3,
            chains: [1, 2].map { chain([places[$0].head, places[$0].last], sequence: UInt16($0), token: 0) })
        #expect(fits && memory.shownAvailableIndex == 3)
    }

    @Test(
        "chains that cannot have been in flight together are refused",
        arguments: [[[0, 1], [1, 2]], [[0, 0]], [[8]], [[]]] as [[[UInt16]]])
    func refused(descriptors: [[UInt16]]) throws {
        var driver = try resumed()
        let chains = descriptors.map { chain($0, sequence: 0, token: 0) }
        let fits = driver.resume(committed: UInt16(chains.count), chains: chains)
        #expect(!fits)
    }
}
