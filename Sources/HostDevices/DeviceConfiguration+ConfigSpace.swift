/// Config space: encoded from the attributes of a known type, or bytes as they were given.
extension DeviceConfiguration {
    /// Config space as it is now; what is not set is zero.
    public var configSpace: [UInt8] {
        guard let kind else { return rawConfig }
        // Values were checked when they were set, so nothing is refused here.
        return (try? kind.encode(values)) ?? kind.template
    }

    /// Takes config space as bytes. For a known type they are decoded into its attributes.
    ///
    /// - Throws: `ERANGE` for too many bytes, `EINVAL` when they are no config space of that type.
    public mutating func setConfigSpace(_ bytes: [UInt8]) throws(ConfigurationError) {
        guard let kind else { return try setRawConfig(bytes) }
        var decoded = self
        for attribute in kind.attributes {
            guard let text = attribute.form.decode(bytes, at: attribute.offset) else { continue }
            if values[attribute.name] == nil && isAbsent(attribute, in: bytes) { continue }
            do throws(ConfigurationError) { try decoded.set(attribute.name, to: text) } catch {
                // Of the bytes only these are at fault.
                throw ConfigurationError(error.errno, "\(attribute.name) \(error.sentence)")
            }
        }
        guard decoded.configSpace == bytes else {
            throw .form(
                "these \(bytes.count) bytes are no config space of a \(kind.type) device: "
                    + "set its attributes (\(kind.attributes.map(\.name).joined(separator: ", "))) instead")
        }
        self = decoded
    }

    private mutating func setRawConfig(_ bytes: [UInt8]) throws(ConfigurationError) {
        guard bytes.count <= 255 else {
            throw .range("\(bytes.count) bytes are too many: a slot holds at most 255")
        }
        rawConfig = bytes
    }

    /// True when config space holds nothing where an attribute would lie: zeroes, or no bytes at all.
    private func isAbsent(_ attribute: DeviceAttribute, in config: [UInt8]) -> Bool {
        config.dropFirst(attribute.offset).prefix(attribute.form.byteCount).allSatisfy { $0 == 0 }
    }
}
