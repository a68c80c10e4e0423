import FoundationEssentials
import LinuxSystem
import TestSupport

/// The built `vopctl`, run as anybody runs it.
enum Command {
    struct Result {
        let status: CInt
        let output: String
        let rawOutput: [UInt8]
        let complaint: String

        /// Lines of standard error.
        var complaintLines: [Substring] { complaint.split(separator: "\n") }

        /// Standard output as the one JSON document it must be.
        func json() throws -> JSON { try JSONDecoder().decode(JSON.self, from: Data(output.utf8)) }
    }

    /// Beside the test's own executable.
    private static let program: String = {
        let own = CommandLine.arguments[0]
        return own.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" } + "/vopctl"
    }()

    /// No tree is found but the one a test names; no width but a file's.
    static func run(_ arguments: String..., input: String = "/dev/null") async throws -> Result {
        try await run(arguments, input: input)
    }

    /// - Parameter printingTo: where standard output goes; what went elsewhere is not in the result.
    static func run(
        _ arguments: [String], input: String = "/dev/null", printingTo device: String? = nil
    ) async throws -> Result {
        let scratch = try TemporaryDirectory()
        let out = scratch.file("out")
        let err = scratch.file("err")
        let process = try SpawnedProcess(
            "/bin/sh",
            [
                "-c",
                "out=$1 err=$2 in=$3; shift 3; XDG_RUNTIME_DIR=/nonexistent exec \"$@\" >\"$out\" 2>\"$err\" <\"$in\"",
                "sh", device ?? out, err, input, "/usr/bin/env", "-u", "COLUMNS", program,
            ] + arguments, output: 2)
        defer { process.killAndWait() }
        try await eventually("the end of \(arguments)") { process.ending() != nil }
        guard case .exited(let status) = process.ending() else {
            throw Killed(command: arguments.joined(separator: " "))
        }
        let output = device == nil ? try ValueFile(reading: out).contents() : []
        return Result(
            status: status, output: String(decoding: output, as: UTF8.self), rawOutput: output,
            complaint: String(decoding: try ValueFile(reading: err).contents(), as: UTF8.self))
    }

    struct Killed: Error {
        let command: String
    }
}

/// Any JSON document.
enum JSON: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    subscript(key: String) -> JSON? {
        guard case .object(let values) = self else { return nil }
        return values[key]
    }

    subscript(index: Int) -> JSON? {
        guard case .array(let values) = self, values.indices.contains(index) else { return nil }
        return values[index]
    }
}

/// The repository this test was built from.
enum Repository {
    static let path = String(#filePath.dropLast("/Tests/vopctlTests/Command.swift".count))
}
