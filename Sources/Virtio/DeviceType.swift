/// A virtio device ID (VIRTIO 1.3, 5). The page holds it in one signed byte: 1…127; 0 ends the list and −1 marks a
/// removed slot, so neither is a type.
@frozen
public struct DeviceType: Hashable, Sendable, CustomStringConvertible, LosslessStringConvertible {
    public let rawValue: UInt8

    /// `nil` for 0 and for anything above 127.
    public init?(rawValue: UInt8) {
        guard (1...127).contains(rawValue) else { return nil }
        self.rawValue = rawValue
    }

    private init(known rawValue: UInt8) { self.rawValue = rawValue }

    public static let net = DeviceType(known: 1)
    public static let block = DeviceType(known: 2)
    public static let console = DeviceType(known: 3)
    public static let entropy = DeviceType(known: 4)
    public static let rpmsg = DeviceType(known: 7)
    public static let scsi = DeviceType(known: 8)
    public static let ninep = DeviceType(known: 9)
    public static let vsock = DeviceType(known: 19)
    public static let fileSystem = DeviceType(known: 26)

    /// The names people type, with their IDs.
    public static let names: [(name: String, type: DeviceType)] = [
        ("net", .net), ("block", .block), ("console", .console), ("rng", .entropy), ("rpmsg", .rpmsg),
        ("scsi", .scsi), ("9p", .ninep), ("vsock", .vsock), ("fs", .fileSystem),
    ]

    /// A name of the table above, or a number as `virtio-N` or `N`… where `9p` is the name, never the number 9
    /// with something after it.
    public init?(_ text: String) {
        if let known = Self.names.first(where: { $0.name == text }) {
            self = known.type
            return
        }
        let digits = text.hasPrefix("virtio-") ? text.dropFirst(7) : text[...]
        // The integer's initialiser takes a sign, which is no digit here.
        guard digits.first != "+", let number = UInt8(digits) else { return nil }
        self.init(rawValue: number)
    }

    public var description: String {
        Self.names.first { $0.type == self }?.name ?? "virtio-\(rawValue)"
    }
}
