import Commands
import FoundationEssentials
import LinuxSystem
import Testing

@Suite("All programs")
struct ProgramTests {
    @Test("--version prints the program and the version, alike in all", arguments: BuiltProgram.names)
    func version(program: String) throws {
        let (ending, output) = try BuiltProgram.run(program, ["--version"])
        #expect(ending == .exited(0))
        #expect(output == "\(program) \(Version.text)\n")
    }

    @Test(
        "an option that is not known is named, in one line that says where to look, before anything that is missing",
        arguments: [
            ("vopctl", ["device", "add", "--bogus"], "vopctl help device add"),
            ("vopctl", ["driver", "bind", "ep0/x", "--bogus"], "vopctl help driver bind"),
            ("vophostd", ["--bogus"], "vophostd --help"), ("vopguestd", ["--bogus"], "vopguestd --help"),
            ("9p-server", ["--bogus"], "9p-server --help"),
            ("9p-server", ["--export", "/tmp", "--bogus"], "9p-server --help"),
            ("9p-mount", ["--bogus"], "9p-mount --help"),
            ("9p-mount", ["--bogus", "socket"], "9p-mount --help"),
        ])
    func unknownOption(program: String, arguments: [String], advice: String) throws {
        let (ending, output) = try BuiltProgram.run(program, arguments)
        #expect(ending == .exited(1))
        #expect(output.hasPrefix("\(program): ") && output.hasSuffix("; see \(advice)\n"), "\(output)")
        #expect(output.contains("Unknown option '--bogus'"), "\(output)")
        #expect(output.count { $0 == "\n" } == 1)
    }

    @Test(
        "what is missing is said where every option is known",
        arguments: [("9p-mount", [], "<server>"), ("9p-mount", ["s"], "<mountpoint>")])
    func missing(program: String, arguments: [String], name: String) throws {
        let (ending, output) = try BuiltProgram.run(program, arguments)
        #expect(ending == .exited(1) && output.contains("Missing expected argument '\(name)'"), "\(output)")
    }

    @Test(
        "a value that is not allowed is refused in one line that says what is",
        arguments: [
            ("9p-server", ["--listen", "udp:1"], "give unix:PATH"),
            ("9p-server", ["--listen", "unix:"], "give unix:PATH"),
            ("9p-server", ["--socket-mode", "9"], "0 to 0777"),
            ("9p-server", ["--workers", "x"], "1 to 1024"),
            ("9p-server", ["--msize", "4095"], "4096 to 1048576"),
            ("9p-server", ["--squash", "x"], "'none', 'root' or 'all'"),
            ("9p-mount", ["--msize", "1", "s", "m"], "4096 to 16777216"),
            ("9p-mount", ["--cache", "x", "s", "m"], "'none' and 'mmap'"),
            ("vophostd", ["--log-level", "x"], "trace, debug, info"),
        ])
    func wrongValue(program: String, arguments: [String], allowed: String) throws {
        let (ending, output) = try BuiltProgram.run(program, arguments)
        #expect(ending == .exited(1))
        #expect(output.contains("'\(arguments[1])' is invalid for '\(arguments[0]) <"), "\(output)")
        #expect(output.contains(allowed) && output.count { $0 == "\n" } == 1, "\(output)")
    }

    @Test("a line of a log says when, how grave, which program and what, and no module of ours")
    func log() throws {
        let server = try BuiltProgram(
            "9p-server", ["--export", "/tmp", "--copy-file", "/nonexistent/copy", "--journal", "none"])
        let said =
            " notice 9p-server: waiting for the copy file error=No such file or directory queue=/nonexistent/copy"
        try server.read { server.output.contains("\(said)\n") }
        // Where it cannot be confined it says so first.
        let line = try #require(server.output.split(separator: "\n").first { $0.hasSuffix(said) })
        #expect(try Date(String(line.dropLast(said.count)), strategy: .iso8601) <= .now)
    }

    @Test("only LinuxSystem makes system calls: no program imports the C library")
    func systemCalls() throws {
        let tools = String(#filePath.dropLast("/Tests/CommandsTests/ProgramTests.swift".count)) + "/tools"
        var count = 0
        for program in BuiltProgram.names {
            for file in try DirectoryPath.names(at: "\(tools)/\(program)") where file.hasSuffix(".swift") {
                let text = try ValueFile(reading: "\(tools)/\(program)/\(file)").contents()
                #expect(!String(decoding: text, as: UTF8.self).contains("import Glibc"), "\(program)/\(file)")
                count += 1
            }
        }
        #expect(count > BuiltProgram.names.count)
    }
}
