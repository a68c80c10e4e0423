import Virtio

extension DeviceKind {
    /// File system device (VIRTIO 1.3, 5.11), one request queue, no notification queue.
    ///
    /// ```
    ///   0 tag (36, zero-padded)   36 num_request_queues (4)
    /// ```
    static let fileSystem = DeviceKind(
        .fileSystem, queues: ["hiprio", "request"],
        template: [UInt8](repeating: 0, count: 36) + [1, 0, 0, 0],
        attributes: [
            DeviceAttribute(
                "tag", "name by which the guest mounts it", .paddedName(byteCount: 36), at: 0,
                isRequired: true)
        ])
}
