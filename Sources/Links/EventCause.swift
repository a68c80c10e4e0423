/// What happened to what, and why, without what a peer can vary at will: two events of one cause are the same news.
public struct EventCause: Hashable, Sendable, CustomStringConvertible {
    private let event: String
    private let object: String
    private let words: String

    /// - Parameters:
    ///   - object: a device's name or the like; `nil` where the link is meant.
    ///   - detail: why, for people. Digits in it, and all from its first bracket on, make no cause of their own.
    public init(_ event: String, _ object: String?, _ detail: String) {
        self.event = event
        self.object = object ?? ""
        words = String(detail.prefix { $0 != "(" }.filter { !$0.isNumber })
    }

    public var description: String { "\(event) \(object) \(words)" }
}
