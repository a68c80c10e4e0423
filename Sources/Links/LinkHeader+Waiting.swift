import CVOP
import LinuxSystem
import SharedMemory
import Virtio

/// What each side says of its waiting (`struct vop_link_waiting`), so that a peer that looks by itself is not rung.
///
/// ```
///   who waits                            who has something
///   asleep  (store)                      index  (store)
///   full fence                           full fence
///   looks at the rings once more         reads the other's state: polling? then it is not rung
/// ```
/// Of the two loads one at least sees the other's store. What a peer writes here costs time and nothing else:
/// `SparedRings` bounds how long a ring is missing, `SpinBudget` how long we look in vain.
extension LinkHeader {
    /// Says that this side looks by itself, and where it runs.
    func announcePolling(on processor: UInt32) {
        memory.store32(processor &+ 1, at: own + 4)
        memory.store32(UInt32(VOP_WAITING_POLLING), at: own)
    }

    /// Says that this side must be rung from now on. Whoever says so looks at the rings once more before it sleeps.
    func announceSleep() {
        memory.store32(UInt32(VOP_WAITING_ASLEEP), at: own)
        // ORDER: full; pairs with the peer's fence between its ring's index and its look at this state.
        fullFence()
    }

    /// Where this side runs, for a peer that thinks about polling; `.max` means nothing, and is 0 in the header.
    func announce(processor: UInt32) { memory.store32(processor &+ 1, at: own + 4) }

    /// The peer says that it looks by itself.
    var isPeerPolling: Bool {
        // ORDER: relaxed; the publishing of a ring's index has a full fence behind it, which pairs with `announceSleep`.
        memory.load32(at: other) == UInt32(VOP_WAITING_POLLING)
    }

    /// The peer says that it runs elsewhere.
    func isPeerApart(from processor: UInt32) -> Bool {
        let word = memory.load32(at: other + 4)
        return word != 0 && word != processor &+ 1
    }

    private var own: Int { waitingOffset(of: side) }
    private var other: Int { waitingOffset(of: side.peer) }
    func waitingOffset(of side: Side) -> Int {
        Int(side == .host ? VOP_LINK_HOST_WAITING_OFFSET : VOP_LINK_GUEST_WAITING_OFFSET)
    }
}
