import LinuxSystem
import SharedMemory
public import SystemPackage

/// What a queue's device role must know after a SIGKILL: which chains it had taken and not given back, in which order,
/// and the next token. In a file of its own on tmpfs that no peer can write, changed by single stores.
///
/// ```
///   0   magic    8   life: which activation this is about, 0 between lives
///   16  token of the life's first chain     24  token of the next chain; counts on, over all lives
///   64  one entry for each head: token of the chain in flight there, or 0  |  1 while it is being given back
/// ```
/// Giving chains back is decided by three stores in this order: their entries' marks, the used index in the ring, and
/// their entries' tokens back to 0. Whoever finds marks, finds out by the used index whether the driver saw the chains:
/// as many chains were shown as were taken and are not in flight.
public final class InFlightRecord {
    /// A chain that was in flight.
    struct Chain: Equatable {
        let head: UInt16
        let token: UInt64
        let isBeingGivenBack: Bool
    }

    static let byteCount = 4096
    private static let magic: UInt64 = 0x31_4C46_4E49_504F_56  // VOPINFL1
    private static let headLimit = (byteCount - entriesOffset) / entryByteCount
    private static let (lifeOffset, firstTokenOffset, nextTokenOffset) = (8, 16, 24)
    private static let (entriesOffset, entryByteCount) = (64, 16)

    private let window: MemoryWindow

    /// - Throws: why the file cannot be made or mapped.
    public init(at path: String) throws(Errno) {
        window = try MemoryWindow(MappedRecord(at: path, byteCount: Self.byteCount))
        guard window.load64(at: 0) != Self.magic else { return }
        window.zero(at: 0, byteCount: Self.byteCount)
        window.storeReleasing64(Self.magic, at: 0)
    }

    var life: UInt64 { window.load64(at: Self.lifeOffset) }
    var firstToken: UInt64 { window.load64(at: Self.firstTokenOffset) }
    /// Above every token ever given out.
    var nextToken: UInt64 { window.load64(at: Self.nextTokenOffset) }

    // ORDER (all stores below): release, so that the compiler keeps them in this order among themselves and about the
    // used index; whoever reads comes after the kill that ended their writer.

    /// A life begins: nothing is in flight.
    func begin(life: UInt64, nextToken: UInt64) {
        end()
        for head in 0..<Self.headLimit { clear(UInt16(head)) }
        window.storeReleasing64(nextToken, at: Self.nextTokenOffset)
        window.storeReleasing64(nextToken, at: Self.firstTokenOffset)
        window.storeReleasing64(life, at: Self.lifeOffset)
    }

    func end() { window.storeReleasing64(0, at: Self.lifeOffset) }

    /// A chain was taken. It counts from the second store on.
    func take(_ head: UInt16, token: UInt64) {
        window.store64(token, at: Self.offset(head))
        window.storeReleasing64(token + 1, at: Self.nextTokenOffset)
    }

    /// The used element is about to be written.
    func beginGivingBack(_ head: UInt16) { window.storeReleasing64(1, at: Self.offset(head) + 8) }

    /// The driver has not seen it, and will get it later.
    func takeBack(_ head: UInt16) { window.storeReleasing64(0, at: Self.offset(head) + 8) }

    /// The used index is published.
    func clear(_ head: UInt16) {
        window.storeReleasing64(0, at: Self.offset(head))
        window.storeReleasing64(0, at: Self.offset(head) + 8)
    }

    /// What was in flight when the life's process was killed, oldest first.
    func chains(size: Int) -> [Chain] {
        let tokens = firstToken..<max(firstToken, nextToken)
        return (0..<size).compactMap { head in
            let offset = Self.offset(UInt16(head))
            let token = window.load64(at: offset)
            guard tokens.contains(token) else { return nil }
            return Chain(
                head: UInt16(head), token: token, isBeingGivenBack: window.load64(at: offset + 8) != 0)
        }.sorted { $0.token < $1.token }
    }

    private static func offset(_ head: UInt16) -> Int { entriesOffset + entryByteCount * Int(head) }
}
