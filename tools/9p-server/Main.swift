import ArgumentParser
import Commands
import SystemPackage

@main struct Main {
    static func main() {
        do {
            var command = try ServeCommand.parse()
            try command.run()
        } catch let error {
            let arguments = Array(CommandLine.arguments.dropFirst())
            finish(with: WrongUsage.cause(of: error, in: arguments, of: ServeCommand.self))
        }
    }

    /// Help and version go to standard output and are no failure; anything else is one line and exit code 1, or
    /// the code that says more.
    private static func finish(with error: any Error) -> Never {
        if let failure = error as? Failure {
            say(failure.text, on: .standardError)
            ServeCommand.exit(withError: ExitCode(failure.code))
        }
        let isDone = ServeCommand.exitCode(for: error).isSuccess
        let sentence = WrongUsage.sentence(for: error, of: ServeCommand.self)
        let advice = ServeCommand.exitCode(for: error) == .validationFailure ? "; see 9p-server --help" : ""
        if isDone {
            say(ServeCommand.fullMessage(for: error), on: .standardOutput)
        } else {
            say("9p-server: \(sentence)\(advice)", on: .standardError)
        }
        ServeCommand.exit(withError: ExitCode(isDone ? 0 : 1))
    }

    /// One line, at once. Nobody is left to tell when it cannot be written.
    static func say(_ line: String, on descriptor: FileDescriptor) {
        _ = try? descriptor.writeAll((line + "\n").utf8)
    }
}

/// Why the server does not serve: one line of what, where, what is allowed, what to do next.
struct Failure: Error {
    let text: String
    var code: Int32 = 1

    init(_ text: String, code: Int32 = 1) {
        self.text = "9p-server: \(text)"
        self.code = code
    }
}
