import Virtio

extension DeviceKind {
    /// Entropy source (VIRTIO 1.3, 5.4): one queue of writable buffers, no config space.
    static let entropy = DeviceKind(.entropy, queues: ["request"])
}
