import ControlTree
import Links
import SharedMemory
import SystemPackage
import Virtio

/// One request to the peer, and what comes of its answer.
struct RequestRun: ExerciseRun {
    private let post: (inout NearSide) -> Void
    private let take: (TestAnswer, inout NearSide) -> ExerciseOutcome
    private var isAsked = false
    private(set) var deadline: ContinuousClock.Instant?

    /// - Parameter take: of an answer whose status is done.
    init(
        _ post: @escaping (inout NearSide) -> Void,
        take: @escaping (TestAnswer, inout NearSide) -> ExerciseOutcome
    ) {
        self.post = post
        self.take = take
    }

    mutating func advance(_ near: inout NearSide) -> ExerciseOutcome? {
        guard isAsked else {
            post(&near)
            isAsked = true
            deadline = near.asker.deadline
            return nil
        }
        if let answer = near.takeAnswer() {
            guard answer.status == TestStatus.done.rawValue else { return .refused(Self.refusal(of: answer)) }
            return take(answer, &near)
        }
        guard near.asker.isOverdue else { return nil }
        near.giveUp()
        return .refused(near.silence)
    }

    private static func refusal(of answer: TestAnswer) -> Refusal {
        switch TestStatus(rawValue: answer.status) {
        case .unknown: Refusal(.notSupported, "the other side does not know this test; it is older")
        case .range:
            Refusal(
                .badAddress, "the other side refuses that range; reserve first, and stay in what is reserved")
        case .noMemory:
            Refusal(.noMemory, "the other side has no such memory free in its windows; ask for less")
        case .inUse:
            Refusal(
                .resourceBusy,
                "of that the other side uses \(answer.byteCount) bytes at 0x\(String(answer.address, radix: 16))"
            )
        case .done, nil:
            Refusal(
                .protocolError, "the other side answered with status \(answer.status), which means nothing")
        }
    }
}

extension RequestRun {
    /// Sets memory aside on both sides.
    static func reserve(_ order: ExerciseOrder) throws(Refusal) -> any ExerciseRun {
        try order.require(only: "bytes", "side")
        // Alone where the other side does not answer.
        let isAlone = try order.word("side", among: ["near", "both"], standard: "both") == "near"
        let byteCount = try order.number("bytes", in: TestAnswerer.byteCounts, standard: 1 << 20)
        if isAlone { return HandRun { near in near.reserveNear(byteCount) } }
        return RequestRun { near in
            near.releaseNear()
            near.ask(.reserve, byteCount: byteCount)
        } take: { answer, near in
            do {
                let range = try PeerRange(untrustedAddress: answer.address, byteCount: answer.byteCount)
                _ = try near.link.windows(of: near.link.side.peer).resolve(range)
                guard range.byteCount == byteCount else {
                    throw Refusal(
                        .protocolError, "the other side set \(range.byteCount) bytes aside, not \(byteCount)")
                }
                near.areas.far = range
            } catch let refusal as Refusal {
                return .refused(refusal)
            } catch {
                return .refused(
                    Refusal(.protocolError, "the other side set aside what is not its own: \(error)"))
            }
            return near.reserveNear(byteCount)
        }
    }

    static func release(_ order: ExerciseOrder) throws(Refusal) -> RequestRun {
        try order.require()
        return RequestRun { near in
            near.releaseNear()
            near.ask(.release)
        } take: { _, _ in
            .report("")
        }
    }
}

extension NearSide {
    /// Sets aside what is ours, beside what the other side has.
    mutating func reserveNear(_ byteCount: UInt64) -> ExerciseOutcome {
        let far = areas.far
        releaseNear()
        areas.far = far
        do throws(LinkError) {
            areas.near = try link.allocate(byteCount: Int(byteCount), alignment: 4096)
            return .report(areas.text)
        } catch { return .refused(Refusal(.noMemory, "\(error); ask for less")) }
    }
}

extension TestAreas {
    var text: String {
        [("near", near), ("far", far)].compactMap { name, range in
            range.map { "\(name) 0x\(String($0.address, radix: 16)) \($0.byteCount)\n" }
        }.joined()
    }
}
