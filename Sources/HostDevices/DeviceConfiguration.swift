import SystemPackage
public import Virtio

/// A device being set up: a type, then attributes one by one. A value is applied whole or refused, and a refusal
/// changes nothing.
///
/// A known type brings its queues and attributes; for one that is only a number, queues, feature bits and config
/// bytes are given as they are.
public struct DeviceConfiguration: Sendable {
    public private(set) var type: DeviceType?
    /// What is known of the type; `nil` for a number, and before there is a type.
    public private(set) var kind: DeviceKind?
    var values: [String: String] = [:]
    /// Entries of each queue, by index.
    public internal(set) var queueSizes: [Int: QueueSize] = [:]
    var offeredInstead: FeatureSet?
    var rawConfig: [UInt8] = []

    public init() {}

    /// Sets the type from a name or a number. What was set for another type is forgotten.
    ///
    /// - Throws: `EINVAL` for an unknown name, `ERANGE` for a number the page cannot hold.
    public mutating func setType(_ text: String) throws(ConfigurationError) {
        let type = try Self.type(from: text)
        guard type != self.type else { return }
        self = DeviceConfiguration()
        self.type = type
        kind = DeviceKind.of(type)
        guard let kind else { return }
        for attribute in kind.attributes { values[attribute.name] = attribute.initial }
        let size = try Self.queueSize(String(kind.queueSize))
        for index in kind.queueNames.indices { queueSizes[index] = size }
    }

    /// The attributes there are, in order.
    public var attributes: [DeviceAttribute] { kind?.attributes ?? [] }

    /// An attribute's value, `nil` when it is not set.
    public func value(of name: String) -> String? { values[name] }

    /// Sets an attribute; the empty text unsets it.
    ///
    /// - Throws: `ENOENT` when the type has no such attribute, else what its form refuses.
    public mutating func set(_ name: String, to text: String) throws(ConfigurationError) {
        guard let attribute = kind?.attribute(named: name) else { throw noAttribute(name) }
        guard !text.isEmpty else {
            values[name] = attribute.initial
            return
        }
        let field = try attribute.form.encode(text)
        // As config space holds it, so that 0x10 and 16 read back alike.
        values[name] = attribute.form.canonical(field) ?? text
    }

    private func noAttribute(_ name: String) -> ConfigurationError {
        let names = attributes.map(\.name).joined(separator: ", ")
        let those = names.isEmpty ? "none" : names
        let owner = type.map { "a device of type \($0)" } ?? "a device without a type"
        return ConfigurationError(
            .noSuchFileOrDirectory, "\(owner) has no attribute \(name.quoted); it has: \(those)")
    }

    private static func type(from text: String) throws(ConfigurationError) -> DeviceType {
        if let type = DeviceType(text) { return type }
        let names = DeviceType.names.map(\.name).joined(separator: ", ")
        let sentence = "\(text.quoted) is not allowed: write \(names), or a number from 1 to 127"
        throw UnsignedNumber(text) == nil ? .form(sentence) : .range(sentence)
    }
}

extension AttributeForm {
    /// The one spelling of a field's value, `nil` where every spelling is its own.
    func canonical(_ field: [UInt8]) -> String? { decode(field, at: 0) }
}
