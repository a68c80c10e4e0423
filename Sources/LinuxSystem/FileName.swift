public import SystemPackage

/// One name in a directory, as the kernel may safely take it: 1 to 255 bytes, no slash, no NUL, neither "." nor
/// "..". Any other byte is allowed: names need not be UTF-8.
public struct FileName: Hashable, Sendable {
    public static let maximumByteCount = 255
    /// The bytes and a NUL.
    let terminated: [CChar]

    /// - Throws: `EINVAL` for what no file can be called, `ENAMETOOLONG`; the peer's fault.
    public init(untrusted bytes: some Collection<UInt8>) throws(Errno) {
        guard bytes.count <= FileName.maximumByteCount else { throw .fileNameTooLong }
        guard !bytes.isEmpty, !bytes.contains(0), !bytes.contains(UInt8(ascii: "/")),
            !bytes.elementsEqual(".".utf8), !bytes.elementsEqual("..".utf8)
        else { throw .invalidArgument }
        terminated = Array(terminating: bytes)
    }

    /// As above, without the detour by way of any collection: each name of each request comes here.
    public init(untrusted bytes: [UInt8]) throws(Errno) {
        guard bytes.count <= FileName.maximumByteCount else { throw .fileNameTooLong }
        guard !bytes.isEmpty else { throw .invalidArgument }
        var terminated = [CChar](repeating: 0, count: bytes.count + 1)
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte != 0, byte != UInt8(ascii: "/") else { throw .invalidArgument }
            terminated[index] = CChar(bitPattern: byte)
        }
        let dot = UInt8(ascii: ".")
        guard bytes[0] != dot || bytes.count > 2 || (bytes.count == 2 && bytes[1] != dot) else {
            throw .invalidArgument
        }
        self.terminated = terminated
    }

    public var bytes: [UInt8] { terminated.dropLast().map { UInt8(bitPattern: $0) } }
}

extension [CChar] {
    /// A C string of `bytes`, which hold no NUL.
    init(terminating bytes: some Collection<UInt8>) {
        self.init()
        reserveCapacity(bytes.count + 1)
        for byte in bytes { append(CChar(bitPattern: byte)) }
        append(0)
    }
}

/// Text for the kernel that is no file name: a symbolic link's target, an attribute's name. Not empty, no NUL.
public struct KernelText: Sendable {
    let terminated: [CChar]

    /// - Throws: `EINVAL` when empty or with a NUL, `ENAMETOOLONG` above `maximumByteCount`.
    public init(untrusted bytes: some Collection<UInt8>, maximumByteCount: Int) throws(Errno) {
        guard bytes.count <= maximumByteCount else { throw .fileNameTooLong }
        guard !bytes.isEmpty, !bytes.contains(0) else { throw .invalidArgument }
        terminated = Array(terminating: bytes)
    }

    public var bytes: [UInt8] { terminated.dropLast().map { UInt8(bitPattern: $0) } }
}
