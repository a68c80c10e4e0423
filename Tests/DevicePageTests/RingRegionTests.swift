import CVOP
import DevicePage
import SharedMemory
import Testing
import Virtio

@Suite("Ring regions")
struct RingRegionTests {
    @Test("offsets and sizes are those of the table, in both variants")
    func table() throws {
        for row in try Golden.rows("rings.tsv") {
            let numbers = row.compactMap { Int($0) }
            let layout = RingRegionLayout(size: try QueueSize(untrusted: UInt32(numbers[0])))
            #expect(layout.usedOffset == numbers[1])
            #expect(layout.vringByteCount == numbers[2])
            #expect(layout.trailerOffset(.b) == numbers[3])
            #expect(layout.trailerOffset(.c) == numbers[5])
            #expect(layout.regionByteCount == numbers[7])
        }
    }

    @Test(
        "both variants' golden regions are told apart by their trailers",
        arguments: RingRegionLayout.Variant.allCases)
    func goldenRegions(variant: RingRegionLayout.Variant) throws {
        let regions = try Golden.window("ring-\(variant.rawValue).bin")
        var position = 0
        for row in try Golden.rows("rings.tsv") {
            let layout = RingRegionLayout(size: try QueueSize(untrusted: try #require(UInt32(row[0]))))
            let region = regions.part(at: position, byteCount: layout.regionByteCount)
            #expect(try layout.variant(of: .net, queue: 1, in: region) == variant)
            #expect(throws: PeerViolation.self) { try layout.variant(of: .net, queue: 2, in: region) }
            #expect(region.load8(at: layout.availableOffset) == 0xA0)
            #expect(region.load8(at: layout.availableOffset + layout.availableByteCount - 1) == 0xA0)
            #expect(region.load8(at: layout.usedOffset) == 0xE0)
            #expect(region.load16(at: layout.trailerOffset(variant)) == 0x1234)
            position += layout.regionByteCount
        }
        #expect(position == regions.byteCount)
    }

    @Test("a trailer written here is variant C, with the device's and the queue's number in its magic")
    func writesC() throws {
        let layout = RingRegionLayout(size: try QueueSize(untrusted: 64))
        let region = MemoryWindow.heap(byteCount: layout.regionByteCount)
        layout.writeTrailer(of: .ninep, queue: 3, in: region)
        #expect(region.load32(at: 4620) == 0xC0FF_EE00 + 9 + 3)
        #expect(try layout.variant(of: .ninep, queue: 3, in: region) == .c)
        layout.publishAvailableIndex(0xFFFE, in: region)
        #expect(region.load16(at: 4616) == 0xFFFE)
    }

    @Test("without a magic the ring is refused, with what stood there")
    func noMagic() throws {
        let layout = RingRegionLayout(size: try QueueSize(untrusted: 128))
        let region = MemoryWindow.heap(byteCount: layout.regionByteCount)
        #expect(throws: PeerViolation.magic(0, expected: 0xC0FF_EE0A)) {
            try layout.variant(of: .ninep, queue: 1, in: region)
        }
    }

    @Test("the used ring a guest allocates is one page for every size of the profile")
    func usedRegion() throws {
        for size in [UInt32(1), 2, 4, 8, 16, 32, 64, 128] {
            #expect(RingRegionLayout(size: try QueueSize(untrusted: size)).usedRegionByteCount == 4096)
        }
    }
}
