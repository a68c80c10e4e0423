import LinuxSystem
import TestSupport
import Testing

@Suite struct OutputPipeTests {
    private func output(of line: String) throws -> [UInt8] {
        let pipe = try OutputPipe()
        let process = try SpawnedProcess("/bin/sh", ["-c", line], output: pipe.writingEnd)
        pipe.closeWritingEnd()
        _ = try process.waitForEnding()
        return pipe.available()
    }

    @Test(
        "all that a process has said before it ended is there at once", arguments: [0, 1, 4096, 4097, 60_000])
    func whole(byteCount: Int) throws {
        let bytes = try output(of: "head -c \(byteCount) /dev/zero; echo last")
        #expect(bytes == [UInt8](repeating: 0, count: byteCount) + Array("last\n".utf8))
    }

    @Test("a process that never stops writing holds nobody up")
    func endless() throws {
        let pipe = try OutputPipe()
        let process = try SpawnedProcess("/bin/cat", ["/dev/zero"], output: pipe.writingEnd)
        defer { process.killAndWait() }
        pipe.closeWritingEnd()
        var count = 0
        try eventually("four megabytes") {
            count += pipe.available().count
            return count > 4 << 20
        }
    }

    @Test("nothing yet is empty, and does not wait")
    func nothing() throws { #expect(try OutputPipe().available().isEmpty) }
}
