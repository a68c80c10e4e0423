import FoundationEssentials
import Links
import SharedMemory
import Testing
import Virtio

@testable import LinkExercise

/// The bytes that both sides must agree on.
@Suite struct TestLinesTests {
    private static let golden =
        String(#filePath.dropLast("/Tests/LinkExerciseTests/TestLinesTests.swift".count))
        + "/abi/golden/link-test.bin"

    private let request = TestRequest(
        number: 0x0102_0304_0506_0708, meetingID: 0x1122_3344_5566_7788,
        operation: TestOperation.copy.rawValue,
        answerDoorbell: 2, source: 0x100_1000, target: 0x1_0001_0000, byteCount: 1025, seed: 7)
    private let answer = TestAnswer(
        number: 0x0102_0304_0506_0708, status: TestStatus.inUse.rawValue, crc: 0xCBF4_3926,
        address: 0x1_0001_0000,
        byteCount: 64, doorbells: 5)

    @Test("the lines of the golden file are written byte by byte, and read back")
    func golden() throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: Self.golden)))
        let written = MemoryWindow.heap(byteCount: 4096)
        let (host, guest) = (TestLines(written, of: .host), TestLines(written, of: .guest))
        host.begin()
        guest.begin()
        host.ask(request)
        guest.answer(answer)
        #expect(written.bytes(at: 0, byteCount: 4096) == bytes)
        #expect(host.isAnswering && host.answer(to: request.number) == answer && host.answer(to: 1) == nil)
        #expect(guest.request(after: 0) == request && guest.request(after: request.number) == nil)
    }

    @Test("a CRC is zlib's; a pattern is the same however it is cut")
    func arithmetic() {
        var sum = CRC32()
        sum.add(Array("123456789".utf8).span)
        #expect(sum.value == 0xCBF4_3926)
        let whole = TestPattern(seed: 3).bytes(from: 0, byteCount: 1000)
        let pattern = TestPattern(seed: 3)
        #expect(whole == pattern.bytes(from: 0, byteCount: 504) + pattern.bytes(from: 504, byteCount: 496))
        #expect(whole != TestPattern(seed: 4).bytes(from: 0, byteCount: 1000))
    }

    @Test(
        "a latency lies in the bucket whose bounds hold it",
        arguments: [0, 1, 3, 4, 5, 7, 8, 1000, 65535, 65536, UInt64.max])
    func buckets(time: UInt64) {
        let bucket = LatencyHistogram.bucket(of: time)
        #expect(LatencyHistogram.lowerBound(of: bucket) <= time)
        #expect(bucket == 251 || LatencyHistogram.lowerBound(of: bucket + 1) > time)
    }
}
