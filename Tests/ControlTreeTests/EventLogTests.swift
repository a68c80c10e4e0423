import Testing

@testable import ControlTree

/// Nobody fills the events: neither who makes the same happen over and over, nor who never reads.
@Suite struct EventLogTests {
    private func lines(_ log: EventLog) -> [String] {
        log.retained().map { String(decoding: $0.dropLast(), as: UTF8.self) }
    }

    @Test("one cause without end: sixteen lines a minute and then one at each doubling, with the count")
    func repeated() {
        let log = EventLog()
        let now = ContinuousClock.now
        for _ in 0..<100_000 {
            log.record(Event("reset", object: "links/a/devices/x"), cause: "reset x", at: now)
        }
        let told = lines(log)
        #expect(told.count == 16 + 12)
        #expect(told.prefix(16).allSatisfy { !$0.contains("repeated") })
        #expect(told[16].contains("\"repeated\":\"32\""))
        #expect(told[27].contains("\"repeated\":\"65536\""))
        #expect(told[27].contains("\"sequence\":28,"))
    }

    @Test("another cause is told as ever, and so is the same one a minute later")
    func otherCauses() {
        let log = EventLog()
        let now = ContinuousClock.now
        for _ in 0..<1000 { log.record(Event("reset", object: "x"), cause: "reset x", at: now) }
        let before = lines(log).count
        log.record(Event("reset", object: "y"), cause: "reset y", at: now)
        log.record(Event("reset", object: "x"), cause: "reset x", at: now.advanced(by: .seconds(59)))
        log.record(Event("reset", object: "x"), cause: "reset x", at: now.advanced(by: .seconds(61)))
        #expect(lines(log).count == before + 2)
    }

    @Test("more causes than are told apart are counted as one, until their minute is over")
    func manyCauses() {
        var causes = RepeatedCauses()
        let now = ContinuousClock.now
        let told = (0..<20_000).filter { causes.count("cause \($0)", at: now) != nil }
        #expect(told.count < RepeatedCauses.maximum + 64)
        #expect(causes.count("new", at: now.advanced(by: .seconds(61))) == 1)
    }

    @Test("a reader that never reads costs no memory, is told what it lost, and holds nobody up")
    func neverReads() throws {
        let log = EventLog(capacity: 64)
        var position = log.next
        for number in 0..<2000 { log.record(Event("a", object: "\(number)")) }
        #expect(lines(log).count <= 64 + 64 / 8)
        let first = String(decoding: log.take(from: &position, byteCount: 1 << 20), as: UTF8.self)
        let lost = 2000 - lines(log).count
        #expect(first.hasPrefix("{\"details\":{\"count\":\"\(lost)\"},\"event\":\"lost\""))
        #expect(first.split(separator: "\n").count == 1 + lines(log).count && position == log.next)
    }
}
