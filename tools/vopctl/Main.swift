import ArgumentParser
import Commands
import LinuxSystem
import SystemPackage

/// Parses, performs, prints, and ends with the status that says how it went.
@main
enum Main {
    static func main() {
        ThisProcess.endsWithBrokenPipes()
        ThisProcess.end(run(Array(CommandLine.arguments.dropFirst())).rawValue)
    }

    private static func run(_ arguments: [String]) -> ExitStatus {
        let asksForJSON = CommandWords.asksForJSON(arguments)
        do {
            if let batch = try Batch(arguments) { return batch.run(asJSON: asksForJSON) }
        } catch {
            return Evaluation.failed(error, "").say(asJSON: asksForJSON)
        }
        return Evaluation(arguments, asJSON: asksForJSON).say(asJSON: asksForJSON)
    }
}

/// What became of one command line.
enum Evaluation {
    case help(String)
    case done(Output, GlobalOptions, command: String)
    case failed(Failure, _ command: String)

    /// Parses and performs it; nothing is printed but what `monitor` follows.
    init(_ arguments: [String], asJSON: Bool) {
        var command = ""
        var parsedWords: [String] = []
        do {
            let words = try CommandWords(arguments)
            (command, parsedWords) = (words.command, words.words)
            let parsed = try VOPControl.parseAsRoot(words.words)
            guard let verb = parsed as? any Verb else {
                var object = parsed
                try object.run()
                self = .help("")
                return
            }
            self = .done(try Self.perform(verb, command, asJSON), verb.options, command: command)
        } catch let failure as Failure {
            self = .failed(failure, command)
        } catch let errno as Errno {
            self = .failed(Failure(.local, "\(errno)", errno: errno), command)
        } catch {
            let cause = WrongUsage.cause(of: error, in: parsedWords, of: VOPControl.self)
            self = Self.ofParser(cause, command)
        }
    }

    private static func perform(_ verb: any Verb, _ command: String, _ asJSON: Bool) throws -> Output {
        if verb is any LongVerb { return try verb.perform() }
        let limit = try TimeLimit((verb.options.timeout ?? .standard).duration) { failure in
            Evaluation.failed(failure, command).say(asJSON: asJSON)
        }
        defer { limit.lift() }
        return try verb.perform()
    }

    /// Help and the version are what was asked for; anything else is wrong usage, in one line.
    private static func ofParser(_ error: any Error, _ command: String) -> Evaluation {
        guard VOPControl.exitCode(for: error) != .success else {
            return .help("\(VOPControl.fullMessage(for: error))\n")
        }
        var message = WrongUsage.sentence(for: error, of: VOPControl.self)[...]
        // Our own sentence is all there is to say of a value that we found wrong.
        if let preamble = message.firstRange(of: ">': ") { message = message[preamble.upperBound...] }
        return .failed(Failure(.local, "\(message); see vopctl help \(command)"), command)
    }

    // MARK: Saying it

    /// Prints it: failures as a line on standard error, and where JSON was asked for, one document on standard output.
    func say(asJSON: Bool) -> ExitStatus {
        switch self {
        case .help(let text):
            _ = try? FileDescriptor.standardOutput.writeAll(text.utf8)
            return .done
        case .done(let output, let options, let command):
            do { if !(options.quiet && output.isOnlyAnEcho) { try output.print(options) } } catch {
                return Evaluation.failed(Failure(.local, "standard output: \(error)"), command).say(
                    asJSON: false)
            }
            guard let complaint = output.complaint else { return .done }
            return Evaluation.failed(complaint, command).say(asJSON: false)
        case .failed(let failure, let command):
            let place = command.isEmpty ? "" : "\(command): "
            StandardError.print("vopctl: \(place)\(failure.message)")
            if asJSON {
                _ = try? FileDescriptor.standardOutput.writeAll("\(failure.json.text(pretty: false))\n".utf8)
            }
            return failure.status
        }
    }
}
