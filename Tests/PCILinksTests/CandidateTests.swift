import LinuxSystem
import PCILinks
import TestSupport
import Testing

@Suite("What a function lacks", .enabled(if: PCIBus.isAvailable, "built without the package trait PCI"))
struct CandidateTests {
    private func candidate(
        _ fake: FakeBus, rules: String = "", at address: String = "0000:00:04.0"
    ) throws -> LinkCandidate {
        let (candidates, _) = try LinkCandidate.all(on: fake.bus, by: RuleTable(extending: rules))
        return try #require(candidates.first { $0.function.address.description == address })
    }

    private func missing(_ candidate: LinkCandidate, _ way: LinkCandidate.Access) -> [Obstacle] {
        candidate.obstacles[way] ?? []
    }

    @Test("nothing, where vfio-pci holds it and its nodes are open")
    func ready() throws {
        let fake = try FakeBus()
        try fake.add(driver: "vfio-pci", group: "7")
        let found = try candidate(fake)
        #expect(missing(found, .vfio) == [] && found.access == .vfio)
        #expect(found.binding?.groupNode == fake.directory.file("dev/vfio/7"))
        #expect(found.function.bars.map(\.byteCount) == [256, 4096, 16 << 20])
    }

    @Test("without a driver: polling goes, and the lines that bind it to vfio-pci are said")
    func unbound() throws {
        let fake = try FakeBus()
        try fake.add(group: "7")
        let found = try candidate(fake)
        let place = fake.directory.file("sys/bus/pci")
        #expect(missing(found, .vfio) == [.notBoundToVFIO] && found.access == .polling)
        #expect(
            found.remedies(for: .vfio) == [
                "modprobe vfio-pci",
                "echo vfio-pci > \(place)/devices/0000:00:04.0/driver_override",
                "echo 0000:00:04.0 > \(place)/drivers_probe",
            ])
    }

    @Test("another driver: neither way, until it lets go")
    func otherDriver() throws {
        let fake = try FakeBus()
        try fake.add(driver: "ntb_hw_intel", group: "7")
        let found = try candidate(fake)
        #expect(missing(found, .vfio) == [.heldBy(driver: "ntb_hw_intel"), .notBoundToVFIO])
        #expect(missing(found, .polling) == [.heldBy(driver: "ntb_hw_intel")] && found.access == nil)
        let first = found.remedies(for: .vfio).first
        #expect(
            first?.hasPrefix("echo 0000:00:04.0 > ") == true && first?.hasSuffix("/driver/unbind") == true)
    }

    @Test("no IOMMU group: polling is what is left")
    func noGroup() throws {
        let fake = try FakeBus()
        try fake.add()
        let found = try candidate(fake)
        #expect(missing(found, .vfio) == [.noIOMMUGroup] && found.access == .polling)
        #expect(found.remedies(for: .vfio).first?.contains("intel_iommu=on") == true)
    }

    @Test("a neighbour of its group that a driver holds keeps VFIO away")
    func sharedGroup() throws {
        let fake = try FakeBus()
        try fake.add(driver: "vfio-pci", group: "7")
        try fake.add("0000:00:05.0", driver: "e1000", group: "7")
        try fake.add("0000:00:06.0", driver: "pcieport", group: "7")
        let neighbour = try #require(PCIAddress("00:05.0"))
        #expect(missing(try candidate(fake), .vfio) == [.groupShared([neighbour])])
    }

    @Test("no node, or none that may be opened")
    func noPermission() throws {
        let fake = try FakeBus()
        try fake.add(driver: "vfio-pci", group: "7")
        try fake.remove("dev/vfio/7")
        try fake.remove("dev/vfio/vfio")
        let nodes = ["7", "vfio"].map { fake.directory.file("dev/vfio/\($0)") }
        #expect(missing(try candidate(fake), .vfio) == nodes.map { .noPermission(path: $0) })
        try fake.add("0000:00:05.0")
        try fake.remove("sys/bus/pci/devices/0000:00:05.0/resource2")
        let found = try candidate(fake, at: "0000:00:05.0")
        let file = fake.directory.file("sys/bus/pci/devices/0000:00:05.0/resource2")
        #expect(missing(found, .polling) == [.noPermission(path: file)])
        #expect(found.remedies(for: .polling).first?.contains(file) == true)
    }

    @Test("a group without an IOMMU has a node of another name")
    func withoutIOMMU() throws {
        let fake = try FakeBus()
        try fake.add(driver: "vfio-pci", group: "0")
        try fake.directory.write("vfio-noiommu", to: "sys/kernel/iommu_groups/0/name")
        try fake.directory.write("", to: "dev/vfio/noiommu-0")
        let found = try candidate(fake)
        #expect(found.access == .vfio && found.binding?.groupNode?.hasSuffix("/noiommu-0") == true)
    }

    @Test("memory that is switched off is a matter of polling alone: VFIO switches it on")
    func memoryDisabled() throws {
        let fake = try FakeBus()
        try fake.add(command: 0)
        let found = try candidate(fake)
        #expect(missing(found, .polling) == [.memoryDisabled])
        #expect(found.remedies(for: .polling).first?.hasSuffix("/enable") == true)
        #expect(!missing(found, .vfio).contains(.memoryDisabled))
    }

    @Test("a BAR that has no address, or that the kernel gave up on")
    func unplaced() throws {
        let two = try #require(BARIndex(2))
        for resource in [
            FakeBus.Resource(index: 2, address: 0, byteCount: 16 << 20, flags: 0x14_220c),
            FakeBus.Resource(index: 2, address: 4096, byteCount: 16 << 20, flags: 0x2014_220c),
        ] {
            let fake = try FakeBus()
            try fake.add(resources: FakeBus.ivshmem.dropLast() + [resource])
            let found = try candidate(fake)
            #expect(missing(found, .polling) == [.unplaced(two)] && found.access == nil)
            #expect(found.remedies(for: .polling).last?.hasSuffix("/rescan") == true)
        }
    }

    @Test("BARs that are too small, of ports, or not there")
    func wrongBARs() throws {
        let fake = try FakeBus()
        let zero = try #require(BARIndex(0))
        let two = try #require(BARIndex(2))
        try fake.add(resources: [
            FakeBus.Resource(index: 0, address: 0xfebd_5000, byteCount: 8),
            FakeBus.Resource(index: 2, address: 0xfe_0000_0000, byteCount: 4096, flags: 0x14_220c),
        ])
        let small = try candidate(fake)
        #expect(
            missing(small, .polling) == [
                .registersTooSmall(zero, byteCount: 8, needs: 16),
                .memoryTooSmall(two, byteCount: 4096, needs: LinkCandidate.smallestMemoryByteCount),
            ])
        #expect(small.remedies(for: .polling) == [], "no line mends a device")
        try fake.add(
            "0000:00:05.0",
            resources: [
                FakeBus.Resource(index: 0, address: 0xc000, byteCount: 256, flags: 0x40101)
            ])
        let ports = try candidate(fake, at: "0000:00:05.0")
        #expect(missing(ports, .polling) == [.noMemoryBAR(zero), .noMemoryBAR(two)])
    }

    @Test("an offset behind the memory's end leaves nothing of it")
    func offsetBeyond() throws {
        let fake = try FakeBus()
        try fake.add()
        let two = try #require(BARIndex(2))
        let found = try candidate(
            fake, rules: "[far]\nmatch = 1af4:1110\nmemory = bar2+0x3ffffffffffff000\n")
        #expect(missing(found, .polling).first == .memoryTooSmall(two, byteCount: 0, needs: 1 << 20))
    }

    @Test("a function that vanishes while the bus is looked at is said, and the others go on")
    func vanished() throws {
        let fake = try FakeBus()
        try fake.add()
        try fake.add("0000:00:05.0", group: "1")
        try fake.remove("sys/bus/pci/devices/0000:00:04.0/resource")
        try fake.remove("sys/bus/pci/devices/0000:00:04.0/config")
        let (candidates, others) = try LinkCandidate.all(on: fake.bus, by: .builtIn)
        #expect(candidates.map(\.function.address.device) == [5] && others.map(\.address.device) == [4])
        #expect(others.first?.fault?.isEmpty == false)
    }

    @Test("a sysfs that is none is refused in libpci's words")
    func noSysfs() {
        #expect(throws: PCIError.self) {
            try PCIBus.system(sysfs: "/nonexistent", devices: "/dev").functions()
        }
    }
}
