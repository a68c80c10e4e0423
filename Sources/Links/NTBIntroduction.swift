import CVOP
import SharedMemory
import Virtio

/// What an end of a bridge says of itself in the other's scratchpads (`vop/ntb.h`).
struct NTBIntroduction: Equatable {
    /// Of this attempt, never 0.
    var number: UInt32
    var side: Side
    /// Its memory that the other end reaches.
    var byteCount: UInt64
    /// 0: it cannot be rung.
    var doorbellCount: Int

    /// In the order of the scratchpads from `VOP_NTB_SPAD_MAGIC` on.
    private var words: [UInt32] {
        [
            VOP_NTB_MAGIC, UInt32(VOP_NTB_VERSION),
            UInt32(side == .host ? VOP_NTB_HOST : VOP_NTB_GUEST),
            UInt32(truncatingIfNeeded: byteCount), UInt32(truncatingIfNeeded: byteCount >> 32),
            UInt32(doorbellCount),
        ]
    }

    func write(to bridge: some NonTransparentBridge) {
        Self.withdraw(from: bridge)
        for (index, word) in words.enumerated() { bridge.setPeerScratchpad(index + 1, word) }
        bridge.setPeerScratchpad(Self.numberIndex, number)
    }

    /// Says that nobody is here.
    static func withdraw(from bridge: some NonTransparentBridge) {
        bridge.setPeerScratchpad(Self.numberIndex, 0)
        // ORDER: full; pairs with the fence in `init`: what is written from here on belongs to no number from before.
        fullFence()
    }

    /// What the other end says now, copied once; `nil` while it says nothing, or is just saying something else.
    ///
    /// - Throws: what no end of ours says (the peer's fault).
    init?(of bridge: some NonTransparentBridge) throws(MeetingRefusal) {
        let number = bridge.scratchpad(Self.numberIndex)
        guard number != 0 else { return nil }
        let words = (1...6).map { bridge.scratchpad($0) }
        // ORDER: full; pairs with the fence in `withdraw`.
        fullFence()
        guard bridge.scratchpad(Self.numberIndex) == number else { return nil }
        guard words[0] == VOP_NTB_MAGIC else {
            throw MeetingRefusal("its scratchpads speak no protocol of ours")
        }
        guard words[1] == UInt32(VOP_NTB_VERSION) else {
            throw MeetingRefusal(
                .version, "its scratchpads speak version \(words[1]); \(VOP_NTB_VERSION) is known here")
        }
        let side = bridge.side.peer
        guard words[2] == UInt32(side == .host ? VOP_NTB_HOST : VOP_NTB_GUEST) else {
            throw MeetingRefusal("the other port is no \(side.rawValue)'s")
        }
        let byteCount = UInt64(words[3]) | UInt64(words[4]) << 32
        guard byteCount <= UInt64(bridge.peerMemory.byteCount), byteCount >= UInt64(Self.smallestMemory),
            byteCount % 4096 == 0
        else {
            throw MeetingRefusal(
                .window,
                "a memory of \(byteCount) bytes; a multiple of 4096 from \(Self.smallestMemory) to \(bridge.peerMemory.byteCount) can be reached"
            )
        }
        guard words[5] <= UInt32(VOP_NTB_DOORBELLS) else {
            throw MeetingRefusal(
                .doorbells, "\(words[5]) doorbells; a bridge has at most \(VOP_NTB_DOORBELLS)")
        }
        self.init(
            number: number, side: side, byteCount: byteCount, doorbellCount: Int(words[5]))
    }

    init(number: UInt32, side: Side, byteCount: UInt64, doorbellCount: Int) {
        self.number = number
        self.side = side
        self.byteCount = byteCount
        self.doorbellCount = doorbellCount
    }

    /// The link header's page, the device page, and one device with something to spare.
    static let smallestMemory = 1 << 16
    static let numberIndex = Int(VOP_NTB_SPAD_NUMBER)
}
