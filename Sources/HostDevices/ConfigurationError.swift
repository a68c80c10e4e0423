public import SystemPackage

/// A value that a device cannot have: the fault of whoever wrote it. Nothing was changed.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// `EINVAL` for a wrong form, `ERANGE` for a bound, `ENOENT` for something that is not there, `EEXIST` and
    /// `EBUSY` for what is there already or cannot change now.
    public let errno: Errno
    /// What was wrong, what is allowed, what to do next: one line. Where it was is added by whoever knows the place.
    public let sentence: String

    public init(_ errno: Errno, _ sentence: String) {
        self.errno = errno
        self.sentence = sentence
    }

    public var description: String { sentence }

    static func form(_ sentence: String) -> ConfigurationError { .init(.invalidArgument, sentence) }
    static func range(_ sentence: String) -> ConfigurationError { .init(.outOfRange, sentence) }
}
