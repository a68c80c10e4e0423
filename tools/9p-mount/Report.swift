import LinuxSystem
import SystemPackage

/// Where a mount says that it is ready, or why it is not: to its caller, or to the process that waits for a detached one.
struct Report {
    /// The pipe to that process; `nil` in the foreground.
    let descriptor: CInt?
    /// Whether a line on standard error begins with `errno NUMBER`: for a daemon that has to answer with it.
    var saysErrno = false

    static func write(_ text: String, to descriptor: CInt) {
        let line = FileDescriptor(rawValue: descriptor)
        _ = try? line.writeAll(Array((text + "\n").utf8))
    }

    func ready(_ settings: MountSettings) {
        guard let descriptor else { return Report.write(settings.readyLine, to: 1) }
        Report.write("0", to: descriptor)
        _ = OwnedDescriptor(owning: descriptor)
        DetachedProcess.silenceErrors()
    }

    func failed(_ failure: MountFailure) {
        guard let descriptor else {
            let errno = saysErrno ? "errno \(failure.errno.rawValue) " : ""
            return Report.write("\(errno)9p-mount: \(failure.text)", to: 2)
        }
        Report.write("\(failure.code.rawValue)\(failure.text)", to: descriptor)
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
