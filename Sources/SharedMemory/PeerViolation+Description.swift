/// For people: one line with the numbers, the peer's own first, then what is allowed.
extension PeerViolation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .rangeWraps(let address, let byteCount):
            "\(byteCount) bytes at \(Self.hexadecimal(address)) reach past the end of 64 bits"
        case .rangeOutsideWindows(let address, let byteCount):
            "\(byteCount) bytes at \(Self.hexadecimal(address)) do not lie in one window it may use"
        case .misaligned(let address, let alignment):
            "address \(Self.hexadecimal(address)) is not a multiple of \(alignment)"
        case .queueSize(let size, let maximum):
            "queue size \(size) is no power of two from 1 to \(maximum)"
        case .descriptorIndex(let index, let queueSize):
            "descriptor \(index) is outside its queue of \(queueSize)"
        case .chainTooLong(let head): "the chain at descriptor \(head) is longer than its queue: it loops"
        case .descriptorInUse(let index): "descriptor \(index) belongs to a chain in flight already"
        case .readableAfterWritable(let head):
            "the chain at descriptor \(head) has a readable descriptor after a writable one"
        case .indexJumped(let old, let new, let queueSize):
            "a ring's index went from \(old) to \(new), further than its queue of \(queueSize) is long"
        case .indirect(let head):
            "the chain at descriptor \(head) has an indirect table where none is allowed, or a malformed one"
        case .chainTooLarge(let head): "the chain at descriptor \(head) has 4 GiB or more one way"
        case .usedElementID(let id): "used element \(id) names no chain in flight"
        case .usedLength(let length, let capacity):
            "a used element claims \(length) bytes of a chain with room for \(capacity)"
        case .magic(let magic, let expected):
            "magic \(Self.hexadecimal(UInt64(magic))) stands where \(Self.hexadecimal(UInt64(expected))) belongs"
        case .slot(let offset, let reason): "the slot at offset \(offset) is malformed: \(reason)"
        case .status(let written, let current):
            "status \(Self.hexadecimal(UInt64(written))) cannot follow \(Self.hexadecimal(UInt64(current)))"
        case .featuresNotOffered(let bits):
            "accepted feature bits \(Self.hexadecimal(bits)) were never offered"
        case .doorbell(let number): "there is no doorbell \(number)"
        case .meeting(let reason), .frame(let reason): reason
        }
    }

    private static func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
