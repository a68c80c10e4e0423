import NineP
import Synchronization

/// What the server was found not to know: `unlinkat` and `renameat`, which came later than the rest (diod 1.0 lacks one).
final class OlderServer: Sendable {
    private let refused = Mutex<Set<RequestType>>([])

    func refuses(_ type: RequestType) -> Bool { refused.withLock { $0.contains(type) } }
    func hasRefused(_ type: RequestType) { refused.withLock { _ = $0.insert(type) } }
}
