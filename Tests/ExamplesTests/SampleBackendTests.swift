import Foundation
import LinuxSystem
import TestSupport
import Testing
import Virtio

/// The whole programs of Documentation/examples, each against a real daemon and a driver on the other side of the link.
@Suite(.serialized) struct SampleBackendTests {
    private static let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Documentation/examples").standardized.path
    private static let headers = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../abi/include").standardized.path

    @Test("the C sample fills every chain of an entropy device with bytes that differ")
    func entropy() async throws {
        let stack = try await Stack(.entropy)
        defer { stack.end() }
        let program = "\(stack.directory)/entropy"
        let compiler = try Stack.run(
            "/usr/bin/gcc",
            ["-Wall", "-Wextra", "-Werror", "-I", Self.headers, "-o", program, "\(Self.examples)/entropy.c"])
        #expect(try compiler.waitForEnding() == .exited(0))
        try stack.start(program, ["\(stack.device)/queues/0/copy"])
        let numbers = (0..<40).map { stack.board.ask([], room: 64 + $0) }
        var seen: Set<[UInt8]> = []
        for (index, number) in numbers.enumerated() {
            let bytes = try await stack.board.answer(to: number)
            #expect(bytes.count == 64 + index)
            seen.insert(Array(bytes.prefix(64)))
        }
        #expect(seen.count == numbers.count)
    }

    @Test("the Python sample answers each request, also one that arrives in parts, with its digest")
    func digest() async throws {
        let stack = try await Stack(try #require(DeviceType(rawValue: 42)), [("queues/0/", "")])
        defer { stack.end() }
        try stack.start(
            "/usr/bin/env", ["python3", "\(Self.examples)/digest.py", "\(stack.device)/queues/0/copy"])
        for request in [
            Array("abc".utf8), [UInt8](repeating: 0x61, count: 1_000_000),
            [UInt8](repeating: 0, count: 3_000_000),
        ] {
            let answer = try await stack.board.answer(to: stack.board.ask(request, room: 64))
            #expect(answer == (try Self.sha256(request, in: stack.directory)))
        }
    }

    @Test("the shell sample answers each line with a greeting")
    func greet() async throws {
        let stack = try await Stack(try #require(DeviceType(rawValue: 42)), [("queues/0/", "")])
        defer { stack.end() }
        try stack.start("/bin/sh", ["\(Self.examples)/greet.sh", "\(stack.device)/queues/0/stream"])
        for name in ["world", "again"] {
            let answer = try await stack.board.answer(to: stack.board.ask(Array("\(name)\n".utf8), room: 100))
            #expect(String(decoding: answer, as: UTF8.self) == "hello, \(name)\n")
        }
    }

    /// By a program that is neither ours nor Python's.
    private static func sha256(_ bytes: [UInt8], in directory: String) throws -> [UInt8] {
        let path = "\(directory)/request"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let (process, pipe) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
        process.arguments = [path]
        process.standardOutput = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return stride(from: 0, to: 64, by: 2).compactMap { position in
            UInt8(text.dropFirst(position).prefix(2), radix: 16)
        }
    }
}
