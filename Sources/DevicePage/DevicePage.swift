internal import CVOP
public import SharedMemory

/// A device page, from either side: what can be done without owning it. The host that owns it publishes through
/// `PagePublisher`.
public struct DevicePage: Sendable {
    let window: MemoryWindow

    /// - Precondition: `window` holds 4096 bytes; a link's meeting has checked that.
    public init(_ window: MemoryWindow) {
        precondition(window.byteCount >= PageOffset.pageByteCount, "a device page has 4096 bytes")
        self.window = window
    }

    public func bootParameters() -> BootParameters { BootParameters(copyingFrom: window) }

    /// A checked walk over private copies. Look at `bootParameters.requireMagic()` first.
    public func snapshot() -> PageSnapshot { PageSnapshot(copyingFrom: window) }

    /// The live bytes of a device that a snapshot found.
    public func slot(of entry: DeviceEntry) -> DeviceSlot {
        DeviceSlot(in: window, at: entry.offset, shape: entry.shape)
    }

    /// The 4096 bytes as they are.
    public func bytes() -> [UInt8] { window.bytes(at: 0, byteCount: PageOffset.pageByteCount) }

    /// `h2c_config_db`: what the host rings for adds, removes and config changes; −1 while no guest listens.
    ///
    /// ORDER: acquire; pairs with `setConfigDoorbell`.
    public var configDoorbell: Int8 {
        Int8(bitPattern: window.loadAcquiring8(at: BootParameters.configDoorbellOffset))
    }

    /// Guest: says what it wants to be rung by, −1 for nothing. It looks through the page again *after* this: a
    /// device added in between rang nobody.
    ///
    /// ORDER: release; pairs with `configDoorbell`.
    public func setConfigDoorbell(_ number: Int8) {
        window.storeReleasing8(UInt8(bitPattern: number), at: BootParameters.configDoorbellOffset)
    }
}
