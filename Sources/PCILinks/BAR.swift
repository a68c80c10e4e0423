/// Which of a function's six base address registers.
public struct BARIndex: Hashable, Sendable, Comparable {
    public let rawValue: Int

    /// - Returns: `nil` unless it is 0…5.
    public init?(_ rawValue: Int) {
        guard (0..<6).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    public static func < (left: BARIndex, right: BARIndex) -> Bool { left.rawValue < right.rawValue }
}

extension BARIndex: CustomStringConvertible {
    public var description: String { "BAR \(rawValue)" }
}

/// A range of bus addresses that a function answers to.
public struct BAR: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case ports
        case memory(is64Bit: Bool, isPrefetchable: Bool)
    }

    public let index: BARIndex
    public let kind: Kind
    /// Zero where none is assigned.
    public let address: UInt64
    /// `nil` where it is not known: a dump has no sizes.
    public let byteCount: UInt64?
    /// The kernel could not place it, or has switched it off.
    public let isUnplaced: Bool

    public init(index: BARIndex, kind: Kind, address: UInt64, byteCount: UInt64?, isUnplaced: Bool) {
        self.index = index
        self.kind = kind
        self.address = address
        self.byteCount = byteCount
        self.isUnplaced = isUnplaced
    }

    public var isMemory: Bool { kind != .ports }
    /// It has an address, so that it answers as soon as the function decodes memory.
    public var isPlaced: Bool { address != 0 && !isUnplaced }
}
