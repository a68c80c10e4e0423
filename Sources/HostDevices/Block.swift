import Virtio

extension DeviceKind {
    /// Block device (VIRTIO 1.3, 5.2).
    ///
    /// ```
    ///    0 capacity (8)   8 size_max (4)   12 seg_max (4)   16 geometry (4)   20 blk_size (4)
    ///   24 topology (8)   32 writeback (1)   33 unused (1)   34 num_queues (2)
    /// ```
    static let block = DeviceKind(
        .block, queues: ["request"],
        template: [UInt8](repeating: 0, count: 34) + [1, 0],
        attributes: [
            DeviceAttribute(
                "capacity", "size, in sectors of 512 bytes", .number(1...(1 << 55), byteCount: 8), at: 0,
                isRequired: true),
            DeviceAttribute(
                "seg_max", "most data segments in one request", .number(1...126, byteCount: 4), at: 12,
                features: .bit(2), initial: "126"),  // VIRTIO_BLK_F_SEG_MAX
            DeviceAttribute(
                "block_size", "preferred unit of requests, in bytes",
                .powerOfTwo(512...65536, byteCount: 4), at: 20, features: .bit(6)),  // VIRTIO_BLK_F_BLK_SIZE
            DeviceAttribute(
                "read_only", "refuse writes", .flag,
                features: .bit(5),  // VIRTIO_BLK_F_RO
                initial: "0"),
            DeviceAttribute(
                "flush", "take flush requests", .flag,
                features: .bit(9),  // VIRTIO_BLK_F_FLUSH
                initial: "1"),
        ])
}
