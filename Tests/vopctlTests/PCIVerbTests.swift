import TestSupport
import Testing

@Suite("pci")
struct PCIVerbTests {
    private static func dump(_ name: String) -> String {
        "\(Repository.path)/Tests/PCILinksTests/Dumps/\(name)"
    }

    @Test("list of a dump says which functions could be links, and by which rule")
    func dump() async throws {
        let result = try await Command.run("pci", "list", "--dump", Self.dump("ivshmem.txt"))
        #expect(result.status == 0 && result.complaint.isEmpty)
        #expect(
            result.output == """
                FUNCTION      ID         RULE     MEMORY  VECTORS  DRIVER  GROUP  ACCESS
                0000:00:04.0  1af4:1110  ivshmem       -        4  -       -      -

                """)
        let details = try await Command.run("pci", "--dump", Self.dump("ivshmem.txt"), "-d")
        #expect(details.output.contains("0000:00:00.0    8086:29c0  0600"))
    }

    @Test("the same as a document: BARs, vectors, what is missing way by way")
    func document() async throws {
        let card = try await Command.run("-j", "--dump", Self.dump("mic.txt"), "pci", "list", "03:00.0")
            .json()
        let function = try #require(card["functions"]?[0])
        #expect(function["rule"] == .string("mic") && function["id"] == .string("8086:225c"))
        #expect(function["vectors"] == .number(16) && function["memory_bytes"] == .null)
        #expect(function["bars"]?[0]?["address"] == .string("0x380000000000"))
        #expect(function["ways"]?["vfio"]?["missing"] == .array([]))
        #expect(card["schema"] == .number(1))
    }

    @Test("this machine's bus is listed, changing nothing")
    func thisMachine() async throws {
        let result = try await Command.run("pci", "list", "-d")
        #expect(result.status == 0, "\(result.complaint)")
    }

    @Test("rules of one's own come first, and a wrong one is refused with its line")
    func rules() async throws {
        let scratch = try TemporaryDirectory()
        try scratch.write("[left]\nmatch = 11f8:8532\nmemory = bar2\nremark = port 1", to: "rules")
        let result = try await Command.run(
            "pci", "list", "--dump", Self.dump("bridges.txt"), "--rules", scratch.file("rules"), "-j")
        #expect(try result.json()["functions"]?[1]?["rule"] == .string("left"))
        try scratch.write("[left]\nmatch = 11f8", to: "rules")
        let wrong = try await Command.run("pci", "list", "--rules", scratch.file("rules"))
        #expect(wrong.status == 1 && wrong.complaint.contains("rules, line 2: "))
        let missing = try await Command.run("pci", "list", "--rules", scratch.file("none"))
        #expect(missing.status == 4 && missing.complaintLines.count == 1)
    }

    @Test(
        "what cannot be listed is refused in one line",
        arguments: [
            (["09.0"], "ivshmem.txt", 4, "there are: 0000:00:00.0, 0000:00:04.0"),
            (["00:00.0"], "ivshmem.txt", 4, "8086:29c0, which no rule knows"),
            (["00:04.9"], "ivshmem.txt", 1, "give one such as"),
            ([], "garbage.txt", 1, "Malformed line"),
            ([], "nothing.txt", 1, "nothing.txt"),
        ])
    func refused(words: [String], dump: String, status: Int, says: String) async throws {
        let result = try await Command.run(["pci", "list", "--dump", Self.dump(dump)] + words)
        #expect(result.status == status && result.complaintLines.count == 1 && result.output.isEmpty)
        #expect(result.complaint.contains(says), "\(result.complaint)")
    }
}
