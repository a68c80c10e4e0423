internal import CVOP
public import SharedMemory

/// The live per-device bytes of the handshakes (MIC's `mic_device_ctrl`, 16 bytes behind the padded descriptor).
///
/// ```
///   0      8               9            10          11         12                     13            14            15
///   | vdev | config_change | vdev_reset | guest_ack | host_ack | used_address_updated | c2h_vdev_db | h2c_vdev_db | – |
///   guest    host            guest        guest       host       guest                  host          guest
/// ```
/// The row below says who sets each; a request is taken back by whoever answers it (`vdev_reset`,
/// `used_address_updated`) or by whoever made it (`config_change` and, with it, `guest_ack`). Nothing in here is ever
/// believed: what a side must remember it keeps to itself, and `vdev` is never read.
@frozen
public struct ControlBlock: Sendable {
    // ABI: struct vop_control_block
    public static let encodedByteCount = 16
    /// In every doorbell byte: none.
    public static let noDoorbell = Int8(VOP_PAGE_NO_DOORBELL)

    @usableFromInline let page: MemoryWindow
    @usableFromInline let base: Int

    init(in page: MemoryWindow, at base: Int) {
        self.page = page
        self.base = base
    }

    enum Field: Int {
        case configChange = 8
        case resetRequest, guestAcknowledge, hostAcknowledge, usedAddressUpdated
        case guestToHostDoorbell, hostToGuestDoorbell
    }

    /// What the host asks of the guest (`config_change`).
    @frozen
    public enum Command: UInt8, Sendable, Hashable {
        /// MIC_VIRTIO_PARAM_DEV_REMOVE
        case remove = 1
        /// MIC_VIRTIO_PARAM_CONFIG_CHANGED
        case configChanged = 2
    }

    /// ORDER: acquire; pairs with the other side's `store`, so what it wrote before is seen after.
    func load(_ field: Field) -> UInt8 { page.loadAcquiring8(at: base + field.rawValue) }

    /// ORDER: release; pairs with the other side's `load`: everything written before is visible before this byte.
    func store(_ value: UInt8, to field: Field) { page.storeReleasing8(value, at: base + field.rawValue) }

    // MARK: Doorbells

    /// `c2h_vdev_db`, which the host wrote: what the guest rings for this device.
    public var guestToHostDoorbell: Int8 { Int8(bitPattern: load(.guestToHostDoorbell)) }
    /// `h2c_vdev_db`, which the guest wrote: what the host rings for this device; −1 before it bound and after it let
    /// go. A guest that wrote a number and reads −1 is looking at another device in the same place.
    public var hostToGuestDoorbell: Int8 { Int8(bitPattern: load(.hostToGuestDoorbell)) }
    /// Guest: what it wants to be rung by; −1 for none.
    public func setHostToGuestDoorbell(_ number: Int8) {
        store(UInt8(bitPattern: number), to: .hostToGuestDoorbell)
    }

    // MARK: Raw bytes, for reports

    /// All request and acknowledge bytes as they are now, each read once.
    public struct Snapshot: Hashable, Sendable {
        public let configChange: UInt8
        public let resetRequest: UInt8
        public let guestAcknowledge: UInt8
        public let hostAcknowledge: UInt8
        public let usedAddressUpdated: UInt8
        public let guestToHostDoorbell: Int8
        public let hostToGuestDoorbell: Int8
    }

    static func snapshot(_ bytes: ArraySlice<UInt8>) -> Snapshot {
        func byte(_ field: Field) -> UInt8 { bytes[bytes.startIndex + field.rawValue] }
        return Snapshot(
            configChange: byte(.configChange), resetRequest: byte(.resetRequest),
            guestAcknowledge: byte(.guestAcknowledge), hostAcknowledge: byte(.hostAcknowledge),
            usedAddressUpdated: byte(.usedAddressUpdated),
            guestToHostDoorbell: Int8(bitPattern: byte(.guestToHostDoorbell)),
            hostToGuestDoorbell: Int8(bitPattern: byte(.hostToGuestDoorbell)))
    }

    /// What a host starts a device with: all zero, `vdev` too, and no doorbell but its own.
    static func initialBytes(guestToHostDoorbell: Int8) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: encodedByteCount)
        bytes[Field.guestToHostDoorbell.rawValue] = UInt8(bitPattern: guestToHostDoorbell)
        bytes[Field.hostToGuestDoorbell.rawValue] = UInt8(bitPattern: noDoorbell)
        return bytes
    }
}
