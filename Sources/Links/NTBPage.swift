import CVOP
import SharedMemory
import Virtio

/// A bridge in one memory that both ends map: a page of registers, then the memory of port 0, then that of port 1
/// (`vop/ntb.h`). Of what the other end writes there nothing is believed; a ring it did not make, or one it took back, is
/// a spurious ring or its own loss.
final class NTBPage: NonTransparentBridge {
    static let byteCount = Int(VOP_NTB_PAGE_BYTE_COUNT)
    static let doorbellCount = Int(VOP_NTB_DOORBELLS)

    let side: Side
    let memory: MemoryWindow
    let peerMemory: MemoryWindow
    private let own: PortRegisters
    private let peer: PortRegisters
    /// Our own counts of rings, as we took them and as we made them: the page is never asked.
    private var taken = InlineArray<32, UInt32>(repeating: 0)
    private var made = InlineArray<32, UInt32>(repeating: 0)

    /// - Precondition: `whole` is a memory in which a link can be met (`MemoryPartition.fault`).
    init(_ whole: MemoryWindow, _ side: Side) {
        self.side = side
        let page = whole.part(at: 0, byteCount: Self.byteCount).counted(by: nil)
        let border = MemoryPartition.border(of: whole.byteCount)
        let first = whole.part(at: Self.byteCount, byteCount: border - Self.byteCount)
        let second = whole.part(at: border, byteCount: whole.byteCount - border)
        (memory, peerMemory) = side == .host ? (first, second) : (second, first)
        own = PortRegisters(page, of: side)
        peer = PortRegisters(page, of: side.peer)
        for index in taken.indices {
            // What was rung in a life before is nobody's news; ours go on from where they were.
            taken[index] = own.ringCount(index)
            made[index] = peer.ringCount(index)
        }
    }

    // MARK: The link's ends

    /// What our port was left with, or is held by: the number of whoever enabled it, `nil` while nobody has.
    var owner: UInt32? { own.owner }
    /// The number that the other port is rung by, while it is enabled.
    var peerOwner: UInt32? { peer.owner }

    func enable(as owner: PeerNumber) { own.enable(as: UInt32(owner.rawValue)) }
    func disable() { own.disable() }

    // MARK: Registers

    func scratchpad(_ index: Int) -> UInt32 { own.scratchpad(index) }
    func setPeerScratchpad(_ index: Int, _ value: UInt32) { peer.setScratchpad(index, value) }

    func takeDoorbells() -> UInt32 {
        var bits: UInt32 = 0
        for index in taken.indices {
            let count = own.ringCount(index)
            guard count != taken[index] else { continue }
            taken[index] = count
            bits |= 1 << UInt32(index)
        }
        return bits
    }

    func ringPeer(_ bits: UInt32) {
        for index in made.indices where bits >> UInt32(index) & 1 == 1 {
            made[index] &+= 1
            peer.ring(index, made[index])
        }
    }
}

/// The registers of one port (`struct vop_ntb_port`).
private struct PortRegisters {
    private let page: MemoryWindow
    private let base: Int

    init(_ page: MemoryWindow, of side: Side) {
        self.page = page
        base = MemoryLayout<vop_ntb_port>.size * (1 + Int(side.port.rawValue))
    }

    private static let linkOffset = 8
    private static let ownerOffset = 12
    private static let scratchpadOffset = 64
    private static let doorbellOffset = 192

    var owner: UInt32? {
        // ORDER: acquire; pairs with the releasing store in `enable`.
        guard page.loadAcquiring32(at: base + Self.linkOffset) == 1,
            page.load32(at: base) == VOP_NTB_MAGIC, page.load32(at: base + 4) == UInt32(VOP_NTB_VERSION)
        else { return nil }
        return page.load32(at: base + Self.ownerOffset)
    }

    func enable(as owner: UInt32) {
        page.store32(VOP_NTB_MAGIC, at: base)
        page.store32(UInt32(VOP_NTB_VERSION), at: base + 4)
        page.store32(owner, at: base + Self.ownerOffset)
        // ORDER: release; pairs with the acquiring load in `owner`.
        page.storeReleasing32(1, at: base + Self.linkOffset)
    }

    func disable() { page.store32(0, at: base + Self.linkOffset) }

    func scratchpad(_ index: Int) -> UInt32 {
        // ORDER: acquire; pairs with the releasing store in `setScratchpad`.
        page.loadAcquiring32(at: base + Self.scratchpadOffset + 4 * index)
    }

    func setScratchpad(_ index: Int, _ value: UInt32) {
        // ORDER: release; pairs with the acquiring load in `scratchpad`, so that they are seen in the order of writing.
        page.storeReleasing32(value, at: base + Self.scratchpadOffset + 4 * index)
    }

    func ringCount(_ doorbell: Int) -> UInt32 {
        // ORDER: acquire; pairs with the releasing store in `ring`: what was written before the ring is seen after it.
        page.loadAcquiring32(at: base + Self.doorbellOffset + 4 * doorbell)
    }

    func ring(_ doorbell: Int, _ count: UInt32) {
        // ORDER: release; pairs with the acquiring load in `ringCount`.
        page.storeReleasing32(count, at: base + Self.doorbellOffset + 4 * doorbell)
    }
}
