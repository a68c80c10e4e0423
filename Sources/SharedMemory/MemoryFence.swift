public import CLinux

/// A full fence: a store before it is visible to others before a load after it reads. Needed where one side stores
/// "I publish" and loads "do you want to know" while the other does the reverse (VIRTIO 1.3, 2.7.7, 2.7.10).
@inlinable @inline(__always)
public func fullFence() { clinux_fence() }
