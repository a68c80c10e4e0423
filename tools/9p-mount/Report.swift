import LinuxSystem
import SystemPackage

/// Where a mount says that it is ready, or why it is not: to its caller, or to the process that waits for a detached one.
struct Report {
    /// The pipe to that process; `nil` in the foreground.
    let descriptor: CInt?
    /// Whether a line on standard error begins with `errno NUMBER`: for a daemon that has to answer with it.
    var saysErrno = false

    /// - Returns: whether somebody may read it; for most lines it does not matter, since nobody is left to tell.
    @discardableResult
    static func write(_ text: String, to descriptor: CInt) -> Bool {
        let line = FileDescriptor(rawValue: descriptor)
        do { return try line.writeAll(Array((text + "\n").utf8)) > 0 } catch { return false }
    }

    /// - Returns: false when the process that waited has given up: it said that there is no mount.
    func ready(_ settings: MountSettings) -> Bool {
        guard let descriptor else {
            Report.write(settings.readyLine, to: 1)
            return true
        }
        let isTold = Report.write("0", to: descriptor)
        _ = OwnedDescriptor(owning: descriptor)
        DetachedProcess.silenceErrors()
        return isTold
    }

    func failed(_ failure: MountFailure) {
        guard let descriptor else {
            let errno = saysErrno ? "errno \(failure.errno.rawValue) " : ""
            Report.write("\(errno)9p-mount: \(failure.text)", to: 2)
            return
        }
        Report.write("\(failure.code.rawValue)\(failure.text)", to: descriptor)
    }

    /// How long a detached process may say nothing.
    static let patience = Duration.seconds(60)

    /// What a detached mount reports, to its end.
    static func text(
        from report: borrowing ByteStream, within limit: Duration = patience
    ) throws(MountFailure) -> String {
        var (text, bytes) = ("", [UInt8](repeating: 0, count: 4096))
        do throws(Errno) {
            while case let count = try report.read(into: &bytes, from: 0, within: limit), count > 0 {
                text += String(decoding: bytes.prefix(count), as: UTF8.self)
            }
        } catch .timedOut {
            throw MountFailure(
                .timedOut,
                "the detached process was not mounted within \(limit), and goes as soon as it notices; --foreground shows "
                    + "what it waits for", errno: .timedOut)
        } catch { throw MountFailure(.local, "the detached process cannot be heard: \(error)", errno: error) }
        return text
    }

    /// What a detached mount reports: nothing when it is mounted.
    static func failure(in text: String) -> MountFailure? {
        guard let first = text.first, let number = Int32(String(first)) else {
            return MountFailure(.local, "the detached process ended before it had mounted")
        }
        guard let code = MountFailure.Code(rawValue: number) else { return nil }
        return MountFailure(code, String(text.dropFirst().prefix { $0 != "\n" }))
    }
}
