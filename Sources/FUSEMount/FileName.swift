/// One name as the kernel passes it: bytes without NUL or slash (a symbolic link's target may hold slashes). Most are UTF-8;
/// none needs to be.
public struct FileName: Hashable, Sendable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) { self.bytes = bytes }
    public init(_ text: String) { bytes = Array(text.utf8) }
    public init(stringLiteral text: String) { self.init(text) }

    /// The name as text, `nil` when it is not UTF-8.
    public var text: String? { String(validating: bytes, as: UTF8.self) }

    /// For people: what is not UTF-8 is replaced.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    // SAFETY: libfuse passes NUL-terminated strings that live for the operation; the bytes are copied here.
    @unsafe
    init(_ pointer: UnsafePointer<CChar>?) {
        guard let pointer = unsafe pointer else {
            bytes = []
            return
        }
        var count = 0
        while unsafe pointer[count] != 0 { count += 1 }
        bytes = unsafe UnsafeRawBufferPointer(start: pointer, count: count).map { $0 }
    }

    /// Lends the name as a C string; a NUL inside would end it early.
    @unsafe
    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        var terminated = bytes.map { CChar(bitPattern: $0) }
        terminated.append(0)
        return unsafe terminated.withUnsafeBufferPointer { buffer in
            // SAFETY: the array holds at least the terminator, so it has an address.
            guard let base = buffer.baseAddress else {
                preconditionFailure("a terminated string is never empty")
            }
            return unsafe body(base)
        }
    }
}
