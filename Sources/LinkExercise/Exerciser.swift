import ControlTree
public import Links
import SharedMemory
import SystemPackage

/// Tests a link, live or idle, with memory and words that no device uses: carries out the orders of this side's users, and
/// answers what the other side asks for its own. Made, used and dropped on the link's own thread.
///
/// ```
///   desk ──order──► run ──request──► link header ──doorbell──► the other side's answerer
///        ◄─report──     ◄────────── answer, doorbell ──────────
/// ```
public final class Exerciser {
    /// After so long without an order what was set aside is given back.
    static let reservationLimit = Duration.seconds(10)

    private let link: any Link
    private let desk: ExerciseDesk
    private var near: NearSide?
    private var answerer: TestAnswerer?
    private var run: (order: ExerciseDesk.Order, id: String, run: any ExerciseRun)?
    private var reservationEnd: ContinuousClock.Instant?
    private var orderedCount: UInt64 = 0
    private var roundCount: UInt64 = 0

    /// Watches the desk beside the link, and everything that the link's `service()` finds.
    public init(_ link: any Link, _ desk: ExerciseDesk) throws(LinkError) {
        self.link = link
        self.desk = desk
        try link.watch(desk.pollDescriptor)
        link.observer = { [weak self] in self?.note($0) }
    }

    /// Whoever asked hears that it is over.
    public func stop() {
        link.observer = nil
        link.unwatch(desk.pollDescriptor)
        part("the link is taken down")
        if let order = desk.takeOrder() { refuse(order, "the link is taken down") }
    }

    /// How often somebody asked something, here or on the other side: doorbells that go with it are none that nobody wants.
    public var requestCount: UInt64 { orderedCount &+ (answerer?.requestCount ?? 0) &+ roundCount }

    public var nextDeadline: ContinuousClock.Instant? {
        [run?.run.deadline, answerer?.deadline, run == nil ? reservationEnd : nil].compactMap { $0 }.min()
    }

    /// The desk has an order.
    public var isReady: Bool { link.isReady(desk.pollDescriptor) }

    // MARK: What the link finds

    private func note(_ events: LinkEvents) {
        switch events.peer {
        case .arrived, .resumed: meet()
        case .gone(let reason): part("the other side is gone: \(reason)")
        case nil: break
        }
        answerer?.note(events.doorbells, mustLook: events.peer != nil)
        near?.came.formUnion(events.doorbells)
        guard run != nil else { return }
        near?.asker.note(events.doorbells)
        advance()
    }

    private func meet() {
        part("the two sides met anew")
        guard let lines = link.testLines else { return }
        lines.begin()
        near = NearSide(link: link, lines: lines)
        answerer = TestAnswerer(link, lines)
    }

    private func part(_ reason: String) {
        if let (order, _, run) = run.take() {
            run.cancel()
            refuse(order, reason)
        }
        near?.end()
        answerer?.end()
        (near, answerer, reservationEnd) = (nil, nil, nil)
    }

    // MARK: Orders

    /// After the link and its side were served, or when `nextDeadline` has come.
    public func service() {
        answerer?.advance()
        if isReady, let order = desk.takeOrder() { begin(order) }
        if let deadline = run?.run.deadline, deadline <= .now { advance() }
        if run == nil, let reservationEnd, reservationEnd <= .now {
            near?.releaseBoth()
            self.reservationEnd = nil
        }
    }

    private func begin(_ order: ExerciseDesk.Order) {
        orderedCount += 1
        do throws(Refusal) {
            guard let near else { throw noPeer }
            let parsed = try ExerciseOrder(order.text)
            run = (order, parsed.id, try Self.run(for: parsed, near))
            advance()
        } catch { desk.finish(order, .refused(error)) }
    }

    private var noPeer: Refusal {
        link.state == .up
            ? Refusal(.notSupported, "links of kind \(link.kind) have no place for tests")
            : Refusal(.socketNotConnected, "the link has no peer yet; its `state` says up when it has")
    }

    private static func run(
        for order: ExerciseOrder, _ near: NearSide
    ) throws(Refusal) -> any ExerciseRun {
        switch ExerciseVerb(rawValue: order.word) {
        case .state: try HandRun.state(order)
        case .ping: try PingRun(order, doorbellCount: near.link.doorbellCount)
        case .reserve: try RequestRun.reserve(order)
        case .release: try RequestRun.release(order)
        case .fill: try MemoryRun.make(order, .fill, near)
        case .checksum: try MemoryRun.make(order, .checksum, near)
        case .copy: try MemoryRun.make(order, .copy, near)
        case .speed: try SpeedRun(order, near)
        case .peek: try HandRun.peek(order, near)
        case .poke: try PokeRun(order, near)
        case .ring: try HandRun.ring(order, near)
        case .await: try AwaitRun(order, near)
        case nil:
            throw Refusal(
                .invalidArgument, "'\(order.word.prefix(40))' is no order; \(ExerciseOrder.allowed)")
        }
    }

    private func advance() {
        guard let (order, id, begun) = run, var near else { return }
        var run = begun
        let outcome = run.advance(&near)
        roundCount &+= 1
        self.near = near
        guard let outcome else {
            self.run = (order, id, run)
            return
        }
        self.run = nil
        reservationEnd = near.areas.near == nil ? nil : .now + Self.reservationLimit
        guard case .report(let text) = outcome else { return desk.finish(order, outcome) }
        desk.finish(order, .report("id \(id)\n\(text)"))
    }

    private func refuse(_ order: ExerciseDesk.Order, _ reason: String) {
        desk.finish(order, .refused(Refusal(.socketNotConnected, reason)))
    }
}
