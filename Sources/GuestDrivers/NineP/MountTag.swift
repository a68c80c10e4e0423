import SharedMemory
import VOPGuest
import Virtio

/// A 9p device's config space: tag_len[2], then the tag (VIRTIO 1.3, 5.13.4).
struct MountTag: Equatable {
    let bytes: [UInt8]

    /// - Throws: `.peer` when the tag does not end inside the config space.
    init(untrusted config: [UInt8]) throws(GuestDriverError) {
        guard config.count >= 2 else {
            throw .peer(.frame("a mount tag in a config space of \(config.count) bytes"))
        }
        let byteCount = Int(config[0]) | Int(config[1]) << 8
        guard byteCount <= config.count - 2 else {
            throw .peer(.frame("a mount tag of \(byteCount) bytes in a config space of \(config.count)"))
        }
        bytes = Array(config[2..<2 + byteCount])
    }

    init(_ name: String) { bytes = Array(name.utf8) }

    /// As text that is one file name and one line: letters, digits and `._-` (no dot first) as they are, other bytes
    /// as `%XX`. The host chooses tags, so nothing of them may mean anything in a path.
    var fileName: String {
        bytes.enumerated().reduce(into: "") { text, byte in
            let (index, value) = byte
            let isPlain =
                switch value {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                case UInt8(ascii: "."): index > 0
                default: false
                }
            let digits = String(value, radix: 16, uppercase: true)
            text += isPlain ? String(UnicodeScalar(value)) : "%" + (value < 16 ? "0" : "") + digits
        }
    }
}
