import Virtio

extension DeviceKind {
    /// Network device (VIRTIO 1.3, 5.1).
    ///
    /// ```
    ///   0 mac (6)   6 status (2)   8 max_virtqueue_pairs (2)   10 mtu (2)
    /// ```
    static let net = DeviceKind(
        .net, queues: ["receive", "transmit"],
        features: .bit(16),  // VIRTIO_NET_F_STATUS
        template: [0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0],
        attributes: [
            DeviceAttribute(
                "mac", "MAC address of the guest's interface; without one its driver makes one up",
                .macAddress,
                at: 0, features: .bit(5)),  // VIRTIO_NET_F_MAC
            DeviceAttribute(
                "mtu", "largest packet the device takes, in bytes", .number(68...65535, byteCount: 2), at: 10,
                features: .bit(3)),  // VIRTIO_NET_F_MTU
            DeviceAttribute(
                "carrier", "whether the link is up", .choice(["down", "up"], byteCount: 2), at: 6,
                initial: "up"),
        ])
}
