import SharedMemory
import Testing
import Virtio
import Virtqueue

@Suite struct SplitLayoutTests {
    @Test(
        "2.7: sizes of the parts, and the used ring's place in one region",
        arguments: [
            (1, 16, 8, 14, 4096, 4110), (8, 128, 22, 70, 4096, 4166), (16, 256, 38, 134, 4096, 4230),
            (32, 512, 70, 262, 4096, 4358), (64, 1024, 134, 518, 4096, 4614),
            (128, 2048, 262, 1030, 4096, 5126), (256, 4096, 518, 2054, 8192, 10246),
        ])
    func parts(size: Int, table: Int, available: Int, used: Int, usedAt: Int, region: Int) throws {
        let layout = SplitLayout(size: try QueueSize(untrusted: UInt32(size)))
        #expect(layout.descriptorTableByteCount == table)
        #expect(layout.availableRingOffset == table)
        #expect(layout.availableRingByteCount == available)
        #expect(layout.usedRingByteCount == used)
        #expect(layout.usedRingOffset() == usedAt)
        #expect(layout.regionByteCount() == region)
    }

    @Test("a smaller alignment moves the used ring closer")
    func smallerAlignment() throws {
        let layout = SplitLayout(size: try QueueSize(untrusted: 8))
        #expect(layout.usedRingOffset(alignment: 4) == 152)
        #expect(layout.usedRingOffset(alignment: 64) == 192)
    }
}

@Suite struct QueueSetupTests {
    private func setup(
        _ size: UInt32 = 8, table: UInt64 = RingMemory.hostBase,
        available: UInt64 = RingMemory.hostBase + 128,
        used: UInt64 = RingMemory.guestBase
    ) throws -> QueueSetup {
        try QueueSetup(
            size: try QueueSize(untrusted: size), descriptorTable: table, availableRing: available,
            usedRing: used, negotiated: [])
    }

    @Test("2.7: each part has its alignment")
    func alignment() throws {
        let memory = try RingMemory()
        let host = RingMemory.hostBase
        let guest = RingMemory.guestBase
        #expect(
            violation { _ = try setup(table: host + 8).activate(asDeviceIn: memory.space) }
                == .misaligned(address: host + 8, alignment: 16))
        #expect(
            violation { _ = try setup(available: host + 129).activate(asDeviceIn: memory.space) }
                == .misaligned(address: host + 129, alignment: 2))
        #expect(
            violation { _ = try setup(used: guest + 2).activate(asDeviceIn: memory.space) }
                == .misaligned(address: guest + 2, alignment: 4))
        #expect(violation { _ = try setup(used: guest + 4).activate(asDeviceIn: memory.space) } == nil)
    }

    @Test("an aligned address at a misaligned place of its window is refused, not trapped on")
    func misalignedWindow() throws {
        let window = MemoryWindow.heap(byteCount: 4096)
        let space = try AddressSpace([.init(base: 0x1008, window: window)])
        #expect(
            violation {
                _ = try setup(table: 0x1010, available: 0x1100, used: 0x1200).activate(asDeviceIn: space)
            } == .misaligned(address: 0x1010, alignment: 16))
    }

    @Test("a part that does not lie whole in one window is refused")
    func outside() throws {
        let memory = try RingMemory()
        let last = RingMemory.hostBase + UInt64(memory.host.byteCount) - 112
        #expect(
            violation { _ = try setup(table: last).activate(asDeviceIn: memory.space) }
                == .rangeOutsideWindows(address: last, byteCount: 128))
        #expect(
            violation { _ = try setup(used: 0).activate(asDeviceIn: memory.space) }
                == .rangeOutsideWindows(address: 0, byteCount: 70))
        #expect(
            violation {
                _ = try setup(used: memory.guestEnd - 68).activate(
                    asDriverWithRingsIn: memory.space,
                    usedRingIn: memory.space)
            } == .rangeOutsideWindows(address: memory.guestEnd - 68, byteCount: 70))
    }

    @Test("a part whose end wraps 64 bits is refused before anything looks for it")
    func wraps() throws {
        #expect(
            violation { _ = try setup(used: .max - 3) }
                == .rangeWraps(address: .max - 3, byteCount: 70))
        let size = try QueueSize(untrusted: 8)
        #expect(
            violation {
                _ = try QueueSetup(size: size, ringRegion: .max - 100, usedRing: 4096, negotiated: [])
            } == .rangeWraps(address: .max - 100, byteCount: 128))
    }

    @Test("each part is looked for only in the windows it may lie in")
    func separateWindows() throws {
        let memory = try RingMemory()
        let hostOnly = try AddressSpace([.init(base: RingMemory.hostBase, window: memory.host)])
        let guestOnly = try AddressSpace([.init(base: RingMemory.guestBase, window: memory.guest)])
        #expect(
            violation {
                _ = try memory.setup().activate(asDriverWithRingsIn: hostOnly, usedRingIn: guestOnly)
            } == nil)
        #expect(
            violation {
                _ = try memory.setup().activate(asDriverWithRingsIn: guestOnly, usedRingIn: guestOnly)
            } == .rangeOutsideWindows(address: RingMemory.hostBase, byteCount: 128))
        #expect(
            violation {
                _ = try memory.setup().activate(
                    asDeviceWithRingsIn: hostOnly, usedRingIn: hostOnly, buffersIn: guestOnly)
            } == .rangeOutsideWindows(address: RingMemory.guestBase, byteCount: 70))
    }

    @Test("the driver's rings are zeroed before the device is told of them")
    func zeroed() throws {
        let memory = try RingMemory()
        memory.setAvailableFlags(1)
        memory.setAvailableIndex(77)
        memory.setUsedIndex(99)
        memory.setUsedFlags(1)
        _ = try memory.driver()
        #expect(memory.shownAvailableIndex == 0)
        #expect(memory.availableFlags == 0)
        #expect(memory.shownUsedIndex == 0)
        #expect(memory.usedFlags == 0)
    }
}
