internal import CVOP
internal import SharedMemory
internal import Virtio

/// A device page decoded for people and programs: a value, made from one snapshot or from a dump. Its JSON has
/// snake_case keys, masks and addresses as hexadecimal strings, and a `schema` number that rises with every change
/// that is more than an addition.
public struct PageReport: Codable, Hashable, Sendable {
    public static let schemaNumber = 1

    public let schema: Int
    /// `0xc0ffee00`, or what stands there instead.
    public let magic: String
    public let isMagicRight: Bool
    public let configDoorbell: Nullable<Int>
    public let nodeID: Int
    public let devices: [Device]
    public let removed: [RemovedSlot]
    public let end: End
    /// In removed slots and behind the end, together.
    public let freeByteCount: Int

    public struct Device: Codable, Hashable, Sendable {
        public let index: Int
        public let offset: Int
        public let byteCount: Int
        public let type: Int
        public let typeName: String
        public let status: Int
        public let statusText: String
        public let featureByteCount: Int
        public let offered: String
        public let accepted: String
        public let negotiated: String
        public let queues: [Queue]
        public let configByteCount: Int
        /// Two hexadecimal digits a byte.
        public let config: String
        public let control: Control

        private enum CodingKeys: String, CodingKey {
            case index, offset
            case byteCount = "size_bytes"
            case type
            case typeName = "type_name"
            case status
            case statusText = "status_text"
            case featureByteCount = "feature_bytes"
            case offered, accepted, negotiated, queues
            case configByteCount = "config_bytes"
            case config, control
        }
    }

    public struct Queue: Codable, Hashable, Sendable {
        public let index: Int
        public let size: Int
        public let address: String
        public let usedAddress: String

        private enum CodingKeys: String, CodingKey {
            case index, size, address
            case usedAddress = "used_address"
        }
    }

    public struct Control: Codable, Hashable, Sendable {
        public let configChange: Int
        public let resetRequest: Int
        public let guestAcknowledge: Int
        public let hostAcknowledge: Int
        public let usedAddressUpdated: Int
        public let guestToHostDoorbell: Nullable<Int>
        public let hostToGuestDoorbell: Nullable<Int>

        private enum CodingKeys: String, CodingKey {
            case configChange = "config_change"
            case resetRequest = "vdev_reset"
            case guestAcknowledge = "guest_ack"
            case hostAcknowledge = "host_ack"
            case usedAddressUpdated = "used_address_updated"
            case guestToHostDoorbell = "guest_to_host_doorbell"
            case hostToGuestDoorbell = "host_to_guest_doorbell"
        }
    }

    public struct RemovedSlot: Codable, Hashable, Sendable {
        public let index: Int
        public let offset: Int
        public let byteCount: Int

        private enum CodingKeys: String, CodingKey {
            case index, offset
            case byteCount = "size_bytes"
        }
    }

    public struct End: Codable, Hashable, Sendable {
        public enum Kind: String, Codable, Sendable {
            /// A slot of type 0.
            case end
            /// The last slot ends where the page does.
            case full
            /// A slot that breaks the format; what lies behind it cannot be found.
            case broken
            /// The host was writing here all the while; what lies behind was not read.
            case changing
        }
        public let kind: Kind
        public let offset: Int
        public let reason: Nullable<String>
    }

    private enum CodingKeys: String, CodingKey {
        case schema, magic
        case isMagicRight = "magic_is_right"
        case configDoorbell = "config_doorbell"
        case nodeID = "node_id"
        case devices, removed, end
        case freeByteCount = "free_bytes"
    }

    public init(_ snapshot: PageSnapshot) {
        let boot = snapshot.bootParameters
        schema = Self.schemaNumber
        magic = Self.hexadecimal(UInt64(boot.magic), digits: 8)
        isMagicRight = boot.magic == BootParameters.magic
        configDoorbell = Self.doorbell(boot.configDoorbell)
        nodeID = Int(boot.nodeID)
        devices = snapshot.devices.map(Device.init)
        removed = snapshot.slots.enumerated().compactMap { index, slot in
            guard case .removed(let offset, let byteCount) = slot else { return nil }
            return RemovedSlot(index: index, offset: offset.rawValue, byteCount: byteCount)
        }
        end = End(snapshot.ending)
        let behind = end.kind == .end ? PageOffset.pageByteCount - end.offset : 0
        freeByteCount = behind + removed.reduce(0) { $0 + $1.byteCount }
    }

    /// From a dump of a page.
    ///
    /// - Throws: `.length` unless there are 4096 bytes (the fault of whoever made the dump).
    public init(decoding dump: [UInt8]) throws(DumpError) {
        guard dump.count == PageOffset.pageByteCount else { throw .length(dump.count) }
        let window = MemoryWindow.heap(byteCount: PageOffset.pageByteCount)
        window.write(dump, at: 0)
        self.init(PageSnapshot(copyingFrom: window))
    }

    /// Nothing is wrong with the page.
    public var isSound: Bool { isMagicRight && end.kind != .broken }

    static func doorbell(_ byte: Int8) -> Nullable<Int> {
        Nullable(byte == ControlBlock.noDoorbell ? nil : Int(byte))
    }

    static func hexadecimal(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return "0x" + String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

/// Why some bytes are no dump of a page.
public enum DumpError: Error, Hashable, Sendable, CustomStringConvertible {
    case length(Int)

    public var description: String {
        switch self {
        case .length(let count):
            "\(count) bytes are no device page; give exactly 4096, as `vopctl page dump` writes them"
        }
    }
}

extension PageReport.Device {
    init(_ entry: DeviceEntry) {
        index = entry.index.rawValue
        offset = entry.offset.rawValue
        byteCount = entry.shape.byteCount
        type = Int(entry.type.rawValue)
        typeName = entry.type.description
        status = Int(entry.status.rawValue)
        statusText = entry.status.description
        featureByteCount = entry.shape.featureByteCount
        offered = entry.offered.description
        accepted = entry.accepted.description
        negotiated = entry.negotiated.description
        queues = entry.queues.enumerated().map { index, queue in
            PageReport.Queue(
                index: index, size: Int(queue.statedSize),
                address: PageReport.hexadecimal(queue.address, digits: 16),
                usedAddress: PageReport.hexadecimal(queue.usedAddress, digits: 16))
        }
        configByteCount = entry.config.count
        config = entry.config.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        control = PageReport.Control(entry.control)
    }
}

extension PageReport.Control {
    init(_ snapshot: ControlBlock.Snapshot) {
        configChange = Int(snapshot.configChange)
        resetRequest = Int(snapshot.resetRequest)
        guestAcknowledge = Int(snapshot.guestAcknowledge)
        hostAcknowledge = Int(snapshot.hostAcknowledge)
        usedAddressUpdated = Int(snapshot.usedAddressUpdated)
        guestToHostDoorbell = PageReport.doorbell(snapshot.guestToHostDoorbell)
        hostToGuestDoorbell = PageReport.doorbell(snapshot.hostToGuestDoorbell)
    }
}

extension PageReport.End {
    init(_ ending: PageSnapshot.Ending) {
        switch ending {
        case .end(let at):
            self.init(kind: .end, offset: at.rawValue, reason: Nullable(nil))
        case .full:
            self.init(kind: .full, offset: PageOffset.pageByteCount, reason: Nullable(nil))
        case .changing(let at):
            self.init(kind: .changing, offset: at.rawValue, reason: Nullable(nil))
        case .broken(.slot(let offset, let reason)):
            self.init(kind: .broken, offset: offset, reason: Nullable(reason))
        case .broken(let violation):
            self.init(kind: .broken, offset: 0, reason: Nullable("\(violation)"))
        }
    }
}
