import Glibc
import LinuxSystem
import SystemPackage
import TestSupport

/// A program run for a test, to its end, with what it printed.
struct Program {
    let ending: SpawnedProcess.Ending
    let output: String

    var isSuccess: Bool { ending == .exited(0) }

    /// Runs a line of shell; the words after it are `$1` and so on.
    static func shell(_ line: String, _ words: String...) throws -> Program {
        let output = try Client.open("/tmp", O_RDWR | 0o20_200_000)  // O_TMPFILE
        let process = try SpawnedProcess("/bin/sh", ["-c", line, "sh"] + words, output: output.rawValue)
        let ending = try process.waitForEnding()
        var text: [UInt8] = []
        lseek(output.rawValue, 0, SEEK_SET)
        while true {
            let part = try Client.read(output)
            guard !part.isEmpty else { break }
            text += part
        }
        return Program(ending: ending, output: String(decoding: text, as: UTF8.self))
    }
}
