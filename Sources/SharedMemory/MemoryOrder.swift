internal import CLinux

/// Fences, for copies of many bytes that stand between two single accesses.
public enum MemoryOrder {
    /// Everything loaded before is loaded before everything that follows is loaded or stored.
    public static func acquire() { clinux_fence_acquire() }

    /// Everything loaded or stored before is visible before everything that is stored after.
    public static func release() { clinux_fence_release() }
}
