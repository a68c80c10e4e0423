import SharedMemory
import TestSupport
import Testing

@Suite struct RangeAllocatorTests {
    @Test("what is taken never overlaps, is aligned, and all comes back when freed", arguments: 0..<20)
    func model(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let whole: Range<UInt64> = 0x1000..<0x1000 + 1 << 20
        var allocator = RangeAllocator(whole)
        var live: [Range<UInt64>] = []
        for _ in 0..<2000 {
            if live.isEmpty || random.below(5) < 3 {
                let byteCount = 1 + random.below(1 << (3 + random.below(13)))
                let alignment = UInt64(1) << random.below(13)
                guard let start = allocator.allocate(byteCount: byteCount, alignment: alignment) else {
                    continue
                }
                let range = start..<start + byteCount
                #expect(start % alignment == 0)
                #expect(range.lowerBound >= whole.lowerBound && range.upperBound <= whole.upperBound)
                #expect(!live.contains { $0.overlaps(range) })
                live.append(range)
            } else {
                let index = Int(random.below(UInt64(live.count)))
                allocator.release(live.remove(at: index).lowerBound)
            }
            let ordered = zip(allocator.free, allocator.free.dropFirst()).allSatisfy {
                $0.upperBound < $1.lowerBound
            }
            #expect(ordered, "free ranges are in order and merged")
            #expect(allocator.freeByteCount + allocator.takenByteCount == UInt64(whole.count))
        }
        for range in live { allocator.release(range.lowerBound) }
        #expect(allocator.free == [whole])
    }

    @Test("a range freed twice, or never taken, changes nothing")
    func freedTwice() throws {
        var allocator = RangeAllocator(0x1000..<0x3000)
        let taken = allocator.allocate(byteCount: 100, alignment: 8)
        let first = try #require(taken)
        allocator.release(first)
        allocator.release(first)
        allocator.release(0x2000)
        #expect(allocator.free == [0x1000..<0x3000])
    }

    @Test("the whole window can be taken, and not one byte more")
    func exhausted() {
        var allocator = RangeAllocator(0x1000..<0x2000)
        #expect(allocator.allocate(byteCount: 4097, alignment: 1) == nil)
        #expect(allocator.allocate(byteCount: .max, alignment: 1) == nil)
        #expect(allocator.allocate(byteCount: 4096, alignment: 4096) == 0x1000)
        #expect(allocator.allocate(byteCount: 1, alignment: 1) == nil)
    }
}
