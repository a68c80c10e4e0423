public import ControlTree
import LinuxSystem
import Synchronization
public import SystemPackage

/// Where orders for a link's exerciser are left, one at a time, and its last report is found: `links/<link>/test`. Used from
/// any thread; the orders are carried out on the link's own.
public final class ExerciseDesk: Sendable {
    struct Order: Sendable {
        let text: String
        let change: PendingChange
    }

    private struct Contents {
        var order: Order?
        var isBusy = false
        var report = ""
    }

    private let contents = Mutex(Contents())
    private let bell: EventCounter

    public init() throws(Errno) { bell = try EventCounter() }

    public var lastReport: String { contents.withLock { $0.report } }

    /// Leaves an order; its change is answered when it has been carried out, and then there is a report.
    public func submit(_ text: String, _ change: PendingChange) {
        let isTaken = contents.withLock { contents in
            guard !contents.isBusy else { return false }
            contents.isBusy = true
            contents.order = Order(text: text, change: change)
            return true
        }
        guard isTaken else {
            return change.refuse(
                Refusal(.resourceBusy, "another test of this link is under way; wait until it is done"))
        }
        bell.signal()
    }

    // MARK: The link's thread

    var pollDescriptor: CInt { bell.rawDescriptor }

    func takeOrder() -> Order? {
        bell.drain()
        return contents.withLock { $0.order.take() }
    }

    func finish(_ order: Order, _ outcome: ExerciseOutcome) {
        contents.withLock { contents in
            if case .report(let text) = outcome { contents.report = text }
            contents.isBusy = false
        }
        switch outcome {
        case .report: order.change.succeed()
        case .refused(let refusal): order.change.refuse(refusal)
        }
    }
}

/// How an order ends.
enum ExerciseOutcome {
    case report(String)
    case refused(Refusal)
}
