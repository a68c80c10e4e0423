import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage

/// A peer gone bad: writes anything over some memory, and rings everything, without end, on a thread of its own.
///
/// It always works equally hard. While it is turned away its bytes go to memory of its own, and its doorbells to nobody,
/// so that what it costs the machine is the same, and what differs is what it does to others.
final class Attacker {
    /// What it may write over, and whom it rings.
    ///
    /// SAFETY: windows are for any thread; whoever made the target leaves its link alone, or only rings it as well.
    struct Target: @unchecked Sendable {
        let places: [MemoryWindow]
        let ring: (Int) -> Void
    }

    private final class Shared: Sendable {
        let isOver = Atomic(false)
        let isTurnedOn = Atomic(false)
        let ringCount = Atomic(0)
    }

    private let shared = Shared()
    private let thread: Thread

    init(on target: Target) throws {
        let (shared, nobody) = (shared, try EventCounter())
        let dummy = target.places.map { MemoryWindow.heap(byteCount: $0.byteCount) }
        thread = try Thread("attacker") {
            var dice = SystemRandomNumberGenerator()
            while !shared.isOver.load(ordering: .relaxed) {
                let isTurnedOn = shared.isTurnedOn.load(ordering: .relaxed)
                let places = isTurnedOn ? target.places : dummy
                for _ in 0..<16 {
                    let value = dice.next()
                    let place = places[Int(value >> 8 & 0xFFFF) % places.count]
                    place.store8(UInt8(truncatingIfNeeded: value), at: Int(value >> 32) % place.byteCount)
                }
                let number = shared.ringCount.add(1, ordering: .relaxed).newValue
                if isTurnedOn { target.ring(number % 16) } else { nobody.signalShared() }
            }
        }
    }

    func turn(on isOn: Bool) { shared.isTurnedOn.store(isOn, ordering: .relaxed) }

    /// Doorbells so far, to nobody as well.
    var ringCount: Int { shared.ringCount.load(ordering: .relaxed) }

    func end() {
        shared.isOver.store(true, ordering: .relaxed)
        thread.join()
    }
}
