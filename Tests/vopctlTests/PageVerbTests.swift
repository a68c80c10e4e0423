import DevicePage
import LinuxSystem
import TestSupport
import Testing

/// A link directory with a page, and everything else a link shows.
private func treeWithPage(_ page: [UInt8], side: String = "host") throws -> TemporaryDirectory {
    let tree = try TemporaryDirectory()
    try tree.write("\(side) 0.1.0", to: "version")
    try tree.write("up", to: "links/ep0/state")
    try tree.write(page, to: "links/ep0/page.bin")
    return tree
}

private func golden(_ name: String) throws -> [UInt8] {
    try ValueFile(reading: "\(Repository.path)/abi/golden/\(name)").contents()
}

@Suite("page")
struct PageVerbTests {
    @Test("dump writes the 4096 bytes and nothing else, with -j too", arguments: [[], ["-j"]])
    func dump(options: [String]) async throws {
        let page = try golden("all-devices.bin")
        let tree = try treeWithPage(page)
        let result = try await Command.run(["page", "dump", "ep0", "--tree", tree.path] + options)
        #expect(result.status == 0 && result.rawOutput == page)
    }

    @Test("show, and decode of a file or standard input, print the same report")
    func sameReport() async throws {
        let page = try golden("net-example.bin")
        let tree = try treeWithPage(page, side: "guest")
        let report = try PageReport(decoding: page)
        let file = "\(Repository.path)/abi/golden/net-example.bin"
        for options in [[], ["-j"], ["-jp"]] {
            let shown = try await Command.run(["page", "show", "ep0", "--tree", tree.path] + options)
            let decoded = try await Command.run(["page", "decode", file] + options)
            let piped = try await Command.run(["page", "decode", "-"] + options, input: file)
            #expect(shown.output == decoded.output && decoded.output == piped.output)
            #expect([shown.status, decoded.status, piped.status] == [0, 0, 0])
            if options.isEmpty { #expect(shown.output == report.text) }
            if options == ["-j"] { #expect(shown.output == report.json() + "\n") }
        }
        #expect(try await Command.run("page", "ep0", "--tree", tree.path).status == 1, "ep0 is no verb")
    }

    @Test(
        "a page that is broken is printed as far as it can be read, and complained of",
        arguments: [("broken-rings.bin", "5 queues, at most 4"), ("no-magic.bin", "0xc0ffee01")])
    func broken(name: String, says: String) async throws {
        let result = try await Command.run("page", "decode", "\(Repository.path)/abi/golden/\(name)", "-j")
        #expect(result.status == 1 && result.complaintLines.count == 1 && result.complaint.contains(says))
        #expect(try result.json()["schema"] == .number(1))
    }

    @Test("what is no dump is refused", arguments: [("/dev/null", 1), ("/nonexistent", 4), ("/", 1)])
    func noDump(file: String, status: Int) async throws {
        let result = try await Command.run("page", "decode", file)
        #expect(result.status == status && result.complaintLines.count == 1 && result.output.isEmpty)
    }

    @Test("a link that is down has no page, and an unknown one is not found")
    func noPage() async throws {
        let tree = try treeWithPage([])
        try tree.write("waiting", to: "links/ep0/state")
        let down = try await Command.run("page", "show", "ep0", "--tree", tree.path)
        #expect(down.status == 2 && down.complaint.contains("link ep0 is waiting"))
        let unknown = try await Command.run("page", "dump", "nowhere", "--tree", tree.path)
        #expect(unknown.status == 4 && unknown.complaint.contains("links are ep0"))
    }
}
