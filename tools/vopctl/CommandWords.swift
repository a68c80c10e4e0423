/// What the words of a command line mean, before they are parsed: objects and verbs spelt out, options that stood before
/// them moved behind, `show` put where there is no verb.
///
/// ```
///   -j dev s ep0/net0     →   device show -j ep0/net0   (if `s` were unambiguous)
///   add-device ep0/x …    →   device add ep0/x …
///   help dev add          →   help device add
/// ```
struct CommandWords {
    /// The words to parse.
    let words: [String]
    /// `device add`, for messages; empty when there is no object.
    let command: String

    private static let verbs: [(object: String, verbs: [String])] = [
        ("link", ["show", "list", "add", "del", "ping", "test", "perf", "peek", "poke", "ring"]),
        ("page", ["show", "dump", "decode"]),
        ("device", ["show", "list", "add", "set", "del", "reset"]),
        ("queue", ["show", "dump"]),
        ("driver", ["list", "bind", "unbind"]),
        ("pci", ["list"]),
        ("monitor", []),
    ]

    /// Options whose value is the next word.
    private static let optionsWithValue: Set<String> = [
        "--timeout", "--tree", "--side", "--dump", "--rules", "--sysfs", "--count",
        "--interval", "--doorbell", "--answer", "--size", "--time", "--threads", "--plot", "--window",
        "--width",
    ]

    init(_ arguments: [String]) throws(Failure) {
        var rest = arguments[...]
        var options = Self.takeOptions(&rest)
        guard let first = rest.popFirst() else {
            words = try Self.wordsWithoutObject(options)
            command = ""
            return
        }
        if "help".hasPrefix(first), first.count > 1 || first == "h" {
            words = ["help"] + (try Self.helpWords(rest))
            command = ""
            return
        }
        if first == "add-device" { rest = ["device", "add"] + rest } else { rest = [first] + rest }
        let object = try Self.spelt(
            rest.removeFirst(), among: Self.verbs.map(\.object), of: "object", in: "vopctl")
        let verbs = Self.verbs.first { $0.object == object }?.verbs ?? []
        options += Self.takeOptions(&rest)
        if verbs.isEmpty {
            command = object
            words = [object] + options + rest
        } else if rest.first == "help" {
            command = object
            words = ["help", object]
        } else if options.contains("--help") || options.contains("-h"), rest.isEmpty {
            command = object
            words = [object, "--help"]
        } else {
            let verb = try rest.popFirst().map { word throws(Failure) in
                try Self.spelt(word, among: verbs, of: "verb", in: "vopctl \(object)")
            }
            command = "\(object) \(verb ?? verbs[0])"
            words = [object, verb ?? verbs[0]] + options + rest
        }
    }

    /// Takes what begins with `-`, and the values of such, off the front.
    private static func takeOptions(_ rest: inout ArraySlice<String>) -> [String] {
        var options: [String] = []
        while let word = rest.first, word.hasPrefix("-"), word != "-", word != "--" {
            rest.removeFirst()
            options.append(word == "-V" ? "--version" : word)
            if optionsWithValue.contains(word), let value = rest.popFirst() { options.append(value) }
        }
        return options
    }

    /// Help and the version need no object; other options are nothing without one.
    private static func wordsWithoutObject(_ options: [String]) throws(Failure) -> [String] {
        if options.isEmpty { return ["help"] }
        if let asked = options.first(where: { ["--help", "-h", "--version"].contains($0) }) {
            return [asked]
        }
        throw Failure(
            .local,
            "no object after \(options.joined(separator: " ")); vopctl has "
                + "\(verbs.map(\.object).joined(separator: ", ")); see vopctl help")
    }

    private static func helpWords(_ rest: ArraySlice<String>) throws(Failure) -> [String] {
        var rest = rest.filter { !$0.hasPrefix("-") }[...]
        if rest.first == "add-device" { return ["device", "add"] }
        guard let first = rest.popFirst(), first != "help" else { return [] }
        let object = try spelt(first, among: verbs.map(\.object), of: "object", in: "vopctl")
        guard let word = rest.popFirst() else { return [object] }
        let known = verbs.first { $0.object == object }?.verbs ?? []
        return [object, try spelt(word, among: known, of: "verb", in: "vopctl \(object)")]
    }

    /// The one word that begins with `word`, or is it.
    private static func spelt(
        _ word: String, among known: [String], of kind: String, in place: String
    ) throws(Failure) -> String {
        if known.contains(word) { return word }
        let matches = known.filter { !word.isEmpty && $0.hasPrefix(word) }
        if matches.count == 1 { return matches[0] }
        let listed = (matches.isEmpty ? known : matches).joined(separator: ", ")
        throw Failure(
            .local,
            matches.isEmpty
                ? "unknown \(kind) '\(word)'; \(place) has \(listed.isEmpty ? "none" : listed); see vopctl help"
                : "\(kind) '\(word)' is ambiguous: \(listed); give more of it")
    }

    /// Whether errors are to be said in JSON, found without parsing: the command line may be what is wrong.
    static func asksForJSON(_ arguments: [String]) -> Bool {
        arguments.prefix { $0 != "--" }.contains { word in
            if word == "--json" || word == "--pretty" { return true }
            guard word.hasPrefix("-"), !word.hasPrefix("--") else { return false }
            return word.dropFirst().allSatisfy(\.isLetter) && (word.contains("j") || word.contains("p"))
        }
    }
}
