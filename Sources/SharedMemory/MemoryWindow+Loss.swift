import CLinux
import LinuxSystem

/// Windows whose pages vanish under us: a SIGBUS inside one leaves zeros there, and this to find out by.
extension MemoryWindow {
    /// How often any window has lost pages. One load; while it stays, so does every `hasVanished`.
    public static var lossCount: UInt32 { unsafe Mapping.lossCount }

    /// Pages of it have gone: what is read there is zeros, what is written reaches nobody.
    public var hasVanished: Bool { unsafe (owner as? Mapping)?.hasVanished ?? false }

    /// Finds out whether bytes that a system call could not reach (EFAULT, where we would have had a SIGBUS) have
    /// vanished: touches each of their pages.
    public func touch(at offset: Int, byteCount: Int) {
        requireRange(offset, byteCount)
        let pageByteCount = 4096
        var position = offset
        while position < offset + byteCount {
            // SAFETY: inside the range checked above; the mapping lives as long as `owner`; the byte itself is not used.
            unsafe _ = clinux_load_volatile8(base + position)
            position = (position / pageByteCount + 1) * pageByteCount
        }
    }
}

extension AddressSpace {
    /// Pages of one of its windows have gone.
    public var hasVanished: Bool { placements.contains { $0.window.hasVanished } }

    /// As the window's own, for slices that a system call did not reach all of.
    public func touch(_ slices: [WindowSlice]) {
        for slice in slices {
            let window = window(of: slice)
            guard !window.isDeviceMemory else { continue }
            window.touch(at: slice.offset, byteCount: slice.byteCount)
        }
    }
}
