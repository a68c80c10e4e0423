/// Where a function sits: domain, bus, device, function.
public struct PCIAddress: Hashable, Sendable {
    public let domain: UInt32
    public let bus: UInt8
    /// 0…31
    public let device: UInt8
    /// 0…7
    public let function: UInt8

    /// - Returns: `nil` for a device above 31 or a function above 7.
    public init?(domain: UInt32, bus: UInt8, device: UInt8, function: UInt8) {
        guard device < 32, function < 8 else { return nil }
        self.domain = domain
        self.bus = bus
        self.device = device
        self.function = function
    }

    /// As people write it, in hexadecimal: `0000:00:02.0`, without the domain (`00:02.0`), without the bus (`02.0`), and
    /// without the function (`00:02`), each of which is then zero.
    public init?(_ text: String) {
        let places = text.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...3).contains(places.count), let last = places.last else { return nil }
        let leaf = last.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(leaf.count), let device: UInt8 = Self.number(leaf[0]),
            let function: UInt8 = leaf.count == 2 ? Self.number(leaf[1]) : 0,
            let bus: UInt8 = places.count >= 2 ? Self.number(places[places.count - 2]) : 0,
            let domain: UInt32 = places.count == 3 ? Self.number(places[0]) : 0
        else { return nil }
        self.init(domain: domain, bus: bus, device: device, function: function)
    }

    private static func number<Number: FixedWidthInteger>(_ digits: Substring) -> Number? {
        // `init(_:radix:)` takes signs as well.
        digits.allSatisfy(\.isHexDigit) ? Number(digits, radix: 16) : nil
    }
}

extension PCIAddress: CustomStringConvertible {
    public var description: String {
        "\(domain.hex(4)):\(bus.hex(2)):\(device.hex(2)).\(function)"
    }
}

extension PCIAddress: Comparable {
    public static func < (left: PCIAddress, right: PCIAddress) -> Bool {
        (left.domain, left.bus, left.device, left.function)
            < (right.domain, right.bus, right.device, right.function)
    }
}

extension FixedWidthInteger {
    /// Hexadecimal, with zeros in front to at least `digits` digits.
    func hex(_ digits: Int) -> String {
        let text = String(self, radix: 16)
        return String(repeating: "0", count: Swift.max(0, digits - text.count)) + text
    }
}
