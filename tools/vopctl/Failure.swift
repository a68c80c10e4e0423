import LinuxSystem
import SystemPackage

/// How the command ends.
enum ExitStatus: Int32 {
    case done = 0
    /// Wrong usage, or something on this side.
    case local = 1
    /// The service or the other side refused.
    case refused = 2
    case timedOut = 3
    case notFound = 4
    /// Batch: some of it.
    case partlyDone = 5
}

/// Why a command did not do what it was asked: one line that says what was wrong, what is allowed, what to do next.
struct Failure: Error {
    let status: ExitStatus
    var message: String
    var errno: Errno?
    /// What it was about: a link, a device, a file.
    var object: String?

    init(_ status: ExitStatus, _ message: String, errno: Errno? = nil, object: String? = nil) {
        self.status = status
        self.message = message
        self.errno = errno
        self.object = object
    }

    /// A request that the tree refused.
    init(refused errno: Errno, _ message: String, object: String) {
        let status: ExitStatus =
            switch errno {
            case .timedOut: .timedOut
            case .noSuchFileOrDirectory: .notFound
            default: .refused
            }
        self.init(status, message, errno: errno, object: object)
    }

    /// As `-j` prints it.
    var json: JSONValue {
        .object([
            "error": .object([
                "code": .number(Int(status.rawValue)), "errno": errno.map { .string($0.name) } ?? .null,
                "message": .string(message), "object": object.map(JSONValue.string) ?? .null,
            ])
        ])
    }
}
