public import ArgumentParser

/// What the parser has to say of a command line that it does not take: one line.
public enum WrongUsage {
    /// The parser's own words, lists on one line too.
    public static func sentence(for error: any Error, of command: any ParsableCommand.Type) -> String {
        var lines = command.message(for: error).split(separator: "\n").map { $0.drop { $0 == " " } }
        let choices = lines.filter { $0.hasPrefix("- ") }.map { $0.dropFirst(2) }
        lines.removeAll { $0.hasPrefix("- ") }
        if !choices.isEmpty { lines.append(Substring(choices.joined(separator: ", "))) }
        let text = lines.joined(separator: " ")
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// The error to tell of a command line that was refused with `error`. The parser complains of a missing argument before
    /// it looks at options it does not know, and those come first for whoever mistyped one.
    public static func cause(
        of error: any Error, in arguments: [String], of command: any ParsableCommand.Type
    ) -> any Error {
        func isMissing(_ error: any Error) -> Bool {
            command.message(for: error).hasPrefix("Missing expected argument")
        }
        var (cause, filled) = (error, arguments)
        for _ in 0..<4 where isMissing(cause) {
            filled.append("x")
            do { _ = try command.parseAsRoot(filled) } catch let next { cause = next }
        }
        return command.message(for: cause).hasPrefix("Unknown option") ? cause : error
    }
}

/// A whole number on a command line, for an option's `transform`.
public struct WholeNumber<Number: FixedWidthInteger & Sendable>: Sendable {
    private let range: ClosedRange<Number>

    public init(in range: ClosedRange<Number>) { self.range = range }

    public func callAsFunction(_ text: String) throws(ValidationError) -> Number {
        guard let number = Number(text), range.contains(number) else {
            throw ValidationError("give a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }
}
