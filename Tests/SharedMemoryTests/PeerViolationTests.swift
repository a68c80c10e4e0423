import SharedMemory
import Testing

@Suite("What the peer broke, for people")
struct PeerViolationTests {
    @Test(
        "each rule is said in one sentence with its numbers, not in Swift's form",
        arguments: [
            (PeerViolation.rangeWraps(address: 0xF000, byteCount: 17), ["0xf000", "17"]),
            (.rangeOutsideWindows(address: 0, byteCount: 64), ["0x0", "64"]),
            (.misaligned(address: 0x11, alignment: 16), ["0x11", "16"]),
            (.queueSize(100, maximum: 128), ["100", "128"]),
            (.descriptorIndex(9, queueSize: 8), ["9", "8"]), (.chainTooLong(head: 5), ["5"]),
            (.descriptorInUse(6), ["6"]), (.readableAfterWritable(head: 7), ["7"]),
            (.indexJumped(from: 1, to: 300, queueSize: 128), ["1", "300", "128"]),
            (.indirect(head: 3), ["3"]), (.chainTooLarge(head: 4), ["4"]), (.usedElementID(77), ["77"]),
            (.usedLength(20, capacity: 10), ["20", "10"]),
            (.magic(0xBAD, expected: 0xC0FF_EE00), ["0xbad", "0xc0ffee00"]),
            (.slot(offset: 24, reason: "5 queues, at most 4"), ["24", "5 queues, at most 4"]),
            (.status(written: 7, current: 1), ["0x7", "0x1"]), (.featuresNotOffered(0x20), ["0x20"]),
            (.doorbell(99), ["99"]), (.meeting("a side without a window"), ["a side without a window"]),
            (.frame("a reply of 3 bytes"), ["a reply of 3 bytes"]),
        ])
    func sentence(violation: PeerViolation, numbers: [String]) {
        let text = "\(violation)"
        for number in numbers { #expect(text.contains(number)) }
        #expect(text.contains(" ") && !text.contains("\n") && !text.contains("("), "\(text)")
        #expect(!text.contains(": 0x") && text.first?.isUppercase == false, "\(text)")
    }
}
