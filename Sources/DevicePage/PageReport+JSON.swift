internal import FoundationEssentials

/// A value that may be missing, and then stands in JSON as `null` rather than not at all, so that keys are stable.
@frozen
public struct Nullable<Value: Codable & Hashable & Sendable>: Codable, Hashable, Sendable {
    public let value: Value?

    public init(_ value: Value?) { self.value = value }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        value = container.decodeNil() ? nil : try container.decode(Value.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}

extension PageReport {
    /// One JSON document, keys in alphabetical order, without a newline at its end.
    public func json(pretty: Bool = false) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = pretty ? [.sortedKeys, .prettyPrinted] : [.sortedKeys]
        guard let data = try? encoder.encode(self), let text = String(bytes: data, encoding: .utf8) else {
            preconditionFailure("a report holds only numbers and text, which JSON can always say")
        }
        return text
    }
}
