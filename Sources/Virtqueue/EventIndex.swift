/// Whether the other side asked to be told, when an index moved from `old` to `new` and it wrote `event`: "tell me
/// when you pass this" (`vring_need_event`; VIRTIO 1.3, 2.7.7.2). Free-running 16-bit counters, so all differences
/// wrap.
@inlinable @inline(__always)
func passes(event: UInt16, movingFrom old: UInt16, to new: UInt16) -> Bool {
    new &- event &- 1 < new &- old
}
