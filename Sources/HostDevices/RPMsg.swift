import Virtio

extension DeviceKind {
    /// Remote processor messaging (virtio ID 7): the driver receives on queue 0 and sends on queue 1; no config space.
    static let rpmsg = DeviceKind(
        .rpmsg, queues: ["receive", "transmit"],
        attributes: [
            DeviceAttribute(
                "name_service", "announce channels by name", .flag, features: .bit(0),
                initial: "1")  // VIRTIO_RPMSG_F_NS
        ])
}
