/// A string of the protocol (9P `[s]`: len[2], bytes): a file's name, a link's target, a user. Bytes as they came;
/// not necessarily UTF-8, and nothing about `/`, NUL or `..` has been checked.
public struct Name: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The most bytes the length on the wire can say.
    public static let maximumByteCount = 0xFFFF

    public let bytes: [UInt8]

    /// - Precondition: at most `maximumByteCount` bytes.
    public init(_ bytes: [UInt8]) {
        precondition(bytes.count <= Name.maximumByteCount, "a 9P string holds at most 65535 bytes")
        self.bytes = bytes
    }

    public init(_ text: String) { self.init(Array(text.utf8)) }
    public init(stringLiteral text: String) { self.init(text) }

    public var isEmpty: Bool { bytes.isEmpty }
    /// How many bytes it takes in a frame, its length included.
    public var encodedByteCount: Int { 2 + bytes.count }
    /// The name as text when it is UTF-8.
    public var text: String? { String(validating: bytes, as: UTF8.self) }

    /// For logs: printable ASCII and whole UTF-8 as they are, everything else as `\xNN`.
    public var description: String {
        if let text,
            !text.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
        {
            return text
        }
        return bytes.reduce(into: "") { shown, byte in
            let isPlain = (0x20..<0x7F).contains(byte) && byte != 0x5C
            shown +=
                isPlain ? String(UnicodeScalar(byte)) : (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
        }
    }
}
