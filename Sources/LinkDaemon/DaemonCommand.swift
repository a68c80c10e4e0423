public import ArgumentParser
import Commands
import SystemPackage

/// A daemon's command line. Help and the version go to standard output and are no failure; anything else that ends it early is
/// one line on standard error, and exit code 1.
public protocol DaemonCommand: ParsableCommand {}

extension DaemonCommand {
    public static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error {
            let isAsked = exitCode(for: error) == .success
            let line = WrongUsage.sentence(for: error, of: Self.self)
            let advice = exitCode(for: error) == .validationFailure ? "; see \(_commandName) --help" : ""
            let text = isAsked ? fullMessage(for: error) : "\(_commandName): \(line)\(advice)"
            // Nobody is left to tell when it cannot be written.
            _ = try? (isAsked ? FileDescriptor.standardOutput : .standardError).writeAll("\(text)\n".utf8)
            exit(withError: ExitCode(isAsked ? 0 : 1))
        }
    }
}
