import ControlTree
import Links
import SharedMemory
import SystemPackage
import Virtio

/// What is done at once: looking, and ringing.
struct HandRun: ExerciseRun {
    private let perform: (inout NearSide) -> ExerciseOutcome

    init(_ perform: @escaping (inout NearSide) -> ExerciseOutcome) { self.perform = perform }

    var deadline: ContinuousClock.Instant? { nil }
    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? { perform(&near) }

    static func state(_ order: ExerciseOrder) throws(Refusal) -> HandRun {
        try order.require()
        return HandRun { near in
            let windows = [("near", near.link.side), ("far", near.link.side.peer)].map { name, side in
                near.link.windows(of: side).placements.map { "\(name)_window \($0.window.byteCount)\n" }
                    .joined()
            }
            return .report(
                """
                kind \(near.link.kind)
                side \(near.link.side.rawValue)
                doorbells \(near.link.doorbellCount)
                answering \(near.lines.isAnswering ? 1 : 0)
                engine none

                """ + windows.joined() + near.areas.text)
        }
    }

    static func ring(_ order: ExerciseOrder, _ near: NearSide) throws(Refusal) -> HandRun {
        try order.require(only: "doorbell")
        let doorbell = try order.doorbell("doorbell", count: near.link.doorbellCount)
        return HandRun { near in
            near.link.ring(doorbell)
            return .report("rung \(doorbell)\n")
        }
    }

    static func peek(_ order: ExerciseOrder, _ near: NearSide) throws(Refusal) -> HandRun {
        try order.require(only: "side", "window", "offset", "width", "count")
        let place = try WindowPlace(order, near, countName: "count")
        return HandRun { _ in
            .report(
                (0..<place.count).map { index in
                    "at \(place.offset + index * place.width) 0x\(String(place.load(index), radix: 16))\n"
                }.joined())
        }
    }
}

/// Words in a window of either side, as somebody named them.
struct WindowPlace {
    let window: MemoryWindow
    let address: UInt64
    let offset: Int
    let width: Int
    let count: Int
    let isFar: Bool

    /// - Parameter countName: `nil` for one word.
    init(_ order: ExerciseOrder, _ near: NearSide, countName: String?) throws(Refusal) {
        isFar = try order.word("side", among: ["near", "far"]) == "far"
        let windows = near.link.windows(of: isFar ? near.link.side.peer : near.link.side).placements
        guard !windows.isEmpty else { throw Refusal(.socketNotConnected, "the link has no peer") }
        let index = try order.number("window", in: 0...UInt64(windows.count - 1), standard: 0)
        let placement = windows[Int(index)]
        guard let width = Int(try order.word("width", among: ["1", "2", "4", "8"], standard: "4")) else {
            throw Refusal(.invalidArgument, "width is 1, 2, 4 or 8")
        }
        count =
            try countName.map { name throws(Refusal) in
                Int(try order.number(name, in: 1...256, standard: 1))
            } ?? 1
        let last = UInt64(placement.window.byteCount - width * count)
        offset = Int(try order.number("offset", in: 0...last))
        guard offset % width == 0 else {
            throw Refusal(.invalidArgument, "offset \(offset) is no multiple of the width, \(width)")
        }
        self.width = width
        window = placement.window
        address = placement.base + UInt64(offset)
    }

    func load(_ index: Int) -> UInt64 {
        let place = offset + index * width
        return switch width {
        case 1: UInt64(window.load8(at: place))
        case 2: UInt64(window.load16(at: place))
        case 4: UInt64(window.load32(at: place))
        default: window.load64(at: place)
        }
    }

    func store(_ value: UInt64) {
        switch width {
        case 1: window.store8(UInt8(truncatingIfNeeded: value), at: offset)
        case 2: window.store16(UInt16(truncatingIfNeeded: value), at: offset)
        case 4: window.store32(UInt32(truncatingIfNeeded: value), at: offset)
        default: window.store64(value, at: offset)
        }
    }

    /// The largest value that it holds.
    var largest: UInt64 { width == 8 ? .max : 1 << UInt64(8 * width) - 1 }
}

extension Link {
    /// Whether something of ours uses any of a range of our own windows, `nil` where it is none of those.
    ///
    /// - Parameter area: what is set aside for tests, which is nobody's.
    func uses(_ address: UInt64, _ byteCount: UInt64, besides area: PeerRange?) -> Bool? {
        do throws(PeerViolation) {
            let range = try PeerRange(untrustedAddress: address, byteCount: byteCount)
            _ = try windows(of: side).resolve(range)
            if let area, range.address >= area.address, range.end <= area.end { return false }
            // Taken for a moment: nobody has it, then.
            guard reclaim(range) else { return true }
            free(range)
            return false
        } catch { return nil }
    }
}
