import Links
import LinuxSystem
import SharedMemory
import SystemPackage

/// A function that this process holds: the memory that both sides see, its registers, and its vectors.
final class OpenFunction {
    let candidate: LinkCandidate
    let access: LinkCandidate.Access
    let attachment: SharedMemoryAttachment
    private let registers: [BARIndex: RegisterBank]
    /// What gives the function back when it goes: after the mappings, which may outlive it.
    private let bars: any FunctionBARs

    /// - Parameter request: signalled when the kernel wants the function back.
    /// - Throws: what is in the way; what the kernel said; `.noAnswer`, which may come right.
    init(
        _ candidate: LinkCandidate, by access: LinkCandidate.Access, ownNumber: PeerNumber,
        request: EventCounter
    ) throws(PCIError) {
        let rule = candidate.rule
        let address = candidate.function.address
        let bars: any FunctionBARs =
            switch access {
            case .vfio: try VFIOBARs(candidate, request)
            case .polling: try ResourceBARs(candidate)
            }
        self.candidate = candidate
        self.access = access
        self.bars = bars
        registers = try Self.registers(of: rule, bars, address)
        let memory = try Self.memory(of: rule, bars, address)
        attachment = SharedMemoryAttachment(
            memory: memory,
            ownNumber: try Self.ownNumber(of: rule, registers, address) ?? ownNumber,
            vectors: rule.usesVectors ? try bars.vectors() : [])
    }

    /// The function does not answer any more, or its pages have been taken away.
    var isGone: Bool {
        if attachment.memory.hasVanished || registers.values.contains(where: \.hasVanished) { return true }
        guard let identity = candidate.rule.identity else { return false }
        return registers[identity.bar]?.load32(at: Int(identity.offset)) == .max
    }

    /// A vector that the register has no bit or number for is not rung.
    func ring(_ vector: Int, of peer: PeerNumber) {
        guard let doorbell = candidate.rule.doorbell, vector >= 0 else { return }
        let value: UInt32
        switch doorbell.form {
        case .peerAndVector:
            guard vector <= 0xffff else { return }
            value = UInt32(peer.rawValue) << 16 | UInt32(vector)
        case .vectorBit:
            guard vector < doorbell.bitWidth else { return }
            value = 1 << UInt32(vector)
        case .vectorNumber:
            guard vector < 1 << min(doorbell.bitWidth, 31) else { return }
            value = UInt32(vector)
        }
        registers[doorbell.place.bar]?.store(
            value, bitWidth: doorbell.bitWidth, at: Int(doorbell.place.offset))
    }

    // MARK: What the rule names, in what is there

    private static func registers(
        of rule: LinkRule, _ bars: any FunctionBARs, _ address: PCIAddress
    ) throws(PCIError) -> [BARIndex: RegisterBank] {
        var banks: [BARIndex: RegisterBank] = [:]
        for index in Set(rule.registers.map(\.bar)) {
            let needs = rule.registers.filter { $0.bar == index }.map(\.end).max() ?? 0
            // Registers lie at its beginning; a window behind them is not mapped for them.
            let whole = try bars.byteCount(of: index)
            guard whole >= needs, let byteCount = Int(exactly: min(whole, needs.roundedUp(to: 4096))) else {
                throw unusable(address, .registersTooSmall(index, byteCount: whole, needs: needs))
            }
            banks[index] = unsafe RegisterBank(
                try unsafe bars.map(index, at: 0, byteCount: byteCount), byteCount: byteCount)
        }
        return banks
    }

    private static func memory(
        of rule: LinkRule, _ bars: any FunctionBARs, _ address: PCIAddress
    ) throws(PCIError) -> MemoryWindow {
        let whole = try bars.byteCount(of: rule.memory.bar)
        let room = whole - min(whole, rule.memory.offset)
        let needs = LinkCandidate.smallestMemoryByteCount
        // Whole pages, and no more of a large one than a link can use.
        let most = UInt64(MeetingLimits.windowByteCounts.upperBound)
        guard room >= needs, let byteCount = Int(exactly: min(room, most) / 4096 * 4096) else {
            throw unusable(address, .memoryTooSmall(rule.memory.bar, byteCount: room, needs: needs))
        }
        return unsafe MemoryWindow(
            try bars.map(rule.memory.bar, at: rule.memory.offset, byteCount: byteCount), isDeviceMemory: true)
    }

    private static func ownNumber(
        of rule: LinkRule, _ registers: [BARIndex: RegisterBank], _ address: PCIAddress
    ) throws(PCIError) -> PeerNumber? {
        guard let identity = rule.identity, let bank = registers[identity.bar] else { return nil }
        let stated = bank.load32(at: Int(identity.offset))
        guard stated != .max else { throw .noAnswer(address) }
        guard let number = PeerNumber(untrusted: Int64(stated)) else { throw .peerNumber(address, stated) }
        return number
    }

    private static func unusable(_ address: PCIAddress, _ obstacle: Obstacle) -> PCIError {
        .unusable(address, [.vfio: [obstacle], .polling: [obstacle]], remedy: nil)
    }
}

extension UInt64 {
    /// The next multiple of `step`, or this where there is none.
    fileprivate func roundedUp(to step: UInt64) -> UInt64 {
        let (sum, wraps) = addingReportingOverflow(step - 1)
        return wraps ? self : sum / step * step
    }
}
