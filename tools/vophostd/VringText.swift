import VOPHost
import Virtio

extension VringSnapshot {
    /// One value a line; then the descriptors that are not all zero, one a line: index, address, length, flags, next.
    var text: String {
        var lines = [
            "size \(size)", "ring_address \(Self.hexadecimal(ringAddress))",
            "used_address \(used.map { Self.hexadecimal($0.address) } ?? "")",
            "available_flags \(availableFlags)", "available_index \(availableIndex)",
            "used_event \(usedEvent)",
        ]
        if let used {
            lines += [
                "used_flags \(used.flags)", "used_index \(used.index)",
                "available_event \(used.availableEvent)",
            ]
        }
        for (index, descriptor) in descriptors.enumerated() where descriptor != .empty {
            let address = Self.hexadecimal(descriptor.address)
            lines.append(
                "descriptor \(index) \(address) \(descriptor.byteCount) \(descriptor.flags) \(descriptor.next)"
            )
        }
        return lines.joined(separator: "\n")
    }

    private static func hexadecimal(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }
}
