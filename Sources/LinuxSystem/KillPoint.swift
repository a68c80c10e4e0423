import Glibc

/// A named place in a daemon where a test ends it as SIGKILL would, at exactly that instruction.
///
/// `VOP_KILL_AT=NAME` in the environment kills the process when it comes there, `VOP_KILL_AT=NAME:N` when it comes
/// there for the Nth time. Without the variable passing one costs a load and a branch.
public enum KillPoint {
    private static let chosen: (name: String, counter: Countdown)? = {
        guard let text = unsafe getenv("VOP_KILL_AT") else { return nil }
        let parts = unsafe String(cString: text).split(separator: ":", maxSplits: 1)
        guard let name = parts.first else { return nil }
        return (String(name), Countdown(parts.count == 2 ? Int(parts[1]) ?? 1 : 1))
    }()

    private final class Countdown: Sendable {
        private let left: Monitor<Int>
        init(_ count: Int) { left = Monitor(count) }

        /// True once, the last time.
        func isDue() -> Bool {
            left.withLock {
                $0 -= 1
                return $0 == 0
            }
        }
    }

    public static func pass(_ name: StaticString) {
        guard let chosen, chosen.name == "\(name)", chosen.counter.isDue() else { return }
        kill(getpid(), SIGKILL)
        // The signal is this thread's too: it never gets further.
        while true { pause() }
    }
}
