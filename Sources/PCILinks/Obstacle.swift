/// What keeps a function from being used as a link, and what to do about it.
public enum Obstacle: Hashable, Sendable {
    /// It could not be described.
    case unreadable(String)
    /// The rule speaks of a BAR that the function does not have, or that is of ports.
    case noMemoryBAR(BARIndex)
    /// The BAR has no address.
    case unplaced(BARIndex)
    /// The BAR ends before the registers that the rule names.
    case registersTooSmall(BARIndex, byteCount: UInt64, needs: UInt64)
    /// The BAR has no room for a link's pages and one device.
    case memoryTooSmall(BARIndex, byteCount: UInt64, needs: UInt64)
    /// A kernel driver that is not VFIO's has it.
    case heldBy(driver: String)
    /// It has no MSI-X vectors, or nobody but root may see them.
    case noVectors
    /// No IOMMU keeps it from others' memory.
    case noIOMMUGroup
    /// VFIO's driver does not have it.
    case notBoundToVFIO
    /// Others of its group are held by other drivers.
    case groupShared([PCIAddress])
    case noPermission(path: String)
    /// It does not answer in its memory BARs.
    case memoryDisabled
}

extension Obstacle: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreadable(let why): why
        case .noMemoryBAR(let bar): "it has no memory in \(bar), which the rule names"
        case .unplaced(let bar): "\(bar) has no address"
        case .registersTooSmall(let bar, let byteCount, let needs):
            "\(bar) is \(byteCount) bytes; the rule's registers end at \(needs)"
        case .memoryTooSmall(let bar, let byteCount, let needs):
            "\(bar) has \(byteCount) bytes of memory; a link with one device needs \(needs)"
        case .heldBy(let driver): "driver \(driver) holds it"
        case .noVectors: "no MSI-X vectors are to be seen"
        case .noIOMMUGroup: "it has no IOMMU group"
        case .notBoundToVFIO: "it is not bound to vfio-pci"
        case .groupShared(let others):
            "others of its IOMMU group are held by other drivers: "
                + others.map(\.description).joined(separator: ", ")
        case .noPermission(let path): "no permission to open \(path)"
        case .memoryDisabled: "its memory is switched off"
        }
    }

    /// The word for it in JSON.
    public var code: String {
        switch self {
        case .unreadable: "unreadable"
        case .noMemoryBAR: "no_memory_bar"
        case .unplaced: "bar_unplaced"
        case .registersTooSmall: "registers_too_small"
        case .memoryTooSmall: "memory_too_small"
        case .heldBy: "other_driver"
        case .noVectors: "no_vectors"
        case .noIOMMUGroup: "no_iommu_group"
        case .notBoundToVFIO: "not_bound_to_vfio"
        case .groupShared: "group_shared"
        case .noPermission: "no_permission"
        case .memoryDisabled: "memory_disabled"
        }
    }

    /// Lines for root's shell that take it away; none where no line can.
    func remedy(for address: PCIAddress, in directory: String) -> [String] {
        switch self {
        case .unreadable, .noMemoryBAR, .registersTooSmall, .memoryTooSmall, .noVectors: []
        case .unplaced:
            // The kernel places a function's BARs when it finds it.
            ["echo 1 > \(directory)/remove", "echo 1 > \(Self.bus(directory))/rescan"]
        case .heldBy:
            ["echo \(address) > \(directory)/driver/unbind"]
        case .noIOMMUGroup:
            [
                "# boot with intel_iommu=on, or amd_iommu=on, and switch the IOMMU on in the firmware (in QEMU: -device intel-iommu,intremap=on,caching-mode=on)"
            ]
        case .notBoundToVFIO:
            [
                "modprobe vfio-pci", "echo vfio-pci > \(directory)/driver_override",
                "echo \(address) > \(Self.bus(directory))/drivers_probe",
            ]
        case .groupShared(let others):
            others.map { "echo \($0) > \(Self.bus(directory))/devices/\($0)/driver/unbind" }
        case .noPermission(let path): ["chown \"$USER\" \(path)   # as root, with the user's name"]
        case .memoryDisabled: ["echo 1 > \(directory)/enable"]
        }
    }

    private static func bus(_ directory: String) -> String {
        directory.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    }
}
