import SharedMemory
import Virtio

/// One end of a non-transparent bridge, with what Linux's NTB interface (`linux/ntb.h`) gives a client of it: registers of
/// 32 bits that the other end writes, bits that ring, and for each end a memory that the other reaches through a window.
/// Whoever uses it reads its own scratchpads and writes the other's, so that every store across the bridge is posted and
/// nothing is read across it.
///
/// Two ends: port 0 is the host's, port 1 the guest's. Used by its link's thread; nothing blocks.
protocol NonTransparentBridge: AnyObject {
    /// Whose end this is.
    var side: Side { get }
    /// Ours, which the other end reaches.
    var memory: MemoryWindow { get }
    /// The window on the other's.
    var peerMemory: MemoryWindow { get }

    /// `ntb_spad_read`
    ///
    /// - Precondition: `index` is below 32; so everywhere here.
    func scratchpad(_ index: Int) -> UInt32
    /// `ntb_peer_spad_write`
    func setPeerScratchpad(_ index: Int, _ value: UInt32)

    /// `ntb_db_read` and `ntb_db_clear`: those that were rung since the last time, a bit each. What whoever rang had
    /// written before is seen after this.
    func takeDoorbells() -> UInt32
    /// `ntb_peer_db_set`: behind everything that was stored before.
    func ringPeer(_ bits: UInt32)
}

extension Side {
    /// Which port of a bridge is this side's: the host's is 0, the guest's 1.
    var port: PeerNumber { PeerNumber(rawValue: self == .host ? 0 : 1) }
}
