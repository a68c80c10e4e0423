import Virtio

extension DeviceKind {
    /// SCSI host (VIRTIO 1.3, 5.6), one request queue.
    ///
    /// ```
    ///    0 num_queues (4)   4 seg_max (4)   8 max_sectors (4)   12 cmd_per_lun (4)   16 event_info_size (4)
    ///   20 sense_size (4)   24 cdb_size (4)   28 max_channel (2)   30 max_target (2)   32 max_lun (4)
    /// ```
    static let scsi = DeviceKind(
        .scsi, queues: ["control", "event", "request"],
        features: [.bit(1), .bit(2)],  // VIRTIO_SCSI_F_HOTPLUG, VIRTIO_SCSI_F_CHANGE
        template: UInt64(1).littleEndianBytes(4) + [UInt8](repeating: 0, count: 12)
            + UInt64(16).littleEndianBytes(4) + UInt64(96).littleEndianBytes(4)
            + UInt64(32).littleEndianBytes(4) + [UInt8](repeating: 0, count: 8),
        attributes: [
            DeviceAttribute(
                "seg_max", "most data segments in one request", .number(1...124, byteCount: 4), at: 4,
                initial: "124"),
            DeviceAttribute(
                "max_sectors", "largest transfer, in sectors of 512 bytes",
                .number(1...UInt64(UInt32.max), byteCount: 4), at: 8, initial: "65535"),
            DeviceAttribute(
                "cmd_per_lun", "most commands in flight to one unit", .number(1...128, byteCount: 4), at: 12,
                initial: "128"),
            DeviceAttribute(
                "max_target", "highest target number", .number(0...255, byteCount: 2), at: 30, initial: "255"),
            DeviceAttribute(
                "max_lun", "highest unit number", .number(0...16383, byteCount: 4), at: 32, initial: "16383"),
        ])
}
