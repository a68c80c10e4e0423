import LinuxSystem
import SystemPackage

/// What is kept beside a device's socket of its data mount, so that a daemon that was killed and started again finds the
/// setting, and the process that serves it and waits for the socket to come back.
///
/// ```
/// 4711 123456
/// /mnt/share
/// ```
/// The process's number and start time, and where it is mounted. `9p-mount` itself takes the record away when somebody
/// unmounts it by hand: then nobody wants it any more, whoever started the process, and whether this daemon ran then.
struct MountRecord: Equatable {
    let process: CInt
    let startTime: UInt64
    let path: String

    /// - Returns: `nil` when the process has ended; its end is told otherwise.
    init?(_ process: CInt, at path: String) {
        guard let start = (try? WatchedProcess(process))?.startTime else { return nil }
        (self.process, self.startTime, self.path) = (process, start, path)
    }

    /// As it was kept; `nil` when nothing was.
    ///
    /// - Throws: why it cannot be read; `EINVAL` for what is no such record.
    static func kept(beside socket: String) throws(Errno) -> MountRecord? {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try WholeFile.contents(of: file(socket)) } catch {
            guard error == .noSuchFileOrDirectory else { throw error }
            return nil
        }
        guard let record = MountRecord(bytes) else { throw .invalidArgument }
        return record
    }

    private init?(_ bytes: [UInt8]) {
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

    /// - Throws: why it is still there: a daemon after this one would mount it again.
    static func forget(beside socket: String) throws(Errno) { try WholeFile.remove(file(socket)) }

    /// The process, if it still runs and is the one that was meant.
    ///
    /// - Throws: why it cannot be watched.
    func running() throws(Errno) -> WatchedProcess? {
        let found: WatchedProcess
        do throws(Errno) { found = try WatchedProcess(process) } catch {
            guard error == .noSuchProcess else { throw error }
            return nil
        }
        return found.startTime == startTime ? found : nil
    }

    static func file(_ socket: String) -> String { socket + ".mount" }
}
