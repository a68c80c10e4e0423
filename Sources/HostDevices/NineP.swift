import Virtio

extension DeviceKind {
    /// 9P transport (virtio ID 9, as Linux has it): one queue, requests readable, replies writable.
    ///
    /// ```
    ///   0 tag_len (2)   2 tag (tag_len)
    /// ```
    static let ninep = DeviceKind(
        .ninep, queues: ["request"],
        attributes: [
            DeviceAttribute(
                "tag", "mount tag, by which the guest names the export", .countedName(maximum: 64), at: 0,
                features: .ninepMountTag, isRequired: true)
        ])
}
