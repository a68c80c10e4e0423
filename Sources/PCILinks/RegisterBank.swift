import CLinux
import LinuxSystem

/// The registers of one BAR: 16 and 32 bits wide, each access one load or one store that the compiler leaves alone.
@safe
struct RegisterBank {
    private let mapping: Mapping
    /// What the function answers to of the mapping.
    private let byteCount: Int

    /// - Parameter byteCount: of the BAR; the mapping has whole pages.
    init(_ mapping: Mapping, byteCount: Int) {
        unsafe self.mapping = mapping
        unsafe self.byteCount = min(byteCount, mapping.byteCount)
    }

    /// Its pages have gone.
    var hasVanished: Bool { unsafe mapping.hasVanished }

    func load32(at offset: Int) -> UInt32 {
        require(offset, 4)
        // SAFETY: checked above against `byteCount`, which is constant; the mapping lives as long as this value.
        return unsafe UInt32(littleEndian: clinux_load_volatile32(mapping.base + offset))
    }

    /// Stores `value` behind everything that was stored before, wherever it went.
    func store(_ value: UInt32, bitWidth: Int, at offset: Int) {
        require(offset, bitWidth / 8)
        // ORDER: a fence for stores to device memory; pairs with the peer's reading of that memory once it is rung.
        clinux_fence_device_store()
        // SAFETY: as above.
        if bitWidth == 16 {
            unsafe clinux_store_volatile16(
                mapping.base + offset, UInt16(truncatingIfNeeded: value).littleEndian)
        } else {
            unsafe clinux_store_volatile32(mapping.base + offset, value.littleEndian)
        }
    }

    private func require(_ offset: Int, _ width: Int) {
        precondition(
            offset >= 0 && offset & (width - 1) == 0 && byteCount >= width && offset <= byteCount - width,
            "outside the registers")
    }
}
