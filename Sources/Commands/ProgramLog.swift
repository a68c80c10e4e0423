internal import FoundationEssentials
public import Logging
internal import SystemPackage

/// A program's log on standard error: when, how grave, who, what; a line each, written at once.
///
/// ```
///   2026-11-21T13:06:11Z notice 9p-server: the device was reset queue=/run/vop/host/…/copy
/// ```
public struct ProgramLog: LogHandler {
    public var logLevel = Logger.Level.info
    public var metadata = Logger.Metadata()
    private let program: String

    public static func logger(_ program: String, level: Logger.Level) -> Logger {
        var logger = Logger(label: program) { ProgramLog(program: $0) }
        logger.logLevel = level
        return logger
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        // Nobody is left to tell when it cannot be written.
        _ = try? FileDescriptor.standardError.writeAll(line(event, at: .now).utf8)
    }

    private func line(_ event: LogEvent, at time: Date) -> String {
        let told = metadata.merging(event.metadata ?? [:]) { _, own in own }.sorted { $0.key < $1.key }
        let more = told.map { " \($0.key)=\($0.value)" }.joined()
        let cause = event.error.map { ": \($0)" } ?? ""
        let text = "\(time.formatted(.iso8601)) \(event.level) \(program): \(event.message)\(cause)\(more)"
        return text.split(separator: "\n").joined(separator: " ") + "\n"
    }

    private init(program: String) { self.program = program }
}
