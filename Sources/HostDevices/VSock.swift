import Virtio

extension DeviceKind {
    /// Socket device (VIRTIO 1.3, 5.10).
    ///
    /// ```
    ///   0 guest_cid (8), of which the upper half is zero
    /// ```
    static let vsock = DeviceKind(
        .vsock, queues: ["receive", "transmit", "event"],
        features: .bit(0),  // VIRTIO_VSOCK_F_STREAM
        attributes: [
            DeviceAttribute(
                "guest_cid", "the guest's context ID; 0, 1, 2 and 0xffffffff are reserved",
                .number(3...0xFFFF_FFFE, byteCount: 8), at: 0, isRequired: true)
        ])
}
