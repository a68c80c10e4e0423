import ControlTree
import Links
import SystemPackage

/// An order as somebody wrote it: a word, and `name=value` for each of its arguments, with blanks between.
///
/// ```
///   ping count=100 doorbell=3
/// ```
struct ExerciseOrder {
    let word: String
    private let arguments: [String: String]

    init(_ text: String) throws(Refusal) {
        let words = text.split(separator: " ").map(String.init)
        guard let word = words.first, !word.contains("=") else {
            throw Refusal(.invalidArgument, "'\(text.prefix(40))' is no order; \(Self.allowed)")
        }
        self.word = word
        var arguments: [String: String] = [:]
        for argument in words.dropFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, arguments.updateValue(String(parts[1]), forKey: String(parts[0])) == nil
            else {
                throw Refusal(
                    .invalidArgument,
                    "'\(argument.prefix(40))' is no argument of \(word); write NAME=VALUE, each once"
                )
            }
        }
        self.arguments = arguments
    }

    static let allowed =
        "write one of \(ExerciseVerb.allCases.map(\.rawValue).joined(separator: ", ")), and its arguments as NAME=VALUE"

    /// - Throws: for an argument that is none of `names`; `id` always is one.
    func require(only names: String...) throws(Refusal) {
        guard let other = arguments.keys.sorted().first(where: { !names.contains($0) && $0 != "id" }) else {
            return
        }
        throw Refusal(
            .invalidArgument,
            "\(word) takes no '\(other.prefix(40))'; it takes \(names.isEmpty ? "nothing" : names.joined(separator: ", "))"
        )
    }

    /// Told back in the report, so that whoever reads it knows it for the answer to this order.
    var id: String { String((arguments["id"] ?? "").prefix(64)) }

    func word(_ name: String, among words: [String], standard: String? = nil) throws(Refusal) -> String {
        guard let value = arguments[name] ?? standard, words.contains(value) else {
            throw Refusal(
                .invalidArgument, "\(word) needs \(name)=\(words.joined(separator: "|"))")
        }
        return value
    }

    /// A number, decimal or hexadecimal behind `0x`.
    func number(
        _ name: String, in range: ClosedRange<UInt64>, standard: UInt64? = nil
    ) throws(Refusal) -> UInt64 {
        guard let text = arguments[name] else {
            if let standard { return standard }
            throw Refusal(
                .invalidArgument,
                "\(word) needs \(name)=NUMBER, from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        let number = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text)
        guard let number else {
            throw Refusal(.invalidArgument, "\(name): '\(text.prefix(40))' is no number")
        }
        guard range.contains(number) else {
            throw Refusal(
                .outOfRange, "\(name): \(number) is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func has(_ name: String) -> Bool { arguments[name] != nil }

    func doorbell(_ name: String, count: Int) throws(Refusal) -> DoorbellNumber {
        let number = try number(name, in: 0...UInt64(max(count, 1) - 1), standard: 0)
        guard let doorbell = DoorbellNumber(rawValue: Int(number)) else {
            throw Refusal(.outOfRange, "\(name): \(number) is no doorbell")
        }
        return doorbell
    }
}

/// What can be ordered.
enum ExerciseVerb: String, CaseIterable {
    case state
    case ping
    case reserve
    case release
    case fill
    case checksum
    case copy
    case speed
    case peek
    case poke
    case ring
    case await
}
