import LinuxSystem
import SystemPackage

/// `-b FILE`: a command a line, performed in order up to the first that fails. Empty lines and those that begin with `#`
/// are passed over; words are separated by blanks, without quoting.
struct Batch {
    private let lines: [(number: Int, words: [String])]
    /// Options that stood beside `-b`: given to every line.
    private let options: [String]

    /// `nil` when the arguments do not ask for one.
    init?(_ arguments: [String]) throws(Failure) {
        var rest = try Self.separated(arguments)
        guard
            let index = rest.firstIndex(where: { $0 == "-b" || $0 == "--batch" || $0.hasPrefix("--batch=") })
        else {
            return nil
        }
        let word = rest.remove(at: index)
        let file: String
        if word.hasPrefix("--batch=") {
            file = String(word.dropFirst("--batch=".count))
        } else if index < rest.count {
            file = rest.remove(at: index)
        } else {
            throw Failure(.local, "\(word) needs a file; - is standard input")
        }
        options = rest
        lines = try Self.text(of: file).split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .map { ($0.offset + 1, $0.element.split { $0 == " " || $0 == "\t" }.map(String.init)) }
            .filter { line in line.1.first.map { !$0.hasPrefix("#") } ?? false }
        for (number, words) in lines where words.contains(where: { $0 == "monitor" }) {
            throw Failure(.local, "line \(number): monitor has no end, so it has no place in a batch")
        }
    }

    /// `-jb FILE` as `-j -b FILE`: flags of one letter may be joined, the one with a value last.
    private static func separated(_ arguments: [String]) throws(Failure) -> [String] {
        var words: [String] = []
        for (index, word) in arguments.enumerated() {
            if word == "--" { return words + arguments[index...] }
            let letters = word.dropFirst()
            guard word.hasPrefix("-"), letters.count > 1, letters.contains("b"),
                letters.allSatisfy("jpsdnqvb".contains)
            else {
                words.append(word)
                continue
            }
            guard letters.firstIndex(of: "b") == letters.indices.last else {
                throw Failure(.local, "\(word): b is followed by its file; put it last, as in -jb FILE")
            }
            words += ["-\(letters.dropLast())", "-b"]
        }
        return words
    }

    private static func text(of file: String) throws(Failure) -> String {
        do throws(Errno) {
            let bytes =
                try file == "-" ? StandardInput.contents(limit: 1 << 20) : ValueFile(reading: file).contents()
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw Failure(
                error == .noSuchFileOrDirectory ? .notFound : .local, "\(file): \(error)", errno: error,
                object: file)
        }
    }

    /// - Returns: `.partlyDone` when a line fails after others were done; the line's own status when it is the first.
    func run(asJSON: Bool) -> ExitStatus {
        var results: [String] = []
        var doneCount = 0
        var status = ExitStatus.done
        for (number, words) in lines {
            let evaluation = Evaluation(options + words, asJSON: asJSON)
            if asJSON { results.append(evaluation.document) }
            let own = asJSON ? evaluation.complain() : evaluation.say(asJSON: false)
            guard own == .done else {
                StandardError.print(
                    "vopctl: batch: stopped at line \(number); \(doneCount) before it are done")
                status = doneCount == 0 ? own : .partlyDone
                break
            }
            doneCount += 1
        }
        if asJSON {
            let all = "{\"results\":[\(results.joined(separator: ","))],\"schema\":1}\n"
            do { _ = try FileDescriptor.standardOutput.writeAll(all.utf8) } catch {
                StandardError.print("vopctl: batch: standard output: \(error)")
                return .local
            }
        }
        return status
    }
}

extension Evaluation {
    /// Its JSON document, `null` where it has none.
    fileprivate var document: String {
        switch self {
        case .help: "null"
        case .done(let output, _, _): output.json.isEmpty ? "null" : output.json
        case .failed(let failure, _): failure.json.text(pretty: false)
        }
    }

    /// Says on standard error alone what there is to complain of.
    fileprivate func complain() -> ExitStatus {
        switch self {
        case .help: .done
        case .done(let output, _, let command):
            output.complaint.map { Evaluation.failed($0, command).say(asJSON: false) } ?? .done
        case .failed: say(asJSON: false)
        }
    }
}
