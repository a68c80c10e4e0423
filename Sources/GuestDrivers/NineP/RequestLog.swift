import LinuxSystem
import NineP
import SharedMemory

/// What a 9p driver must know after a SIGKILL: the requests that its device has, or has answered, and whose session they
/// are of. In a file of its own on tmpfs that no peer can write, changed by single stores.
///
/// ```
///   0  magic          8  life: which time of being driven this is about, 0 between lives
///   16 requests submitted in this life
///   24 the session's client: process, 32 its start time, 40 msize; 0 while there is no session
///   4096  entries of 128 bytes
///
///   0  standing       8  sequence            16 request's address   24 reply's address
///   32 request bytes | reply bytes << 32     40 head | last << 16 | tag << 32 | type << 48 | prefix bytes << 56
///   48 flags          56 sequence of the request its Tflush names   64 the first bytes of its frame
/// ```
/// A request counts from the store of the number submitted on, which follows its entry and comes before the available
/// index. That its chain came back is one store to its standing; so how many used elements were taken is as many as were
/// submitted and are not in flight. An entry is free again when its reply has gone to the client as a whole.
final class RequestLog {
    /// The client of the session that is on.
    struct Client: Equatable {
        let process: CInt
        let startTime: UInt64
        let messageSize: UInt32
    }

    struct Entry {
        let record: RequestRecord
        let head: UInt16
        let last: UInt16
        /// What the device wrote, once it has answered.
        let written: UInt32?
    }

    static let byteCount = entriesOffset + entryCount * entryByteCount
    private static let magic: UInt64 = 0x31_5152_4750_4F56_31  // 1VOPGRQ1
    private static let (lifeOffset, submittedOffset, clientOffset) = (8, 16, 24)
    private static let (entriesOffset, entryByteCount, entryCount) = (4096, 128, 512)
    private static let (inFlight, answered): (UInt64, UInt64) = (1, 2)

    private let window: MemoryWindow
    private var freeSlots = Array((0..<entryCount).reversed())

    init(in window: MemoryWindow) {
        precondition(window.byteCount >= Self.byteCount, "a record of another length")
        self.window = window
        guard window.load64(at: 0) != Self.magic else { return }
        window.zero(at: 0, byteCount: Self.byteCount)
        window.storeReleasing64(Self.magic, at: 0)
    }

    /// Requests that can still be written down.
    var freeCount: Int { freeSlots.count }
    var life: UInt64 { window.load64(at: Self.lifeOffset) }
    var submitted: UInt64 { window.load64(at: Self.submittedOffset) }

    // ORDER (all stores below): release, so that the compiler keeps them in this order among themselves and about the
    // available index; whoever reads comes after the kill that ended their writer.

    /// A life begins: nothing is in flight.
    func begin(life: UInt64) {
        end()
        for slot in 0..<Self.entryCount { store(0, slot, 0) }
        setClient(nil)
        window.storeReleasing64(0, at: Self.submittedOffset)
        window.storeReleasing64(life, at: Self.lifeOffset)
    }

    func end() { window.storeReleasing64(0, at: Self.lifeOffset) }

    // MARK: The session

    func setClient(_ client: Client?) {
        window.storeReleasing64(0, at: Self.clientOffset + 16)
        guard let client else { return }
        window.store64(UInt64(client.process), at: Self.clientOffset)
        window.store64(client.startTime, at: Self.clientOffset + 8)
        window.storeReleasing64(UInt64(client.messageSize), at: Self.clientOffset + 16)
    }

    var client: Client? {
        guard let messageSize = UInt32(exactly: window.load64(at: Self.clientOffset + 16)), messageSize > 0,
            let process = CInt(exactly: window.load64(at: Self.clientOffset))
        else { return nil }
        return Client(
            process: process, startTime: window.load64(at: Self.clientOffset + 8), messageSize: messageSize)
    }

    // MARK: Requests

    /// - Precondition: one is free.
    func takeSlot() -> Int {
        guard let slot = freeSlots.popLast() else {
            preconditionFailure("more requests than the record holds")
        }
        return slot
    }

    /// A chain is committed, and not published.
    func submit(_ record: RequestRecord, _ slot: Int, head: UInt16, last: UInt16) {
        store(record.sequence, slot, 8)
        store(record.request.address, slot, 16)
        store(record.reply.address, slot, 24)
        store(record.request.byteCount | record.reply.byteCount << 32, slot, 32)
        let prefix = record.prefix.prefix(RequestRecord.prefixByteCount)
        let frame = UInt64(record.tag.rawValue) << 32 | UInt64(record.type) << 48 | UInt64(prefix.count) << 56
        store(UInt64(head) | UInt64(last) << 16 | frame, slot, 40)
        store(record.flags, slot, 48)
        store(record.flushes ?? .max, slot, 56)
        window.write(Array(prefix), at: Self.offset(slot) + 64)
        store(Self.inFlight, slot, 0)
        window.storeReleasing64(record.sequence + 1, at: Self.submittedOffset)
    }

    /// What is known of it has changed.
    func note(_ record: RequestRecord) {
        guard let slot = record.slot else { return }
        store(record.flags, slot, 48)
    }

    /// Its chain came back; from now on the head is another's.
    func complete(_ slot: Int, written: UInt32) { store(Self.answered | UInt64(written) << 32, slot, 0) }

    /// Nothing of it is needed any more.
    func clear(_ slot: Int) {
        store(0, slot, 0)
        freeSlots.append(slot)
    }

    // MARK: After a kill

    /// Everything of the life that is not over, oldest first; `nil` when that is not what this writes.
    func entries() -> [Entry]? {
        var entries: [Entry] = []
        var free: [Int] = []
        for slot in 0..<Self.entryCount {
            guard load(slot, 0) != 0, load(slot, 8) < submitted else {
                free.append(slot)
                continue
            }
            guard let entry = entry(slot) else { return nil }
            entries.append(entry)
        }
        freeSlots = free.reversed()
        return entries.sorted { $0.record.sequence < $1.record.sequence }
    }

    private func entry(_ slot: Int) -> Entry? {
        let (standing, places, flushes) = (load(slot, 0), load(slot, 40), load(slot, 56))
        let counts = load(slot, 32)
        let prefixCount = Int(places >> 56)
        guard standing & 0xFFFF_FFFF == Self.inFlight || standing & 0xFFFF_FFFF == Self.answered,
            prefixCount <= RequestRecord.prefixByteCount
        else { return nil }
        do throws(PeerViolation) {
            var record = RequestRecord(
                tag: Tag(rawValue: UInt16(truncatingIfNeeded: places >> 32)),
                type: UInt8(truncatingIfNeeded: places >> 48), sequence: load(slot, 8),
                request: try PeerRange(untrustedAddress: load(slot, 16), byteCount: counts & 0xFFFF_FFFF),
                reply: try PeerRange(untrustedAddress: load(slot, 24), byteCount: counts >> 32),
                prefix: window.bytes(at: Self.offset(slot) + 64, byteCount: prefixCount))
            record.flushes = flushes == .max ? nil : flushes
            record.flags = load(slot, 48)
            record.slot = slot
            return Entry(
                record: record, head: UInt16(truncatingIfNeeded: places),
                last: UInt16(truncatingIfNeeded: places >> 16),
                written: standing & 0xFFFF_FFFF == Self.answered ? UInt32(standing >> 32) : nil)
        } catch { return nil }
    }

    private static func offset(_ slot: Int) -> Int { entriesOffset + slot * entryByteCount }
    private func load(_ slot: Int, _ place: Int) -> UInt64 { window.load64(at: Self.offset(slot) + place) }
    private func store(_ value: UInt64, _ slot: Int, _ place: Int) {
        window.storeReleasing64(value, at: Self.offset(slot) + place)
    }
}

extension RequestRecord {
    /// What may change of it while it is under way, and outlives this process.
    fileprivate(set) var flags: UInt64 {
        get { (mayStayUnanswered ? 1 : 0) | (isOrphan ? 2 : 0) | (endsSession ? 4 : 0) }
        set {
            mayStayUnanswered = newValue & 1 != 0
            isOrphan = newValue & 2 != 0
            endsSession = newValue & 4 != 0
        }
    }
}
