import LinuxSystem
import NinePServer
import Synchronization
import SystemPackage

/// Minds the signals that are for this process, and the time to write its metrics anew.
final class SignalWatch: Sendable {
    private let server: NinePServer
    private let ending: Ending
    private let told: FileDescriptor
    /// Until `close`.
    private let file: Mutex<MetricsFile?>

    /// - Parameter told: where the counts go that SIGUSR1 asks for.
    init(_ server: NinePServer, _ ending: Ending, _ file: MetricsFile?, telling told: FileDescriptor) {
        (self.server, self.ending, self.told) = (server, ending, told)
        self.file = Mutex(file)
    }

    /// Until a signal ends the server, which is told. In a thread of its own.
    func run(_ signals: SignalDescriptor) {
        defer { ending.signalled() }
        do throws(Errno) {
            let poller = try Poller()
            try poller.add(signals.rawDescriptor, .readable, token: 0)
            let interval = file.withLock { $0 == nil } ? nil : MetricsFile.interval
            var due = ContinuousClock.now + (interval ?? .zero)
            while true {
                switch signals.take() {
                case nil: _ = try poller.wait(for: interval.map { _ in max(.zero, due - .now) })
                case .user1:
                    Main.say(server.tallies.text, on: told)
                    renew()
                default: return
                }
                guard let interval, due <= .now else { continue }
                renew()
                due = .now + interval
            }
        } catch {
            // Nobody would hear signals any more: ending is better than that, and is said.
            ending.signalled(Failure("signals cannot be waited for: \(error)"))
        }
    }

    private func renew() { file.withLock { $0?.renew() } }

    /// The metrics' file goes, and does not come back.
    func close() { file.withLock { $0.take() }?.remove() }
}
