import ControlTree
import Links
import SharedMemory
import SystemPackage

/// Stores one word in a window, where nobody uses it: the side that has the window is asked first.
struct PokeRun: ExerciseRun {
    private let place: WindowPlace
    private let value: UInt64
    private let isForced: Bool
    private var isAsked = false
    private(set) var deadline: ContinuousClock.Instant?

    init(_ order: ExerciseOrder, _ near: NearSide) throws(Refusal) {
        try order.require(only: "side", "window", "offset", "width", "value", "force")
        place = try WindowPlace(order, near, countName: nil)
        value = try order.number("value", in: 0...place.largest)
        isForced = try order.number("force", in: 0...1, standard: 0) == 1
    }

    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? {
        if isForced { return store() }
        if isPage(near) { return .refused(inUse("the device page")) }
        if !place.isFar {
            let isUsed = near.link.uses(place.address, UInt64(place.width), besides: near.areas.near) ?? true
            return isUsed ? .refused(inUse("a ring, or a buffer, of a device on this side")) : store()
        }
        if let area = near.areas.far, place.address >= area.address, place.address < area.end {
            return store()
        }
        guard isAsked else {
            near.ask(.use, target: place.address, byteCount: UInt64(place.width))
            (isAsked, deadline) = (true, near.asker.deadline)
            return nil
        }
        if let answer = near.takeAnswer() {
            guard answer.status == TestStatus.done.rawValue else {
                let isInUse = answer.status == TestStatus.inUse.rawValue
                return .refused(
                    inUse(
                        isInUse
                            ? "a ring, or a buffer, of a device on the other side, by its own word"
                            : "perhaps, since the other side cannot say"))
            }
            return store()
        }
        guard near.asker.isOverdue else { return nil }
        near.giveUp()
        let silence = near.silence
        return .refused(
            Refusal(
                silence.errno,
                "whether that is in use nobody knows: \(silence.message) Force it to write all the same"))
    }

    private func store() -> ExerciseOutcome {
        let before = place.load(0)
        place.store(value)
        return .report(
            "at \(place.offset) 0x\(String(value, radix: 16))\nwas 0x\(String(before, radix: 16))\n")
    }

    private func isPage(_ near: NearSide) -> Bool {
        let page = near.link.devicePageAddress
        return place.address >= page && place.address - page < UInt64(MeetingLimits.devicePageByteCount)
    }

    private func inUse(_ what: String) -> Refusal {
        Refusal(
            .resourceBusy,
            "\(place.width) bytes at offset \(place.offset) are in use: \(what); choose others, or force it")
    }
}

/// Waits for one of our doorbells, as it has rung since somebody last asked.
struct AwaitRun: ExerciseRun {
    private let doorbell: DoorbellNumber
    private let end: ContinuousClock.Instant

    init(_ order: ExerciseOrder, _ near: NearSide) throws(Refusal) {
        try order.require(only: "doorbell", "limit_ms")
        doorbell = try order.doorbell("doorbell", count: near.link.doorbellCount)
        end = .now + .milliseconds(Int64(try order.number("limit_ms", in: 0...10_000, standard: 1000)))
    }

    var deadline: ContinuousClock.Instant? { end }

    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? {
        let hasCome = near.came.contains(doorbell)
        guard hasCome || end <= .now else { return nil }
        defer { near.came = DoorbellSet() }
        return .report("rang \(hasCome ? 1 : 0)\ncame 0x\(String(near.came.firstWord, radix: 16))\n")
    }
}
