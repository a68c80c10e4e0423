import Virtio

extension DeviceKind {
    /// Console (VIRTIO 1.3, 5.3), one port.
    ///
    /// ```
    ///   0 cols (2)   2 rows (2)   4 max_nr_ports (4)   8 emerg_wr (4)
    /// ```
    static let console = DeviceKind(
        .console, queues: ["receive", "transmit"],
        template: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
        attributes: [
            DeviceAttribute(
                "cols", "width, in characters", .number(1...65535, byteCount: 2), at: 0,
                features: .bit(0)),  // VIRTIO_CONSOLE_F_SIZE
            DeviceAttribute(
                "rows", "height, in characters", .number(1...65535, byteCount: 2), at: 2,
                features: .bit(0)),
        ],
        together: [["cols", "rows"]])
}
