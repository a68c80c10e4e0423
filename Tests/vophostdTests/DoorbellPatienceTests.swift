import Testing

@testable import LinkDaemon

/// A peer that rings without end takes little of the processor's time from other links.
@Suite struct DoorbellPatienceTests {
    @Test("doorbells without end, and nobody asks: looked at once in a pause")
    func storm() {
        var patience = DoorbellPatience()
        for _ in 1..<DoorbellPatience.limit {
            patience.note(wasRung: true, isAsked: false, requestCount: 0)
        }
        #expect(patience.pause == nil)
        for _ in 0..<3 {
            patience.note(wasRung: true, isAsked: false, requestCount: 0)
            #expect(patience.pause == DoorbellPatience.idlePause)
        }
    }

    @Test(
        "whoever asks for something, in the tree or at a driver's socket, ends a pause, and begins the count anew"
    )
    func asked() {
        var patience = DoorbellPatience()
        for turn in 0..<UInt64(10 * DoorbellPatience.limit) {
            patience.note(wasRung: true, isAsked: turn % 32 == 0, requestCount: turn / 40)
            #expect(patience.pause == nil)
        }
        for request in [UInt64(1), 2] {
            for _ in 0...DoorbellPatience.limit {
                patience.note(wasRung: true, isAsked: false, requestCount: request)
            }
            #expect(patience.pause != nil)
            patience.note(wasRung: true, isAsked: request == 2, requestCount: 2)
            #expect(patience.pause == nil)
        }
    }
}
