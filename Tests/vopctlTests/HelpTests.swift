import FoundationEssentials
import LinuxSystem
import Testing

/// With VOP_WRITE_GOLDEN=1 these tests write the files instead of comparing with them.
@Suite("Help")
struct HelpTests {
    static let commands = [
        "", "link", "link show", "link list", "link add", "link del", "link ping", "link test", "link perf",
        "link peek", "link poke", "link ring", "page", "page show",
        "page dump",
        "page decode",
        "device", "device show", "device list", "device add", "device set", "device del", "device reset",
        "queue",
        "queue show", "queue dump", "driver", "driver list", "driver bind", "driver unbind", "pci",
        "pci list", "monitor",
    ]

    private static func golden(_ command: String) -> String {
        let name = (["vopctl"] + command.split(separator: " ").map(String.init)).joined(separator: "-")
        return "\(Repository.path)/Tests/vopctlTests/Help/\(name).txt"
    }

    private static func help(_ command: String) async throws -> Command.Result {
        try await Command.run(["help"] + command.split(separator: " ").map(String.init))
    }

    @Test(
        "help is as the golden file has it, on standard output, with neither daemon nor tree",
        arguments: commands)
    func golden(command: String) async throws {
        let result = try await Self.help(command)
        #expect(result.status == 0 && result.complaint.isEmpty)
        let file = Self.golden(command)
        if ProcessInfo.processInfo.environment["VOP_WRITE_GOLDEN"] != nil {
            try Data(result.output.utf8).write(to: URL(filePath: file))
        } else {
            #expect(try result.output == String(decoding: ValueFile(reading: file).contents(), as: UTF8.self))
        }
        #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }

    @Test("help, --help and -h are the same everywhere")
    func spellings() async throws {
        let whole = try await Command.run("help").output
        #expect(try await Command.run("--help").output == whole)
        #expect(try await Command.run("-h").output == whole)
        #expect(try await Command.run().output == whole)
        let add = try await Command.run("help", "device", "add").output
        #expect(try await Command.run("device", "add", "--help").output == add)
        #expect(try await Command.run("help", "add-device").output == add)
        #expect(try await Command.run("add-device", "-h").output == add)
        let link = try await Command.run("help", "link").output
        #expect(try await Command.run("link", "--help").output == link)
        #expect(try await Command.run("link", "help").output == link)
    }

    @Test("the version is said by --version and -V")
    func version() async throws {
        let long = try await Command.run("--version")
        #expect(long.status == 0 && long.output.hasPrefix("vopctl "))
        #expect(try await Command.run("-V").output == long.output)
    }
}
