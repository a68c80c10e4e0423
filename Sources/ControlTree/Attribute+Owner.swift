internal import LinuxSystem
internal import Synchronization
internal import SystemPackage

/// For the attribute's owner: what a reader reads, and what a writer writes, without a file between.
extension Attribute {
    /// The value as text, without a newline.
    public var valueText: String {
        let text = show?() ?? ""
        return text.last == "\n" ? String(text.dropLast()) : text
    }

    /// Sets it as a write by its owner would.
    ///
    /// - Returns: why it was refused; `nil` when it was applied, or will be answered later.
    public func set(_ text: String) -> Refusal? {
        guard let change else { return Refusal(.permissionDenied, "shows state and cannot be written") }
        let outcome = Outcome()
        change(
            text,
            PendingChange(Requester(user: ProcessOwner.user, group: ProcessOwner.group, process: 0)) {
                refusal in
                outcome.refusal.withLock { $0 = refusal }
            })
        return outcome.refusal.withLock { $0 }
    }

    private final class Outcome: Sendable {
        let refusal = Mutex<Refusal?>(nil)
    }
}
