import ControlTree
import Links
public import Logging

/// Where what happens on a link goes: a line in the daemon's log, and an event in the tree's `events` file.
public struct LinkReporter: Sendable {
    public let link: String
    let log: Logger
    let events: EventLog
    let tallies: EventTallies

    /// - Parameters:
    ///   - device: its name; `nil` where the link is meant.
    ///   - isLogged: false for what was logged a short time ago; the event is recorded all the same, unless its cause
    ///     has come many times.
    public func report(
        _ event: String, device: String? = nil, _ message: String = "", level: Logger.Level = .info,
        isLogged: Bool = true
    ) {
        tallies.count(event, of: link)
        let object = device.map { "links/\(link)/devices/\($0)" } ?? "links/\(link)"
        events.record(
            Event(event, object: object, message: message.isEmpty ? nil : message),
            cause: "\(EventCause(event, object, message))")
        guard isLogged else { return }
        log.log(level: level, "\(object): \(event)\(message.isEmpty ? "" : ": \(message)")")
    }
}

extension Tree {
    /// What is refused in it goes to the daemon's events and log.
    func reportRefusals(to events: EventLog, _ tallies: EventTallies, _ log: Logger) {
        onRefusal = { refused in
            tallies.countRefused()
            events.record(Event(refused))
            log.notice("refused: \(refused.message)")
        }
    }

    func reportRefusals(to reporter: LinkReporter) {
        reportRefusals(to: reporter.events, reporter.tallies, reporter.log)
    }
}
