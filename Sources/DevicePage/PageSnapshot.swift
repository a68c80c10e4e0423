internal import CVOP
public import SharedMemory

/// The page as it was at one time: a checked walk over private copies.
///
/// ```
///   24 ──► word ── 0 ──► the end
///           │ −1 ──► removed: step over it by its own lengths
///           │ 1…127 ──► a device: copy it, check the copy
///           └ anything else, or lengths that lead out of the page ──► broken: the walk ends here, and says so
/// ```
/// Each slot's type and lengths are read in one aligned 64-bit word. A host that publishes or retires meanwhile may
/// change words that were already read, so they are read again at the end, and the walk goes on anew from the first one that
/// differs, at most `attempts` times. Of a host that never holds still only what stands before such a word counts.
public struct PageSnapshot: Sendable, Equatable {
    public enum Slot: Sendable, Hashable {
        case device(DeviceEntry)
        case removed(at: PageOffset, byteCount: Int)
    }

    public enum Ending: Sendable, Hashable {
        /// A slot of type 0.
        case end(PageOffset)
        /// The last slot ends where the page does.
        case full
        /// The peer's fault; slots before it stand, those behind it cannot be found.
        case broken(PeerViolation)
        /// The host was writing here all the while; slots before it stand. Look again: its doorbell rings when it is done.
        case changing(PageOffset)
    }

    public let bootParameters: BootParameters
    public let slots: [Slot]
    public let ending: Ending

    public static let attempts = 64

    /// - Precondition: `page` holds 4096 bytes.
    public init(copyingFrom page: MemoryWindow) {
        precondition(page.byteCount >= PageOffset.pageByteCount, "a device page has 4096 bytes")
        bootParameters = BootParameters(copyingFrom: page)
        var walk = PageWalk(page)
        var attempts = 1
        while !walk.dropChanged() {
            guard attempts < Self.attempts else {
                walk.ending = .changing(walk.next)
                break
            }
            attempts += 1
            walk.resume()
        }
        slots = walk.slots
        ending = walk.ending
    }

    public var devices: [DeviceEntry] {
        slots.compactMap { slot in
            if case .device(let entry) = slot { entry } else { nil }
        }
    }

    /// What broke the walk, if anything did.
    public var violation: PeerViolation? {
        if case .broken(let violation) = ending { violation } else { nil }
    }
}

/// One pass over the slots, which can be taken up again where it went wrong.
private struct PageWalk {
    let page: MemoryWindow
    var slots: [PageSnapshot.Slot] = []
    var ending = PageSnapshot.Ending.full
    /// Every word that was walked by: one for each slot, and the one that ended the walk.
    var words: [(at: PageOffset, word: SlotWord)] = []
    /// Where to go on.
    var next = PageOffset.firstSlot

    init(_ page: MemoryWindow) {
        self.page = page
        resume()
    }

    /// Walks from `next` on.
    mutating func resume() {
        ending = .full
        do throws(PeerViolation) {
            while let end = try step(at: next) {
                guard let following = PageOffset(rawValue: end) else { return }
                next = following
            }
        } catch {
            ending = .broken(error)
        }
    }

    /// Takes one slot; where it ends, or `nil` at the end of the list.
    private mutating func step(at offset: PageOffset) throws(PeerViolation) -> Int? {
        let word = Self.word(in: page, at: offset)
        words.append((offset, word))
        if word.isEnd {
            ending = .end(offset)
            return nil
        }
        if word.isRemoved {
            // Lengths of a removed slot only say how far to step, so only the page bounds them.
            try word.shape.checkEnd(at: offset)
            slots.append(.removed(at: offset, byteCount: word.shape.byteCount))
        } else {
            let index = SlotIndex(rawValue: slots.count)
            slots.append(.device(try DeviceEntry(word: word, copyingFrom: page, at: offset, index: index)))
        }
        return offset.rawValue + word.shape.byteCount
    }

    /// Reads all words again and forgets what lies from the first changed one on.
    ///
    /// - Returns: true when none has changed.
    mutating func dropChanged() -> Bool {
        // ORDER: acquire; pairs with the release fences in `PagePublisher`. What was copied was copied before the words
        // are read again.
        MemoryOrder.acquire()
        let changed = words.indices.first { index in
            !Self.word(in: page, at: words[index].at).sameSlot(as: words[index].word)
        }
        guard let changed else { return true }
        next = words[changed].at
        words.removeSubrange(changed...)
        slots.removeSubrange(min(changed, slots.count)...)
        return false
    }

    private static func word(in page: MemoryWindow, at offset: PageOffset) -> SlotWord {
        // ORDER: acquire; pairs with the releasing store of the same word in `PagePublisher`, so that the slot's bytes
        // are those that the type was published with.
        SlotWord(rawValue: page.loadAcquiring64(at: offset.rawValue))
    }
}
