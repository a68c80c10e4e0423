import Testing

@testable import Links

@Suite struct PeerLivenessTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// Rung at 0; asked after 1 second, given up 10 later.
    private func rung() -> PeerLiveness {
        var liveness = PeerLiveness(quietLimit: .seconds(1), answerLimit: .seconds(10))
        liveness.rang(now: start)
        return liveness
    }

    @Test("nobody is asked who was not rung")
    func silent() {
        var liveness = PeerLiveness(quietLimit: .seconds(1), answerLimit: .seconds(10))
        #expect(liveness.deadline == nil)
        #expect(liveness.advance(now: at(100), echo: 0, isAwaited: true) == .nothing)
    }

    @Test("who was rung and is quiet is asked, and is gone when nothing comes of it")
    func quiet() {
        var liveness = rung()
        #expect(liveness.advance(now: at(0), echo: 0, isAwaited: true) == .nothing)
        #expect(liveness.advance(now: at(1), echo: 0, isAwaited: true) == .ask(1))
        #expect(liveness.advance(now: at(10), echo: 0, isAwaited: true) == .nothing)
        #expect(liveness.advance(now: at(11), echo: 7, isAwaited: true) == .gone)
    }

    @Test(
        "an answer ends it, unless somebody still waits: then the next question has the next number",
        arguments: [true, false])
    func answered(isAwaited: Bool) {
        var liveness = rung()
        #expect(liveness.advance(now: at(1), echo: 0, isAwaited: isAwaited) == .ask(1))
        #expect(liveness.advance(now: at(2), echo: 1, isAwaited: isAwaited) == .nothing)
        #expect((liveness.deadline == nil) == !isAwaited)
        #expect(
            liveness.advance(now: at(3), echo: 1, isAwaited: isAwaited) == (isAwaited ? .ask(2) : .nothing))
        guard isAwaited else { return }
        #expect(liveness.advance(now: at(13), echo: 1, isAwaited: isAwaited) == .gone)
    }

    @Test("a peer that rings is not asked, and an answer that was rung counts as one")
    func rings() {
        var liveness = rung()
        liveness.sawPeer()
        #expect(liveness.advance(now: at(1), echo: 0, isAwaited: true) == .nothing)
        #expect(liveness.advance(now: at(2), echo: 0, isAwaited: true) == .ask(1))
        liveness.sawPeer()
        #expect(liveness.advance(now: at(12), echo: 0, isAwaited: false) == .nothing)
        #expect(liveness.deadline == nil)
    }
}
