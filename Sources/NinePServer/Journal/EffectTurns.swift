import LinuxSystem

/// Lets one request at a time change names in a directory, or the end of a file, from its intent to its reply: so that
/// after a crash whatever else changed there was not this server's doing.
final class EffectTurns: Sendable {
    private let taken = Monitor<Set<Node.Identity>>([])

    /// Waits until nobody is at any of `nodes`. All are taken at once, so nobody waits for somebody who waits.
    func enter(_ nodes: [Node]) {
        let identities = Set(nodes.map(\.identity))
        taken.waiting { taken -> Void? in
            guard taken.isDisjoint(with: identities) else { return nil }
            taken.formUnion(identities)
            return ()
        }
    }

    func leave(_ nodes: [Node]) {
        taken.withLock { $0.subtract(nodes.map(\.identity)) }
        taken.wakeAll()
    }
}
