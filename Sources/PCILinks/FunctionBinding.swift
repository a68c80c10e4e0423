import LinuxSystem
import SystemPackage

/// What this machine's kernel says of a function beside what its configuration space does: who holds it, and by which
/// files a program reaches it.
public struct FunctionBinding: Hashable, Sendable {
    /// The function's directory in sysfs.
    public let directory: String
    /// The kernel driver that is bound to it.
    public let driver: String?
    /// Its IOMMU group's number; `nil` without an IOMMU.
    public let group: String?
    /// Others of that group that a driver holds which is not VFIO's: they keep VFIO from the whole group.
    public let othersOfGroup: [PCIAddress]
    /// VFIO's node for the group, and whether this process may open it.
    public let groupNode: String?
    public let mayOpenGroup: Bool
    /// VFIO made the group up: nothing keeps the function from others' memory.
    public let isWithoutIOMMU: Bool
    /// VFIO's own node.
    public let containerNode: String
    public let mayOpenContainer: Bool
    /// BARs whose sysfs file this process may open.
    public let openableBARs: Set<BARIndex>

    public static let vfioDriver = "vfio-pci"

    /// - Parameters: as `PCIBus.system` has them.
    public init(of address: PCIAddress, sysfs: String, devices: String) throws(PCIError) {
        directory = "\(sysfs)/bus/pci/devices/\(address)"
        driver = try Self.lastName(of: "\(directory)/driver")
        let group = try Self.lastName(of: "\(directory)/iommu_group")
        self.group = group
        let directory = directory
        openableBARs = Set(
            (0..<6).compactMap(BARIndex.init).filter {
                PathAccess.mayReadAndWrite("\(directory)/resource\($0.rawValue)")
            })
        containerNode = "\(devices)/vfio/vfio"
        mayOpenContainer = PathAccess.mayReadAndWrite(containerNode)
        let isWithoutIOMMU = try group == nil ? false : Self.isWithoutIOMMU("\(directory)/iommu_group")
        self.isWithoutIOMMU = isWithoutIOMMU
        groupNode = group.map { "\(devices)/vfio/\(isWithoutIOMMU ? "noiommu-" : "")\($0)" }
        mayOpenGroup = groupNode.map(PathAccess.mayReadAndWrite) ?? false
        othersOfGroup = try group == nil ? [] : Self.othersOfGroup(directory, besides: address)
    }

    /// The name that a link's last part gives: of a driver, of a group.
    private static func lastName(of link: String) throws(PCIError) -> String? {
        let target: String?
        do throws(Errno) { target = try PathAccess.linkTarget(at: link) } catch {
            throw .system(error, during: "reading \(link)")
        }
        return target?.split(separator: "/").last.map(String.init)
    }

    /// A group that VFIO made up, because an operator lets it run without an IOMMU.
    private static func isWithoutIOMMU(_ group: String) throws(PCIError) -> Bool {
        do throws(Errno) {
            let name = try WholeFile.contents(of: "\(group)/name", limit: 4096)
            return String(decoding: name, as: UTF8.self).hasPrefix("vfio-noiommu")
        } catch {
            // Groups of a real IOMMU need not have a name.
            guard error == .noSuchFileOrDirectory else {
                throw .system(error, during: "reading \(group)/name")
            }
            return false
        }
    }

    private static func othersOfGroup(_ directory: String, besides own: PCIAddress) throws(PCIError)
        -> [PCIAddress]
    {
        let names: [String]
        do throws(Errno) {
            names = try DirectoryPath.namesIfAny(at: "\(directory)/iommu_group/devices")
        } catch {
            throw .system(error, during: "listing \(directory)/iommu_group/devices")
        }
        var others: [PCIAddress] = []
        for other in names.compactMap(PCIAddress.init) where other != own {
            let driver = try lastName(of: "\(directory)/iommu_group/devices/\(other)/driver")
            // VFIO lets these be: its own, bridges' and stubs.
            if let driver, ![vfioDriver, "pcieport", "pci-stub"].contains(driver) { others.append(other) }
        }
        return others
    }
}
