internal import CVOP
public import SharedMemory

/// The fixed head of the page (MIC's `mic_bootparam`, 24 bytes, with the SCIF fields), as it was copied.
///
/// ```
///   0       4               5         6             7             8                    16                   24
///   | magic | h2c_config_db | node_id | h2c_scif_db | c2h_scif_db | scif_host_dma_addr | scif_card_dma_addr |
/// ```
/// There is no version, length or generation in it, and SCIF is no part of VOP: 5…23 keep their initial values.
public struct BootParameters: Hashable, Sendable {
    // ABI: struct vop_boot_parameters
    public static let encodedByteCount = 24
    static let configDoorbellOffset = 4

    /// MIC_MAGIC
    public static let magic: UInt32 = VOP_PAGE_MAGIC

    public let magic: UInt32
    /// `h2c_config_db`: the doorbell the host rings for adds, removes and config changes, as the guest wrote it; −1
    /// while no guest listens.
    public let configDoorbell: Int8
    /// `node_id`: card index + 1; 0 where nobody numbers cards.
    public let nodeID: UInt8
    /// `h2c_scif_db`
    public let scifHostToGuestDoorbell: Int8
    /// `c2h_scif_db`
    public let scifGuestToHostDoorbell: Int8
    public let scifHostAddress: UInt64
    public let scifGuestAddress: UInt64

    /// Reads each field once.
    init(copyingFrom page: MemoryWindow) {
        // ORDER: acquire; pairs with the release of the magic in `PagePublisher.format`, so the fields behind it are
        // there when it is.
        magic = page.loadAcquiring32(at: 0)
        configDoorbell = Int8(bitPattern: page.load8(at: Self.configDoorbellOffset))
        nodeID = page.load8(at: 5)
        scifHostToGuestDoorbell = Int8(bitPattern: page.load8(at: 6))
        scifGuestToHostDoorbell = Int8(bitPattern: page.load8(at: 7))
        scifHostAddress = page.load64(at: 8)
        scifGuestAddress = page.load64(at: 16)
    }

    /// - Throws: `.magic` when this is no device page (the host's fault, or it is not there yet).
    public func requireMagic() throws(PeerViolation) {
        guard magic == Self.magic else { throw .magic(magic, expected: Self.magic) }
    }

    /// What the host writes before the first slot, without the magic.
    static func initialBytes(nodeID: UInt8) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: encodedByteCount)
        bytes[configDoorbellOffset] = UInt8(bitPattern: ControlBlock.noDoorbell)
        bytes[5] = nodeID
        bytes[6] = UInt8(bitPattern: ControlBlock.noDoorbell)
        bytes[7] = UInt8(bitPattern: ControlBlock.noDoorbell)
        return bytes
    }
}
