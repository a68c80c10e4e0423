internal import Synchronization
internal import SystemPackage

/// A change that somebody has asked for and waits for. It is answered once, now or later, from any thread; one that is dropped
/// answers `EIO`. Whoever asked may give up meanwhile: then the answer goes nowhere.
public final class PendingChange: Sendable {
    public let requester: Requester
    private let answer: Mutex<(@Sendable (Refusal?) -> Void)?>

    /// - Parameter answer: called once, with nothing when the change has been made.
    public init(_ requester: Requester, _ answer: @escaping @Sendable (Refusal?) -> Void) {
        self.requester = requester
        self.answer = Mutex(answer)
    }

    deinit { finish(Refusal(.ioError, "was not answered; look in the daemon's log")) }

    /// The change has been made.
    public func succeed() { finish(nil) }

    /// It has not been made, and nothing has changed.
    public func refuse(_ refusal: Refusal) { finish(refusal) }

    /// Answers with the outcome of `body`.
    public func answer(_ body: () throws(Refusal) -> Void) {
        do throws(Refusal) {
            try body()
            succeed()
        } catch { refuse(error) }
    }

    private func finish(_ refusal: Refusal?) {
        let answer = answer.withLock { $0.take() }
        answer?(refusal)
    }

    /// The same change, with `body` called before a refusal is passed on.
    func refused(_ body: @escaping @Sendable (Refusal) -> Void) -> PendingChange {
        PendingChange(requester) { [self] refusal in
            if let refusal { body(refusal) }
            finish(refusal)
        }
    }
}
