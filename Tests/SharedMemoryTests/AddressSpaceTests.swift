import SharedMemory
import Testing

@Suite struct AddressSpaceTests {
    @Test(
        "a range must lie whole in one window",
        arguments: [(UInt64(0xFFF), UInt64(1)), (0x1FFF, 2), (0x2000, 1)])
    func rangeOutside(address: UInt64, byteCount: UInt64) throws {
        let space = try AddressSpace([.init(base: 0x1000, window: .heap(byteCount: 4096))])
        let range = try PeerRange(untrustedAddress: address, byteCount: byteCount)
        #expect(throws: PeerViolation.rangeOutsideWindows(address: address, byteCount: byteCount)) {
            try space.resolve(range)
        }
    }
}
