/// Names one request until its reply: chosen by the client, never reused before the reply (9P `tag[2]`).
public struct Tag: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// `NOTAG`: the tag of `version`, and of nothing else.
    public static let none = Tag(rawValue: 0xFFFF)

    public var description: String { self == .none ? "no tag" : "tag \(rawValue)" }
}

/// A client's handle on one file of the server: chosen by the client in attach, walk, auth or xattrwalk, gone
/// with clunk or remove (9P `fid[4]`).
public struct Fid: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `NOFID`: no authentication fid, in attach.
    public static let none = Fid(rawValue: 0xFFFF_FFFF)

    public var description: String { self == .none ? "no fid" : "fid \(rawValue)" }
}

/// The server's identity of one file (9P `qid[13]`: type[1] version[4] path[8]).
public struct Qid: Hashable, Sendable {
    /// What kind of file it is (`P9_QT…`).
    public struct Kind: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// P9_QTFILE: nothing special
        public static let file: Kind = []
        /// P9_QTDIR
        public static let directory = Kind(rawValue: 0x80)
        /// P9_QTAPPEND
        public static let appendOnly = Kind(rawValue: 0x40)
        /// P9_QTEXCL
        public static let exclusive = Kind(rawValue: 0x20)
        /// P9_QTAUTH
        public static let authentication = Kind(rawValue: 0x08)
        /// P9_QTSYMLINK
        public static let symbolicLink = Kind(rawValue: 0x02)
    }

    public static let encodedByteCount = 13

    public var kind: Kind
    /// Changes when the content does; zero means "do not cache".
    public var version: UInt32
    /// Unique in one server while any fid names the file.
    public var path: UInt64

    public init(kind: Kind, version: UInt32, path: UInt64) {
        (self.kind, self.version, self.path) = (kind, version, path)
    }
}
