internal import FoundationEssentials
internal import LinuxSystem
internal import SystemPackage

/// Something that happened, as one line of JSON in an `events` file.
///
/// ```
///   {"details":{"reason":"peer hung up"},"event":"link-lost","object":"links/ep0","sequence":7,"time_ns":1700000000000000000}
/// ```
/// Keys are sorted; new ones may be added; `message` is for people, everything else for programs.
public struct Event: Encodable, Sendable, Hashable {
    /// What happened, as one word or several joined by hyphens.
    public var event: String
    /// To what: a path from the top of all trees.
    public var object: String
    /// The whole story, as a sentence.
    public var message: String?
    /// The errno's name, where something was refused.
    public var errno: String?
    /// Who asked, where somebody did (the number of the thread).
    public var process: CInt?
    public var details: [String: String]?
    /// Set by the log: counts from 1, without gaps.
    public fileprivate(set) var sequence: UInt64 = 0
    /// Set by the log: nanoseconds since 1970.
    public fileprivate(set) var time: Int64 = 0

    enum CodingKeys: String, CodingKey {
        case event
        case object
        case message
        case errno
        case process
        case details
        case sequence
        case time = "time_ns"
    }

    public init(
        _ event: String, object: String, message: String? = nil, errno: String? = nil, process: CInt? = nil,
        details: [String: String]? = nil
    ) {
        self.event = event
        self.object = object
        self.message = message
        self.errno = errno
        self.process = process
        self.details = details
    }

    /// A refused request, as `vopctl` looks for it: by its own process and the operation.
    public init(_ refused: RefusedRequest) {
        self.init(
            "refused", object: refused.path, message: refused.message, errno: refused.errno.name,
            process: refused.requester.process, details: ["operation": refused.operation.rawValue])
    }

    /// The line, ended by a newline.
    func line(sequence: UInt64) -> [UInt8] {
        var event = self
        event.sequence = sequence
        event.time = WallTime.now.sinceEpoch
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings, integers and a dictionary of strings: nothing an encoder can refuse.
        guard let data = try? encoder.encode(event) else { return [] }
        return Array(data) + [UInt8(ascii: "\n")]
    }
}
