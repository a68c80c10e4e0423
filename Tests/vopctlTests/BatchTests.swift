import TestSupport
import Testing

@Suite("Batch")
struct BatchTests {
    private func batch(_ lines: String..., options: [String] = []) async throws -> Command.Result {
        let scratch = try TemporaryDirectory()
        try scratch.write(lines.joined(separator: "\n"), to: "batch")
        return try await Command.run(options + ["-b", scratch.file("batch")])
    }

    private static let golden = "\(Repository.path)/abi/golden"

    @Test("each line is a command; blank lines and comments are passed over")
    func lines() async throws {
        let one = try await Command.run("page", "decode", "\(Self.golden)/full.bin").output
        let two = try await Command.run("page", "decode", "\(Self.golden)/removed.bin").output
        let result = try await batch(
            "# two pages", "", "page decode \(Self.golden)/full.bin", "pa dec \(Self.golden)/removed.bin")
        #expect(result.status == 0 && result.output == one + two)
    }

    @Test("it stops at the first failure: exit 5 when something was done, else that failure's own")
    func failures() async throws {
        let later = try await batch(
            "page decode \(Self.golden)/full.bin", "page decode /nonexistent", "frobnicate")
        #expect(later.status == 5 && later.complaint.contains("stopped at line 2; 1 before it are done"))
        #expect(!later.complaint.contains("frobnicate"))
        #expect(try await batch("page decode /nonexistent").status == 4)
        #expect(try await batch("frobnicate").status == 1)
        #expect(try await Command.run("-b", "/nonexistent").status == 4)
        #expect(try await Command.run("-b").status == 1)
    }

    @Test("results that cannot be printed are a failure")
    func fullDisk() async throws {
        let scratch = try TemporaryDirectory()
        try scratch.write("page decode \(Self.golden)/full.bin", to: "batch")
        let result = try await Command.run(
            ["-j", "-b", scratch.file("batch")], printingTo: "/dev/full")
        #expect(result.status == 1 && result.complaint.contains("standard output: No space left on device"))
    }

    @Test("b may be joined to other flags of one letter, as the last of them")
    func joined() async throws {
        let scratch = try TemporaryDirectory()
        try scratch.write("page decode \(Self.golden)/full.bin", to: "batch")
        let apart = try await Command.run("-j", "-b", scratch.file("batch"))
        #expect(apart.status == 0)
        #expect(try await Command.run("-jb", scratch.file("batch")).output == apart.output)
        let input = try await Command.run("-jb", "-", input: scratch.file("batch"))
        #expect(input.status == 0 && input.output == apart.output)
        let wrong = try await Command.run("-bj", scratch.file("batch"))
        #expect(wrong.status == 1 && wrong.complaint.contains("-bj: b is followed by its file"))
        #expect(try await Command.run("-jb").status == 1)
    }

    @Test("with -j all results are one document")
    func json() async throws {
        let result = try await batch(
            "page decode \(Self.golden)/full.bin", "page decode /nonexistent", options: ["-j"])
        #expect(result.status == 5)
        let results = try result.json()["results"]
        #expect(results?[0]?["schema"] == .number(1) && results?[1]?["error"]?["code"] == .number(4))
    }

    @Test("monitor has no place in a batch")
    func monitor() async throws {
        #expect(try await batch("monitor").complaint.contains("no place in a batch"))
    }
}
