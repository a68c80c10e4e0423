/// The host's own record of what lies where in its page. The page is never asked: the guest can write it.
///
/// ```
///   24                                                    tail                     4096
///   | live | hole | hole | live | quarantined | live | …  | 0                         |
/// ```
/// Adjacent holes are kept as few as the profile allows (a slot has at most 272 bytes); holes before the tail become
/// tail. A place of `n` bytes fits a run of adjacent holes of `r` bytes when `n = r`, or when at least the 24 bytes of
/// an empty slot remain; it fits the tail when it ends inside the page, or exactly where the page ends.
struct PageLayout {
    struct Extent: Equatable {
        var offset: Int
        var byteCount: Int
        var use: Use

        enum Use: Equatable {
            case live
            case hole
            /// Given up by us, but perhaps still used by the guest: nobody else gets it.
            case quarantined
        }

        var end: Int { offset + byteCount }
    }

    /// What must be written so that a walker sees the place at no time as anything but whole slots.
    struct Placement: Equatable {
        let offset: PageOffset
        /// Slots of type −1 to write first, inside a hole's body where no walk comes: then, in this order…
        var fillers: [Extent] = []
        /// …the place itself as one removed slot of the new length, where it takes in more than one hole, or where the
        /// tail begins…
        var reshapes = false
        /// …a word of zero behind it, which will end the list.
        var endsListAt: Int?
    }

    private(set) var extents: [Extent] = []
    private(set) var tail = PageOffset.firstSlot.rawValue

    init() {}

    /// As it was, by the places that are taken; what lies between is free.
    ///
    /// - Returns: `nil` when they overlap, or do not lie in the page, or leave gaps that no slot can fill.
    init?(_ places: [PagePlace]) {
        for place in places.sorted(by: { $0.offset < $1.offset }) {
            let byteCount = place.shape.byteCount
            guard place.offset >= tail, place.offset % 8 == 0, byteCount <= Self.greatestHole,
                place.offset <= Self.limit - byteCount, fill(upTo: place.offset)
            else { return nil }
            extents.append(
                Extent(
                    offset: place.offset, byteCount: byteCount,
                    use: place.isQuarantined ? .quarantined : .live))
            tail = place.offset + byteCount
        }
    }

    /// Holes from the tail to `end`, as long as may be and none too short.
    private mutating func fill(upTo end: Int) -> Bool {
        while tail < end {
            let rest = end - tail
            guard rest >= Self.leastHole else { return false }
            var length = min(rest, Self.greatestHole)
            if rest - length > 0, rest - length < Self.leastHole { length -= Self.leastHole }
            extents.append(Extent(offset: tail, byteCount: length, use: .hole))
            tail += length
        }
        return true
    }

    static let limit = PageOffset.pageByteCount
    private static let leastHole = SlotShape.byteCountMinimum
    private static let greatestHole = SlotShape.byteCountMaximum

    // MARK: Taking

    /// Takes a place for `byteCount` bytes: a hole of that very length, else the tightest hole that can be split, else
    /// the tail, else a run of several holes. `nil` when none fits.
    mutating func take(_ byteCount: Int) -> Placement? {
        if let run = tightestRun(for: byteCount, ofSingleHoles: true) { return take(byteCount, from: run) }
        if tail + byteCount <= Self.limit { return takeTail(byteCount) }
        guard let run = tightestRun(for: byteCount, ofSingleHoles: false) else { return nil }
        return take(byteCount, from: run)
    }

    /// The longest slot that could be taken now.
    var largestPlace: Int {
        max(Self.limit - tail, runs.map { length(of: $0) }.max() ?? 0)
    }

    var freeByteCount: Int { Self.limit - tail + runs.reduce(0) { $0 + length(of: $1) } }

    private mutating func takeTail(_ byteCount: Int) -> Placement {
        let offset = tail
        tail += byteCount
        extents.append(Extent(offset: offset, byteCount: byteCount, use: .live))
        return Placement(offset: PageOffset(offset), endsListAt: tail < Self.limit ? tail : nil)
    }

    /// Takes the run's first bytes; what remains of the holes that are touched becomes fillers.
    private mutating func take(_ byteCount: Int, from run: Range<Int>) -> Placement {
        let offset = extents[run.lowerBound].offset
        var count = 1
        while !Self.fits(byteCount, in: length(of: run.lowerBound..<run.lowerBound + count)) { count += 1 }
        let taken = run.lowerBound..<run.lowerBound + count
        let fillers = Self.fillers(at: offset + byteCount, byteCount: length(of: taken) - byteCount)
        extents.replaceSubrange(
            taken, with: [Extent(offset: offset, byteCount: byteCount, use: .live)] + fillers)
        return Placement(offset: PageOffset(offset), fillers: fillers, reshapes: count > 1)
    }

    /// One removed slot, or two where one would be too long. A remainder over 272 began with 8 or 16 bytes of the hole
    /// before the last; the second filler's header then lies behind the last hole's, never upon it.
    private static func fillers(at offset: Int, byteCount: Int) -> [Extent] {
        guard byteCount > 0 else { return [] }
        guard byteCount > greatestHole else {
            return [Extent(offset: offset, byteCount: byteCount, use: .hole)]
        }
        let first = 2 * leastHole
        return [
            Extent(offset: offset, byteCount: first, use: .hole),
            Extent(offset: offset + first, byteCount: byteCount - first, use: .hole),
        ]
    }

    static func fits(_ byteCount: Int, in room: Int) -> Bool {
        byteCount == room || byteCount + leastHole <= room
    }

    // MARK: Giving back

    /// What a walker must be shown after a place was given back: removed slots to write, or the tail's new start.
    enum Change: Equatable {
        /// One removed slot of this length, which may take in its neighbours.
        case removed(at: Int, byteCount: Int)
        /// The list ends at `at` now; bytes up to `oldTail` are free.
        case tail(at: Int, oldTail: Int)
    }

    /// Makes a live or quarantined place free.
    mutating func give(back offset: PageOffset) -> Change {
        var index = position(of: offset)
        extents[index].use = .hole
        if let next = hole(at: index + 1), next + extents[index].byteCount <= Self.greatestHole {
            extents[index].byteCount += next
            extents.remove(at: index + 1)
        }
        if let previous = hole(at: index - 1), previous + extents[index].byteCount <= Self.greatestHole {
            extents[index - 1].byteCount += extents[index].byteCount
            extents.remove(at: index)
            index -= 1
        }
        return foldIntoTail() ?? .removed(at: extents[index].offset, byteCount: extents[index].byteCount)
    }

    /// Keeps a live place from being taken.
    mutating func quarantine(_ offset: PageOffset) { extents[position(of: offset)].use = .quarantined }

    func use(of offset: PageOffset) -> Extent.Use? { extents.first { $0.offset == offset.rawValue }?.use }

    private mutating func foldIntoTail() -> Change? {
        let oldTail = tail
        while let last = extents.last, last.use == .hole {
            tail = last.offset
            extents.removeLast()
        }
        return tail == oldTail ? nil : .tail(at: tail, oldTail: oldTail)
    }

    private func hole(at index: Int) -> Int? {
        guard extents.indices.contains(index), extents[index].use == .hole else { return nil }
        return extents[index].byteCount
    }

    private func position(of offset: PageOffset) -> Int {
        guard let index = extents.firstIndex(where: { $0.offset == offset.rawValue }) else {
            preconditionFailure("no slot of ours at \(offset)")
        }
        return index
    }

    // MARK: Runs

    /// Maximal runs of adjacent holes, as ranges of `extents`.
    private var runs: [Range<Int>] {
        var runs: [Range<Int>] = []
        for index in extents.indices where extents[index].use == .hole {
            if let last = runs.last, last.upperBound == index {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        return runs
    }

    private func length(of run: Range<Int>) -> Int { run.reduce(0) { $0 + extents[$1].byteCount } }

    private func tightestRun(for byteCount: Int, ofSingleHoles: Bool) -> Range<Int>? {
        let candidates =
            ofSingleHoles
            ? extents.indices.filter { extents[$0].use == .hole }.map { $0..<$0 + 1 }
            : runs
        return candidates.filter { Self.fits(byteCount, in: length(of: $0)) }
            .min { length(of: $0) < length(of: $1) }
    }
}
