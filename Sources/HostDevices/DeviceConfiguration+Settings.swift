import Virtio

/// Everything that was set, by the names of the files it is written to: in this order it can be set again.
extension DeviceConfiguration {
    public var settings: [(name: String, value: String)] {
        guard let type else { return [] }
        var settings = [("type", type.description)]
        if kind == nil {
            settings += queueSizes.keys.sorted().map { ("queues/\($0)", "") }
            settings.append(
                ("config.bin", configSpace.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()))
        }
        settings += attributes.compactMap { attribute in
            value(of: attribute.name).map { (attribute.name, $0) }
        }
        if let offeredInstead { settings.append(("offered", offeredInstead.description)) }
        settings += queueSizes.keys.sorted().compactMap { index in
            queueSizes[index].map { ("queues/\(index)/size", $0.description) }
        }
        return settings
    }

    /// - Throws: as the settings do, one by one.
    public init(settings: [(name: String, value: String)]) throws(ConfigurationError) {
        self.init()
        for (name, value) in settings { try apply(name, value) }
    }

    private mutating func apply(_ name: String, _ value: String) throws(ConfigurationError) {
        let parts = name.split(separator: "/")
        switch (parts.first, parts.dropFirst().first.flatMap { Int($0) }) {
        case ("type", nil): try setType(value)
        case ("offered", nil): try setOffered(value)
        case ("config.bin", nil): try setConfigSpace(Self.bytes(value))
        case ("queues", let index?) where parts.count == 2: try addQueue(index)
        case ("queues", let index?) where parts.last == "size": try setQueueSize(index, to: value)
        default: try set(name, to: value)
        }
    }

    private static func bytes(_ text: String) throws(ConfigurationError) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while !rest.isEmpty {
            guard rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) else {
                throw .form("config.bin \(text.quoted) is not allowed: write two hexadecimal digits a byte")
            }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
