/// A range of a link's address space as somebody states it: nothing is known of it yet but that it does not wrap.
@frozen
public struct PeerRange: Hashable, Sendable, CustomStringConvertible {
    public let address: UInt64
    public let byteCount: UInt64

    /// - Throws: `.rangeWraps` when address and length add up to more than 64 bits hold (the peer's fault).
    @inlinable
    public init(untrustedAddress address: UInt64, byteCount: UInt64) throws(PeerViolation) {
        guard !address.addingReportingOverflow(byteCount).overflow else {
            throw .rangeWraps(address: address, byteCount: byteCount)
        }
        self.address = address
        self.byteCount = byteCount
    }

    @inlinable public var end: UInt64 { address &+ byteCount }
    public var description: String { "0x\(String(address, radix: 16))+\(byteCount)" }
}
