public import SystemPackage

/// Why something was not done: an errno for the program that asked, a sentence for the person behind it.
///
/// The sentence says what was wrong, what is allowed, and what to do next. Where it was is added by the tree.
public struct Refusal: Error, Hashable, Sendable {
    public let errno: Errno
    public let message: String

    public init(_ errno: Errno, _ message: String) {
        self.errno = errno
        self.message = message
    }
}

/// Who asks something of a tree.
public struct Requester: Hashable, Sendable {
    public let user: UInt32
    public let group: UInt32
    /// The thread that asks (of a program with one thread: the process).
    public let process: CInt

    public init(user: UInt32, group: UInt32, process: CInt) {
        self.user = user
        self.group = group
        self.process = process
    }
}

/// One refused request, for the event stream and the log.
public struct RefusedRequest: Hashable, Sendable {
    public enum Operation: String, Hashable, Sendable {
        case write
        case make
        case remove
    }

    public let operation: Operation
    /// Where, from the top of all trees: the tree's own location and the node's path in it.
    public let path: String
    public let requester: Requester
    public let errno: Errno
    /// The whole sentence, beginning with the path.
    public let message: String
}
