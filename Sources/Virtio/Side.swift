/// Where somebody is on a link. Hosts own the device page; which *role* (device or driver) they play on a queue is
/// another matter.
@frozen
public enum Side: String, Sendable, Hashable, CaseIterable, Codable {
    case host
    case guest

    @inlinable public var peer: Side { self == .host ? .guest : .host }
}

/// Which way a doorbell is rung (MIC's h2c and c2h).
@frozen
public enum DoorbellDirection: String, Sendable, Hashable, CaseIterable {
    case hostToGuest = "host_to_guest"
    case guestToHost = "guest_to_host"

    /// The direction in which `side` rings.
    @inlinable
    public init(rungBy side: Side) { self = side == .host ? .hostToGuest : .guestToHost }
}
