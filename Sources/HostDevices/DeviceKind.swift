public import Virtio

/// What every device of one virtio ID has: its queues, its feature bits, its config space and the attributes that
/// fill it (VIRTIO 1.3, 5).
public struct DeviceKind: Sendable {
    public let type: DeviceType
    /// The queues' names, in the order of their indices.
    public let queueNames: [String]
    /// Entries a queue has until somebody sets them.
    public let queueSize: UInt16
    /// Offered by every device of this kind, beside what its attributes offer.
    public let features: FeatureSet
    /// The config space before any attribute is laid into it.
    let template: [UInt8]
    public let attributes: [DeviceAttribute]
    /// Attributes that only make sense together.
    let together: [[String]]

    init(
        _ type: DeviceType, queues: [String], queueSize: UInt16 = 128, features: FeatureSet = [],
        template: [UInt8] = [], attributes: [DeviceAttribute] = [], together: [[String]] = []
    ) {
        self.type = type
        queueNames = queues
        self.queueSize = queueSize
        self.features = features.union([.version1, .eventIndex])
        self.template = template
        self.attributes = attributes
        self.together = together
    }

    /// The kinds with a name, in the order of their IDs.
    public static let all: [DeviceKind] = [
        .net, .block, .console, .entropy, .rpmsg, .scsi, .ninep, .vsock, .fileSystem,
    ]

    /// `nil` for a type that is only a number to us.
    public static func of(_ type: DeviceType) -> DeviceKind? { all.first { $0.type == type } }

    public func attribute(named name: String) -> DeviceAttribute? { attributes.first { $0.name == name } }

    /// The config space in which the attributes have `values`, all of them checked before.
    func encode(_ values: [String: String]) throws(ConfigurationError) -> [UInt8] {
        var config = template
        for attribute in attributes {
            guard let value = values[attribute.name] else { continue }
            let field = try attribute.form.encode(value)
            let end = attribute.offset + field.count
            config += [UInt8](repeating: 0, count: max(0, end - config.count))
            config.replaceSubrange(attribute.offset..<end, with: field)
        }
        return config
    }
}

extension FeatureSet {
    /// The set with one bit.
    static func bit(_ number: Int) -> FeatureSet { FeatureSet(rawValue: 1 << UInt64(number)) }
}
