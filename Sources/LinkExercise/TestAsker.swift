import Links

/// Our own requests to the peer, one at a time.
struct TestAsker {
    private(set) var open: TestRequest?
    private(set) var deadline: ContinuousClock.Instant?
    private(set) var askedAt = ContinuousClock.Instant.now
    /// Of ours, since the request was posted.
    private(set) var rung = DoorbellSet()
    private var number = UInt64.random(in: 1...1 << 62)

    /// - Parameter doorbell: of the peer's.
    mutating func ask(
        _ request: TestRequest, ringing doorbell: DoorbellNumber, within limit: Duration, _ link: any Link,
        _ lines: TestLines
    ) {
        number &+= 1
        var request = request
        request.number = number
        request.meetingID = link.meetingID
        rung = DoorbellSet()
        open = request
        lines.ask(request)
        askedAt = .now
        deadline = askedAt + limit
        link.ring(doorbell)
    }

    mutating func note(_ doorbells: DoorbellSet) {
        if open != nil { rung.formUnion(doorbells) }
    }

    /// What the peer has answered so far.
    func answer(in lines: TestLines) -> TestAnswer? { open.flatMap { lines.answer(to: $0.number) } }

    var isOverdue: Bool { deadline.map { $0 <= .now } ?? false }

    /// Nobody waits for it any more.
    mutating func close() { (open, deadline) = (nil, nil) }
}
