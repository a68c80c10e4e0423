public import SharedMemory

/// A doorbell's number on its link, as a signed byte of the page holds it: 0…127; −1 there means none, and here is
/// an absent value.
@frozen
public struct DoorbellNumber: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8

    public init?(rawValue: Int) {
        guard (0...127).contains(rawValue) else { return nil }
        self.rawValue = UInt8(rawValue)
    }

    /// From the signed byte a peer wrote: `nil` for −1.
    ///
    /// - Throws: `.doorbell` for a number the link does not have (the peer's fault).
    public init?(untrusted byte: Int8, count: Int) throws(PeerViolation) {
        guard byte != -1 else { return nil }
        guard byte >= 0, Int(byte) < count else { throw .doorbell(Int(byte)) }
        rawValue = UInt8(byte)
    }

    /// As the page holds it.
    public var byte: Int8 { Int8(rawValue) }
    public var description: String { String(rawValue) }
}

/// Which doorbells rang: one bit a number, 128 of them.
@frozen
public struct DoorbellSet: Hashable, Sendable {
    @usableFromInline var low: UInt64 = 0
    @usableFromInline var high: UInt64 = 0

    @inlinable public init() {}
    @inlinable public var isEmpty: Bool { low | high == 0 }

    /// Doorbells 0 to `count` − 1, of at most 128.
    static func first(_ count: Int) -> DoorbellSet {
        var set = DoorbellSet()
        for index in 0..<count { if let number = DoorbellNumber(rawValue: index) { set.insert(number) } }
        return set
    }

    /// Doorbells 0 to 31, a bit each.
    init(bits: UInt32) { low = UInt64(bits) }

    @inlinable
    public mutating func insert(_ number: DoorbellNumber) {
        if number.rawValue < 64 { low |= 1 << number.rawValue } else { high |= 1 << (number.rawValue &- 64) }
    }

    public mutating func formUnion(_ other: DoorbellSet) {
        low |= other.low
        high |= other.high
    }

    /// Doorbells 0 to 31, a bit each.
    public var firstWord: UInt32 { UInt32(truncatingIfNeeded: low) }

    @inlinable
    public func contains(_ number: DoorbellNumber) -> Bool {
        number.rawValue < 64 ? low >> number.rawValue & 1 == 1 : high >> (number.rawValue &- 64) & 1 == 1
    }
}
