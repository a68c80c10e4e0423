import TestSupport
import Testing

@Suite("Grammar")
struct GrammarTests {
    private static let page = "\(Repository.path)/abi/golden/net-example.bin"

    @Test(
        "objects and verbs may be shortened while they stay unambiguous, options stand anywhere",
        arguments: [
            ["page", "decode", page, "-j"], ["-j", "page", "decode", page], ["page", "-j", "decode", page],
            ["pa", "dec", "--json", page], ["pag", "dec", "-j", "--", page],
            ["--timeout", "5s", "-j", "page", "decode", page],
            ["-j", "--timeout=5s", "page", "decode", page],
        ])
    func spellings(words: [String]) async throws {
        let plain = try await Command.run("page", "decode", Self.page, "-j")
        #expect(plain.status == 0)
        let result = try await Command.run(words)
        #expect(result.status == 0 && result.output == plain.output, "\(result.complaint)")
    }

    @Test(
        "what is unknown or ambiguous is refused in one line that lists what there is",
        arguments: [
            (["frobnicate"], "link, page, device, queue, driver, pci, monitor"),
            (["d", "show"], "device, driver"),
            (["device", "frobnicate"], "show, list, add, set, del, reset"),
            (["device", "s"], "show, set"),
            (["device", "show", "--bogus"], "--bogus"),
            (["device", "add", "a/b", "tag"], "ATTRIBUTE=VALUE"),
            (["device", "show", "nolink"], "LINK/NAME"),
            (["device", "show", "a/b/c"], "LINK/NAME"),
            (["device", "add", "a/no spaces", "type=9p"], "at most 62"),
            (["device", "add"], "device"),
            (["link", "show", "--timeout", "soon"], "500ms"),
            (["link", "show", "--timeout", "0s"], "500ms"),
            (["link", "show", "--side", "left"], "host or guest"),
            (["help", "frobnicate"], "link, page, device, queue, driver, pci, monitor"),
        ])
    func refused(words: [String], says: String) async throws {
        let scratch = try TemporaryDirectory()
        try scratch.write("host 0", to: "version")
        let result = try await Command.run(words + ["--tree", scratch.path])
        #expect(result.status == 1)
        #expect(result.complaintLines.count == 1 && result.complaint.hasPrefix("vopctl: "))
        #expect(result.complaint.contains(says), "\(result.complaint)")
        #expect(result.output.isEmpty)
    }

    @Test(
        "with -j every failure is one JSON document on standard output, and the line on standard error",
        arguments: [
            (["-j", "frobnicate"], 1), (["device", "show", "-pj", "--bogus"], 1),
            (["--json", "device", "show", "x"], 1), (["page", "decode", "/nonexistent", "--pretty"], 4),
            (["-j", "link", "show", "--tree", "/nonexistent"], 1),
        ])
    func jsonErrors(words: [String], status: Int) async throws {
        let result = try await Command.run(words)
        #expect(result.status == status)
        let error = try #require(try result.json()["error"])
        #expect(error["code"] == .number(status))
        #expect(error["errno"] != nil && error["object"] != nil)
        guard case .string(let message) = error["message"] else {
            Issue.record("no message")
            return
        }
        #expect(result.complaint.contains(message) && result.complaintLines.count == 1)
    }
}
