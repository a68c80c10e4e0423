import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import Links

/// Looking before sleeping, announced in the link header.
@Suite struct AdaptiveWaitTests {
    @Test("looking grows while it pays, shrinks while it does not, and is then tried less and less often")
    func budget() {
        var budget = SpinBudget()
        #expect(budget.limit == .zero)
        for _ in 0..<7 { budget.slept(for: .microseconds(20)) }
        budget.slept(for: .seconds(1))
        for _ in 0..<7 { budget.slept(for: .microseconds(20)) }
        #expect(budget.limit == .zero, "eight in a row are needed")
        budget.slept(for: .microseconds(20))
        #expect(budget.limit == SpinBudget.least)
        for _ in 0..<10 { budget.found() }
        #expect(budget.limit == SpinBudget.longest)
        for _ in 0..<10 { budget.missed() }
        #expect(budget.limit == .zero)
        var sleeps = 0
        while budget.limit == .zero && sleeps < 1_000_000 {
            budget.slept(for: .microseconds(20))
            sleeps += 1
        }
        #expect(sleeps > SpinBudget.firstStreak)
        for _ in 0..<100 {
            budget.missed()
            while budget.limit == .zero { budget.slept(for: .microseconds(20)) }
        }
        budget.missed()
        for _ in 1..<SpinBudget.longestStreak { budget.slept(for: .microseconds(20)) }
        #expect(budget.limit == .zero)
    }

    @Test("doorbells that were spared are rung once when their time has come")
    func sparedRings() throws {
        var spared = SparedRings()
        let start = ContinuousClock.now
        let (one, two) = (
            try #require(DoorbellNumber(rawValue: 1)), try #require(DoorbellNumber(rawValue: 90))
        )
        spared.insert(one, now: start)
        spared.insert(two, now: start + .milliseconds(9))
        #expect(spared.takeDue(now: start + .milliseconds(9)).isEmpty)
        let due = spared.takeDue(now: start + SparedRings.limit)
        #expect(due.contains(one) && due.contains(two))
        #expect(spared.deadline == nil && spared.takeDue(now: start + .seconds(1)).isEmpty)
    }

    /// Two ends that have met.
    private func pair(_ directory: TemporaryDirectory) throws -> (
        host: SharedMemoryLink, guest: SharedMemoryLink
    ) {
        let settings = SharedMemorySettings(
            socketPath: "\(directory.path)/link", windowByteCount: 1 << 20, firstRetry: .milliseconds(1))
        let host = try SharedMemoryLink(.host, settings)
        let guest = try SharedMemoryLink(.guest, settings)
        try host.start()
        try guest.start()
        let bench = MeetingBench(host, guest)
        try bench.run { host.state == .up && guest.state == .up }
        return (host, guest)
    }

    @Test("a peer that sleeps is rung at once, one that says it looks is not, and a lie costs it a moment")
    func hostileWord() throws {
        let directory = try TemporaryDirectory()
        let (host, guest) = try pair(directory)
        defer {
            guest.stop()
            host.stop()
        }
        let bell = guest.allocateDoorbell()
        host.notify(bell)
        #expect(try guest.service().doorbells.contains(bell))
        let header = try #require(guest.header)
        header.announcePolling(on: 0)
        host.notify(bell)
        #expect(try guest.service().doorbells.isEmpty)
        #expect(host.counters.waits[.doorbellsSpared] == 1)
        // It sleeps all the same; the host rings it in the end, although it goes on saying that it looks.
        let end = ContinuousClock.now + HangGuard.limit
        var isRung = false
        while !isRung, .now < end {
            try host.wait(for: .milliseconds(5))
            _ = try host.service()
            isRung = try guest.service().doorbells.contains(bell)
        }
        #expect(isRung)
        try host.wait(for: SparedRings.limit * 2)
        #expect(try guest.service().doorbells.isEmpty, "once")
    }

    @Test("who says that it sleeps looks once more, and finds what came before")
    func looksOnceMore() throws {
        let directory = try TemporaryDirectory()
        let (host, guest) = try pair(directory)
        defer {
            guest.stop()
            host.stop()
        }
        let news = News()
        guest.ringNews = { news.has }
        guest.waiting.adaptive.say(polling: true, in: try #require(guest.header))
        #expect(try #require(host.header).isPeerPolling)
        news.has = true
        #expect(try guest.wait(for: nil) > 0, "does not sleep")
        #expect(try guest.service().hasPolled)
        news.has = false
        #expect(try guest.wait(for: .milliseconds(1)) == 0)
        #expect(try !#require(host.header).isPeerPolling)
        #expect(try !guest.service().hasPolled)
    }

    private final class News { var has = false }

    @Test("nobody looks against a peer on the same processor, or one that does not say where it runs")
    func sameProcessor() throws {
        let directory = try TemporaryDirectory()
        let (host, guest) = try pair(directory)
        defer {
            guest.stop()
            host.stop()
        }
        let (mine, theirs) = (try #require(host.header), try #require(guest.header))
        #expect(!mine.isPeerApart(from: 3), "it has not said")
        theirs.announce(processor: 3)
        #expect(!mine.isPeerApart(from: 3))
        #expect(mine.isPeerApart(from: 2))
    }

    /// A count that one side writes and the other waits for, as a ring's index is: written, fenced, told.
    private final class Mailbox: Sendable {
        let count = Atomic<UInt64>(0)
        func put(_ value: UInt64, on link: SharedMemoryLink, _ bell: DoorbellNumber) {
            count.store(value, ordering: .sequentiallyConsistent)
            fullFence()
            link.notify(bell)
        }
    }

    @Test("no wake-up is lost between two that look and sleep by turns")
    func stress() throws {
        let directory = try TemporaryDirectory()
        let (host, guest) = try pair(directory)
        defer {
            guest.stop()
            host.stop()
        }
        let (toHost, toGuest) = (Mailbox(), Mailbox())
        let rounds: UInt64 = 20_000
        let bell = try #require(DoorbellNumber(rawValue: 0))
        // SAFETY: from here on each end is used by one thread alone.
        let ends = Ends(host: host, guest: guest)
        let outcome = Outcome()
        try withExtendedLifetime(ends) {
            let thread = try Thread("guest") {
                let isDone = Self.exchange(
                    ends.guest, bell, rounds, from: toGuest, to: toHost, answersFirst: true)
                if !isDone { outcome.hasFailed.store(true, ordering: .relaxed) }
            }
            let isDone = Self.exchange(
                ends.host, bell, rounds, from: toHost, to: toGuest, answersFirst: false)
            thread.join()
            #expect(isDone && !outcome.hasFailed.load(ordering: .relaxed))
        }
        let polled = [host, guest].map { $0.counters.waits[.pollsFound] + $0.counters.waits[.pollsInVain] }
        let spared = [host, guest].map { $0.counters.waits[.doorbellsSpared] }
        #expect(polled.reduce(0, +) > 0 && spared.reduce(0, +) > 0, "looked \(polled), spared \(spared)")
    }

    private final class Outcome: Sendable { let hasFailed = Atomic<Bool>(false) }

    private struct Ends: @unchecked Sendable {
        let host: SharedMemoryLink
        let guest: SharedMemoryLink
    }

    /// - Returns: false where what came was not seen within the hang guard.
    private static func exchange(
        _ link: SharedMemoryLink, _ bell: DoorbellNumber, _ rounds: UInt64, from own: Mailbox,
        to other: Mailbox,
        answersFirst: Bool
    ) -> Bool {
        var seen: UInt64 = 0
        let end = ContinuousClock.now + HangGuard.limit
        link.ringNews = { own.count.load(ordering: .acquiring) != seen }
        // Nobody comes to the rescue: a wake-up that is lost stays lost.
        link.waiting.spared = SparedRings(limit: .seconds(3600))
        link.waiting.adaptive.forceLimit = .microseconds(20)
        defer { link.ringNews = nil }
        for round in 1...rounds {
            if !answersFirst { other.put(round, on: link, bell) }
            while own.count.load(ordering: .acquiring) < round {
                guard .now < end else { return false }
                do {
                    let found = try link.wait(for: .seconds(30))
                    // It is there, and nothing said so.
                    if found == 0 && own.count.load(ordering: .acquiring) >= round { return false }
                    _ = try link.service()
                } catch { return false }
            }
            seen = round
            // Now and then late, so that the other falls asleep.
            if round % 7 == 0 { for _ in 0..<Int(round % 997) * 10 { ThisProcess.relax() } }
            if answersFirst { other.put(round, on: link, bell) }
        }
        return true
    }
}
