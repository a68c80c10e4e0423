import ArgumentParser
import SystemPackage
import Virtio

/// A word of a link's memory, as it is named on the command line.
struct WordOptions: ParsableArguments {
    @Option(help: "Which of that side's windows.")
    var window: Int = 0

    @Option(help: ArgumentHelp("A word's width: 1, 2, 4 or 8 bytes.", valueName: "bytes"))
    var width: Int = 4

    func order(_ verb: String, _ side: String, _ offset: String) -> String {
        "\(verb) side=\(side) window=\(window) width=\(width) offset=\(offset)"
    }

    func validate() throws {
        guard [1, 2, 4, 8].contains(width) else { throw ValidationError("--width is 1, 2, 4 or 8") }
        guard (0...3).contains(window) else { throw ValidationError("--window is 0 to 3") }
    }

    static func check(_ side: String, _ numbers: String...) throws {
        guard side == "near" || side == "far" else {
            throw ValidationError("'\(side)' is no side; give near (this side's window) or far (the other's)")
        }
        for text in numbers {
            let isNumber =
                text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) != nil : UInt64(text) != nil
            guard isNumber else { throw ValidationError("'\(text)' is no number, decimal or behind 0x") }
        }
    }
}

struct LinkPeek: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "peek", abstract: "Show words of a link's windows.",
        usage: "vopctl link peek [OPTION]... LINK near|far OFFSET",
        discussion: "Each word is read by one access of its width. Links have no scratchpads besides.")

    @Argument(help: "The link.") var link: String
    @Argument(help: ArgumentHelp("Whose window: near is this side's.", valueName: "near|far")) var whose:
        String
    @Argument(help: "Where in it, in bytes; a multiple of the width.") var offset: String
    @Option(help: "How many words, up to 256.") var count: Int = 1
    @OptionGroup var word: WordOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws {
        try WordOptions.check(whose, offset)
        guard (1...256).contains(count) else { throw ValidationError("--count is 1 to 256") }
    }

    func perform() throws -> Output {
        let client = try ExerciseClient(link, "link peek", options)
        let report = try client.order("\(word.order("peek", whose, offset)) count=\(count)")
        let words = report.all("at").filter { $0.count == 2 }
        return Output(
            words.map { "\($0[0])  \($0[1])\n" }.joined(),
            .document([
                "link": .string(link), "side": .string(client.link.tree.side.rawValue),
                "whose": .string(whose),
                "words": .array(
                    words.map {
                        .object([
                            "offset": .number(Int(clamping: ExerciseReport.number($0[0]))),
                            "value": .string($0[1]),
                        ])
                    }),
            ]))
    }
}

struct LinkPoke: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "poke", abstract: "Store a word in a link's window.",
        usage: "vopctl link poke [OPTION]... LINK near|far OFFSET VALUE",
        discussion: """
            By one access of its width. Memory that a device, or the page, is using is refused, and said to be so; --force \
            writes all the same, and may break that device. The side whose window it is is asked.
            """)

    @Argument(help: "The link.") var link: String
    @Argument(help: ArgumentHelp("Whose window: near is this side's.", valueName: "near|far")) var whose:
        String
    @Argument(help: "Where in it, in bytes; a multiple of the width.") var offset: String
    @Argument(help: "What to store.") var value: String
    @Flag(help: "Write even where a device, or the page, may be.") var force = false
    @OptionGroup var word: WordOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws { try WordOptions.check(whose, offset, value) }

    func perform() throws -> Output {
        let client = try ExerciseClient(link, "link poke", options)
        let report = try client.order(
            "\(word.order("poke", whose, offset)) value=\(value) force=\(force ? 1 : 0)")
        return .changed(
            "stored \(value) at \(offset) of the \(whose) window, where \(report.word("was")) was",
            [
                "action": .string("poke"), "link": .string(link), "whose": .string(whose),
                "offset": .string(offset),
                "value": .string(value), "was": .string(report.word("was")),
            ], options)
    }
}

struct LinkRing: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "ring", abstract: "Ring a doorbell of the other side's, or wait for one of this side's.",
        usage: "vopctl link ring [OPTION]... LINK DOORBELL",
        discussion: """
            A device that has this doorbell looks at its rings, and finds what is there. With --await it is this side's \
            doorbell, and rung by the other: the one that has rung since doorbells were last waited for counts. Links have \
            no masks for doorbells.
            """)

    @Argument(help: "The link.") var link: String
    @Argument(help: "The doorbell's number.") var doorbell: Int
    @Flag(name: .customLong("await"), help: "Wait for it, up to a second.") var awaits = false
    @OptionGroup var options: GlobalOptions

    func validate() throws {
        guard doorbell >= 0 else { throw ValidationError("a doorbell is a number from 0") }
    }

    func perform() throws -> Output {
        let client = try ExerciseClient(link, "link ring", options)
        guard awaits else {
            try client.order("ring doorbell=\(doorbell)")
            return .changed(
                "rang doorbell \(doorbell)",
                ["action": .string("ring"), "link": .string(link), "doorbell": .number(doorbell)], options)
        }
        let report = try client.order("await doorbell=\(doorbell)")
        let hasRung = report.number("rang") == 1
        var output = Output(
            hasRung ? "doorbell \(doorbell) rang\n" : "",
            .document([
                "link": .string(link), "doorbell": .number(doorbell), "rang": .bool(hasRung),
                "came": .string(report.word("came")),
            ]))
        if !hasRung, !options.dryRun {
            output.complaint = Failure(
                .timedOut, "doorbell \(doorbell) has not rung within a second; came: \(report.word("came"))",
                errno: .timedOut, object: link)
        }
        return output
    }
}
