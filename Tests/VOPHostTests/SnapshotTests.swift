import Testing
import Virtio

@testable import HostTestSupport
@testable import VOPHost

@Suite struct SnapshotTests {
    @Test("who looks in sees what the guest has done so far")
    func running() throws {
        let bench = try Bench()
        let (_, slot, queues) = try bench.running(sizes: [8, 16])
        try queues[0].offer("count")
        try slot.kick()
        try bench.run()
        let snapshot = try bench.backend.snapshot(of: "one")
        #expect(snapshot.state == .running)
        #expect(snapshot.status == [.acknowledge, .driver, .featuresOK, .driverOK])
        #expect(snapshot.offered == [.version1, .ninepMountTag])
        #expect(snapshot.negotiated == [.version1, .ninepMountTag])
        #expect(snapshot.slot == 24)
        #expect(snapshot.queues.map(\.size.rawValue) == [8, 16])
        #expect(try snapshot.queues[0].ringAddress == slot.ringAddress(0))
        #expect(snapshot.queues[0].usedAddress == queues[0].used)
        #expect(snapshot.queues[0].statistics.chainsCompleted == 1)
        #expect(snapshot.queues[1].statistics == QueueStatistics())
    }

    @Test("a device that waits for its peer has no slot and no status")
    func waiting() throws {
        let bench = try Bench(isMet: false)
        try bench.publish()
        let snapshot = try bench.backend.snapshot(of: "one")
        #expect(snapshot.state == .waiting)
        #expect(snapshot.slot == nil)
        #expect(snapshot.negotiated == nil)
        #expect(snapshot.queues[0].ringAddress == nil)
    }

    @Test("a device that is not there is ENOENT")
    func noDevice() throws {
        let bench = try Bench()
        #expect(throws: HostError.noSuchDevice("none")) { try bench.backend.snapshot(of: "none") }
        #expect(throws: HostError.noSuchDevice("none")) { try bench.backend.retire("none") }
    }
}
