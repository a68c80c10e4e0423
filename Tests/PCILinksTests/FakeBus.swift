import FoundationEssentials
import LinuxSystem
import PCILinks
import SystemPackage
import TestSupport

/// A directory like /sys with functions on its bus, and one like /dev: what the kernel would show of them.
struct FakeBus {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try directory.write("", to: "dev/vfio/vfio")
        try FileManager.default.createDirectory(
            atPath: directory.file("sys/bus/pci/devices"), withIntermediateDirectories: true)
    }

    var bus: PCIBus { .system(sysfs: directory.file("sys"), devices: directory.file("dev")) }

    /// What the kernel's `resource` has a line for: address, size, flags (linux/ioport.h).
    struct Resource {
        let index: Int
        let address: UInt64
        let byteCount: UInt64
        var flags: UInt64 = 0x40200
    }

    static let ivshmem = [
        Resource(index: 0, address: 0xfebd_5000, byteCount: 256),
        Resource(index: 1, address: 0xfebd_6000, byteCount: 4096),
        Resource(index: 2, address: 0xfe_0000_0000, byteCount: 16 << 20, flags: 0x14_220c),
    ]

    /// A function as `dump` has it, with sizes; a link to its driver and its group where they are given.
    func add(
        _ address: String = "0000:00:04.0", dump: String = "ivshmem.txt", line: String = "00:04.0",
        resources: [Resource] = Self.ivshmem, command: UInt8 = 7, driver: String? = nil, group: String? = nil
    ) throws {
        let place = "sys/bus/pci/devices/\(address)"
        var configuration = try Dumps.configuration(in: dump, of: line)
        configuration[4] = command
        try directory.write(configuration, to: "\(place)/config")
        for (name, offset) in [("vendor", 0), ("device", 2)] {
            try directory.write(
                "0x" + hex(UInt64(configuration[offset]) | UInt64(configuration[offset + 1]) << 8, 4),
                to: "\(place)/\(name)")
        }
        try directory.write("0x050000", to: "\(place)/class")
        try directory.write("0", to: "\(place)/irq")
        try directory.write("-1", to: "\(place)/numa_node")
        var lines = Array(repeating: "0x\(hex(0, 16)) 0x\(hex(0, 16)) 0x\(hex(0, 16))", count: 13)
        for each in resources {
            lines[each.index] =
                "0x\(hex(each.address, 16)) 0x\(hex(each.address + each.byteCount - 1, 16)) 0x\(hex(each.flags, 16))"
            try directory.write([], to: "\(place)/resource\(each.index)")
            try resize("\(place)/resource\(each.index)", to: each.byteCount)
        }
        try directory.write(lines.joined(separator: "\n"), to: "\(place)/resource")
        if let driver { try link("\(place)/driver", to: "../../drivers/\(driver)") }
        if let group {
            try directory.write("DMA", to: "sys/kernel/iommu_groups/\(group)/type")
            try link("\(place)/iommu_group", to: "../../../../kernel/iommu_groups/\(group)")
            try link(
                "sys/kernel/iommu_groups/\(group)/devices/\(address)",
                to: "../../../../bus/pci/devices/\(address)")
            try directory.write("", to: "dev/vfio/\(group)")
        }
    }

    /// A BAR's file, as long as it is.
    func resize(_ name: String, to byteCount: UInt64) throws {
        let file = try FileDescriptor.open(FilePath(directory.file(name)), .writeOnly)
        defer { try? file.close() }
        try file.resize(to: Int64(byteCount))
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: directory.file(name)) }

    private func link(_ name: String, to target: String) throws {
        let path = directory.file(name)
        let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    }

    private func hex(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: digits - text.count) + text
    }
}

/// The dump files of these tests.
enum Dumps {
    static let directory = String(#filePath.dropLast("FakeBus.swift".count)) + "Dumps"

    static func bus(_ name: String) -> PCIBus { .dump("\(directory)/\(name)") }

    /// The bytes of the function whose line begins with `line`.
    static func configuration(in name: String, of line: String) throws -> [UInt8] {
        let text = String(decoding: try ValueFile(reading: "\(directory)/\(name)").contents(), as: UTF8.self)
        var bytes: [UInt8] = []
        var isInside = false
        for each in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if each.hasPrefix(line) {
                isInside = true
            } else if isInside, let colon = each.firstIndex(of: ":") {
                bytes += each[colon...].dropFirst().split(separator: " ").compactMap { UInt8($0, radix: 16) }
            } else {
                isInside = false
            }
        }
        return bytes
    }
}
