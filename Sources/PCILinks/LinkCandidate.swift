import Links

/// A function that a rule knows, and how far it is from being a link.
public struct LinkCandidate: Hashable, Sendable {
    /// How a process of this machine would reach it.
    public enum Access: String, Hashable, Sendable, CaseIterable {
        /// BARs and interrupts through VFIO.
        case vfio
        /// BARs through sysfs; this side looks for news itself.
        case polling
    }

    /// What a link needs at the least: its header, a device page, and rings and buffers of one device.
    public static let smallestMemoryByteCount = UInt64(MeetingLimits.windowByteCounts.lowerBound)

    public let function: PCIFunction
    public let rule: LinkRule
    /// `nil` for a function out of a dump.
    public let binding: FunctionBinding?
    /// What is in the way of each.
    public let obstacles: [Access: [Obstacle]]

    public init(_ function: PCIFunction, by rule: LinkRule, binding: FunctionBinding?) {
        self.function = function
        self.rule = rule
        self.binding = binding
        let always = Self.ownObstacles(function, rule)
        obstacles = [
            .vfio: always + Self.vfioObstacles(function, rule, binding),
            .polling: always + Self.pollingObstacles(function, rule, binding),
        ]
    }

    /// The best way that nothing is in the way of.
    public var access: Access? { Access.allCases.first { obstacles[$0]?.isEmpty == true } }

    /// The way to take, of those that `way` allows.
    ///
    /// - Throws: `.unusable`, with what is in the way of each.
    func access(by way: PCISettings.Way) throws(PCIError) -> Access {
        let allowed = way.allowed
        if let free = allowed.first(where: { obstacles[$0]?.isEmpty == true }) { return free }
        throw .unusable(
            function.address, obstacles.filter { allowed.contains($0.key) },
            // What can be typed before what takes a reboot.
            remedy: allowed.flatMap { remedies(for: $0) }.first { !$0.hasPrefix("#") })
    }

    /// Lines for root's shell that open that way, in order.
    public func remedies(for access: Access) -> [String] {
        let directory = binding?.directory ?? "/sys/bus/pci/devices/\(function.address)"
        return (obstacles[access] ?? []).flatMap { $0.remedy(for: function.address, in: directory) }
    }

    /// All functions of `bus` that a rule knows.
    public static func all(
        on bus: PCIBus, by table: RuleTable
    ) throws(PCIError) -> (candidates: [LinkCandidate], others: [PCIFunction]) {
        var candidates: [LinkCandidate] = []
        var others: [PCIFunction] = []
        for function in try bus.functions() {
            guard let rule = table.rule(for: function) else {
                others.append(function)
                continue
            }
            candidates.append(
                LinkCandidate(function, by: rule, binding: try bus.binding(of: function.address)))
        }
        return (candidates, others)
    }

    // MARK: What is in the way

    /// Whatever the way: what the function itself lacks.
    private static func ownObstacles(_ function: PCIFunction, _ rule: LinkRule) -> [Obstacle] {
        if let fault = function.fault { return [.unreadable(fault)] }
        var found: [Obstacle] = []
        let ends = rule.registers + [(bar: rule.memory.bar, end: 0)]
        for index in Set(ends.map(\.bar)).sorted() {
            guard let bar = function.bar(index), bar.isMemory else {
                found.append(.noMemoryBAR(index))
                continue
            }
            if !bar.isPlaced { found.append(.unplaced(index)) }
            guard let byteCount = bar.byteCount else { continue }
            let end = ends.filter { $0.bar == index }.map(\.end).max() ?? 0
            if byteCount < end {
                found.append(.registersTooSmall(index, byteCount: byteCount, needs: end))
            }
            guard index == rule.memory.bar else { continue }
            let room = byteCount - min(byteCount, rule.memory.offset)
            if room < smallestMemoryByteCount {
                found.append(.memoryTooSmall(index, byteCount: room, needs: smallestMemoryByteCount))
            }
        }
        return found
    }

    private static func vfioObstacles(
        _ function: PCIFunction, _ rule: LinkRule, _ binding: FunctionBinding?
    ) -> [Obstacle] {
        var found: [Obstacle] = []
        if rule.usesVectors, function.msix == nil { found.append(.noVectors) }
        guard let binding else { return found }
        guard binding.group != nil else { return found + [.noIOMMUGroup] }
        if let driver = binding.driver, driver != FunctionBinding.vfioDriver {
            found.append(.heldBy(driver: driver))
        }
        if !binding.othersOfGroup.isEmpty { found.append(.groupShared(binding.othersOfGroup)) }
        guard binding.driver == FunctionBinding.vfioDriver else { return found + [.notBoundToVFIO] }
        if let node = binding.groupNode, !binding.mayOpenGroup { found.append(.noPermission(path: node)) }
        if !binding.mayOpenContainer { found.append(.noPermission(path: binding.containerNode)) }
        return found
    }

    private static func pollingObstacles(
        _ function: PCIFunction, _ rule: LinkRule, _ binding: FunctionBinding?
    ) -> [Obstacle] {
        guard let binding else { return [] }
        var found: [Obstacle] = []
        if let driver = binding.driver { found.append(.heldBy(driver: driver)) }
        if !function.command.contains(.memory) { found.append(.memoryDisabled) }
        for bar in Set(rule.registers.map(\.bar) + [rule.memory.bar]).sorted()
        where !binding.openableBARs.contains(bar) && function.bar(bar) != nil {
            found.append(.noPermission(path: "\(binding.directory)/resource\(bar.rawValue)"))
        }
        return found
    }
}

extension PCIBus {
    /// What the kernel says of a function of this bus; `nil` for a dump's.
    func binding(of address: PCIAddress) throws(PCIError) -> FunctionBinding? {
        switch self {
        case .system(let sysfs, let devices):
            try FunctionBinding(of: address, sysfs: sysfs, devices: devices)
        case .dump: nil
        }
    }
}
