import FoundationEssentials

/// A JSON document being put together. Keys come out in alphabetical order.
enum JSONValue: Encodable, Equatable {
    case null
    case bool(Bool)
    case number(Int)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }

    func text(pretty: Bool) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
        guard let data = try? encoder.encode(self), let text = String(bytes: data, encoding: .utf8) else {
            preconditionFailure("text and numbers can always be said in JSON")
        }
        return text
    }

    /// A document of ours: with the number that rises when a key changes its meaning.
    static func document(_ values: [String: JSONValue]) -> JSONValue {
        .object(values.merging(["schema": .number(1)]) { own, _ in own })
    }
}
