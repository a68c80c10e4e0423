import Glibc
public import LinuxSystem
import SystemPackage

/// How long a test waits for what must happen. No measure of speed: it only ends a hang, and a machine that is busy
/// with every other test at once must not reach it.
public enum HangGuard {
    public static let limit = Duration.seconds(120)
    /// For `poll(2)`.
    public static let milliseconds: CInt = 120_000
}

/// What a test waited for in vain.
public struct Overdue: Error, CustomStringConvertible {
    public let description: String
    public init(_ what: String) { description = "waited in vain for \(what)" }
}

/// Looks again until `condition` holds.
///
/// - Throws: `Overdue` when it does not within the hang guard.
public func eventually(_ what: @autoclosure () -> String, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + HangGuard.limit
    while try !condition() {
        guard .now < deadline else { throw Overdue(what()) }
        usleep(1000)
    }
}

/// As `eventually`, for a test that may not hold up others of its suite: its last look is after the last wait, however
/// late that wait ended.
public func eventually(_ what: @autoclosure () -> String, _ condition: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + HangGuard.limit
    while try !condition() {
        guard .now < deadline else { throw Overdue(what()) }
        try await Task.sleep(for: .milliseconds(5))
    }
}

extension SpawnedProcess {
    /// How it ended.
    ///
    /// - Throws: `Overdue` when it has not within `limit`; it is killed then.
    public func waitForEnding(within limit: Duration = HangGuard.limit) throws -> Ending {
        let deadline = ContinuousClock.now + limit
        let poller = try Poller()
        try poller.add(pollDescriptor, .readable, token: 0)
        while true {
            if let ending = ending() { return ending }
            guard .now < deadline else { break }
            _ = try poller.wait(for: deadline - .now)
        }
        killAndWait()
        throw Overdue("the end of process \(identifier)")
    }
}
