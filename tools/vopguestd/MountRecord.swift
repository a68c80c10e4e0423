import LinuxSystem
import SystemPackage

/// What is kept beside a device's socket of its data mount, so that a daemon that was killed and started again finds the
/// setting, and the process that serves it and waits for the socket to come back.
///
/// ```
/// 4711 123456
/// /mnt/share
/// ```
/// The process's number and start time, and where it is mounted.
struct MountRecord: Equatable {
    let process: CInt
    let startTime: UInt64
    let path: String

    /// - Returns: `nil` when the process has ended.
    init?(_ process: CInt, at path: String) {
        guard let start = (try? WatchedProcess(process))?.startTime else { return nil }
        (self.process, self.startTime, self.path) = (process, start, path)
    }

    /// As it was kept; `nil` when nothing was, or not that.
    init?(beside socket: String) {
        guard let bytes = try? WholeFile.contents(of: Self.file(socket)) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard lines.count == 2 else { return nil }
        let numbers = lines[0].split(separator: " ")
        guard numbers.count == 2, let process = CInt(numbers[0]), process > 0,
            let start = UInt64(numbers[1]), lines[1].hasPrefix("/"), lines[1].hasSuffix("\n")
        else { return nil }
        (self.process, startTime, path) = (process, start, String(lines[1].dropLast()))
    }

    func keep(beside socket: String) throws(Errno) {
        let text = "\(process) \(startTime)\n\(path)\n"
        try WholeFile.replace(Self.file(socket), with: [UInt8](text.utf8), isDurable: false)
    }

    static func forget(beside socket: String) { try? WholeFile.remove(file(socket)) }

    /// The process, if it still runs and is the one that was meant.
    func running() -> WatchedProcess? {
        guard let found = try? WatchedProcess(process), found.startTime == startTime else { return nil }
        return found
    }

    private static func file(_ socket: String) -> String { socket + ".mount" }
}
