import Links
import LinuxSystem
import PCILinks
import SharedMemory
import SystemPackage
import TestSupport
import Testing

/// A function whose BARs are files: what a port reads there the test has written, and the other way round.
private struct Bench {
    let fake: FakeBus
    let place = "sys/bus/pci/devices/0000:00:04.0"

    init(number: UInt32 = 5) throws {
        fake = try FakeBus()
        try fake.add()
        try writeRegister(number, at: 8)
    }

    func port(
        _ change: (inout PCISettings) -> Void = { _ in }
    ) throws -> PCIPort {
        var settings = PCISettings(bus: fake.bus, retry: .milliseconds(1))
        change(&settings)
        return try PCIPort(settings)
    }

    func writeRegister(_ value: UInt32, at offset: Int64) throws {
        let file = try FileDescriptor.open(
            FilePath(fake.directory.file("\(place)/resource0")), .writeOnly)
        defer { try? file.close() }
        _ = try file.writeAll(
            toAbsoluteOffset: offset, (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    func register(at offset: Int) throws -> UInt32 {
        let bytes = try ValueFile(reading: fake.directory.file("\(place)/resource0")).contents()
        return (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
    }
}

/// Serves the port until it says what `isDone` waits for; everything it noted on the way.
private func serve(
    _ port: PCIPort, until isDone: (SharedMemoryPortEvents) -> Bool
) async throws -> [String] {
    var notes: [String] = []
    try await eventually("what the port should say") {
        let events = try port.service()
        notes += events.notes
        return isDone(events)
    }
    return notes
}

@Suite("A port over a PCI function", .enabled(if: PCIBus.isAvailable, "built without the package trait PCI"))
struct PortTests {
    @Test("without interrupts: memory, number and doorbells through sysfs, and why there are no interrupts")
    func polling() async throws {
        let bench = try Bench()
        let port = try bench.port()
        #expect(port.attachment == nil && port.nextDeadline == nil)
        try port.open()
        let notes = try await serve(port) { $0.change == .attached }
        #expect(notes.count == 1 && notes[0].contains("it has no IOMMU group"), "\(notes)")
        let attachment = try #require(port.attachment)
        #expect(attachment.ownNumber == PeerNumber(rawValue: 5) && attachment.vectors.isEmpty)
        #expect(attachment.memory.byteCount == 16 << 20 && attachment.memory.isDeviceMemory)
        #expect(port.place == "0000:00:04.0")
        port.ring(3, of: PeerNumber(rawValue: 0x0102))
        #expect(try bench.register(at: 12) == 0x0102_0003)
        attachment.memory.store32(0x1234_5678, at: 4096)
        let file = try ValueFile(reading: bench.fake.directory.file("\(bench.place)/resource2"))
        #expect(try file.read(at: 4096).prefix(4) == [0x78, 0x56, 0x34, 0x12])
        port.close()
        #expect(port.attachment == nil)
        port.ring(0, of: PeerNumber(rawValue: 0))
        #expect(try bench.register(at: 12) == 0x0102_0003, "a port that is closed rings nobody")
    }

    @Test("a function is waited for, and what is in the way is said once")
    func waited() async throws {
        let bench = try Bench()
        try bench.fake.remove(bench.place)
        let port = try bench.port()
        try port.open()
        var first = try await serve(port) { !$0.notes.isEmpty }
        #expect(first == ["no PCI function here is known by any rule; see vopctl pci list -d"])
        for _ in 0..<20 { #expect(try port.service().notes.isEmpty) }
        try bench.fake.add(driver: "e1000")
        first = try await serve(port) { !$0.notes.isEmpty }
        #expect(first.first?.contains("driver e1000 holds it") == true, "\(first)")
        #expect(first.first?.contains("/driver/unbind") == true)
        try bench.fake.remove("\(bench.place)/driver")
        _ = try await serve(port) { $0.change == .attached }
    }

    @Test(
        "registers that read as ones: it is not there yet, and when it goes it is lost and looked for again")
    func gone() async throws {
        let bench = try Bench(number: .max)
        let port = try bench.port { $0.address = PCIAddress("00:04.0") }
        try port.open()
        let notes = try await serve(port) { !$0.notes.isEmpty }
        #expect(notes == ["0000:00:04.0 reads as ones: it has gone, or nobody serves it yet"])
        try bench.writeRegister(1, at: 8)
        _ = try await serve(port) { $0.change == .attached }
        try bench.writeRegister(.max, at: 8)
        _ = try await serve(port) { $0.change == .lost("0000:00:04.0: it does not answer any more") }
        #expect(port.attachment == nil)
        try bench.writeRegister(2, at: 8)
        _ = try await serve(port) { $0.change == .attached }
        #expect(port.attachment?.ownNumber == PeerNumber(rawValue: 2))
    }

    @Test("a BAR whose pages are taken away is lost, and costs nobody else anything")
    func vanished() async throws {
        let bench = try Bench()
        let port = try bench.port()
        try port.open()
        _ = try await serve(port) { $0.change == .attached }
        let memory = try #require(port.attachment?.memory)
        try bench.fake.resize("\(bench.place)/resource2", to: 0)
        #expect(memory.load32(at: 1 << 20) == 0 && memory.hasVanished)
        _ = try await serve(port) { $0.change == .lost("0000:00:04.0: it does not answer any more") }
        let notes = try await serve(port) { !$0.notes.isEmpty }
        #expect(notes.first?.contains("BAR 2 has 0 bytes of memory") == true, "\(notes)")
    }

    @Test("a number that no peer has is refused")
    func badNumber() async throws {
        let bench = try Bench(number: 65536)
        let port = try bench.port()
        try port.open()
        let notes = try await serve(port) { !$0.notes.isEmpty }
        #expect(notes.first?.contains("number 65536; 0 to 65535 are allowed") == true)
    }

    @Test("two functions that could be it: one has to be named")
    func ambiguous() async throws {
        let bench = try Bench()
        try bench.fake.add("0000:00:05.0")
        let port = try bench.port()
        try port.open()
        let notes = try await serve(port) { !$0.notes.isEmpty }
        #expect(notes.first?.contains("0000:00:04.0, 0000:00:05.0; give one of them as `pci`") == true)
        let missing = try bench.port { $0.address = PCIAddress("00:06.0") }
        try missing.open()
        #expect(
            try await serve(missing) { !$0.notes.isEmpty }.first?.contains("there are: 0000:00:04.0") == true)
        let other = try bench.port { ($0.address, $0.ruleName) = (PCIAddress("00:04.0"), "mic") }
        try other.open()
        #expect(
            try await serve(other) { !$0.notes.isEmpty }.first?.contains("the rule mic does not know") == true
        )
    }

    @Test("interrupts or nothing, where that is asked for")
    func onlyVFIO() async throws {
        let bench = try Bench()
        let port = try bench.port { $0.way = .vfio }
        try port.open()
        let notes = try await serve(port) { !$0.notes.isEmpty }
        #expect(notes.first?.contains("(vfio: it has no IOMMU group)") == true, "\(notes)")
    }

    @Test("a function that another port has is refused")
    func taken() async throws {
        let bench = try Bench()
        let first = try bench.port()
        let second = try bench.port()
        try first.open()
        _ = try await serve(first) { $0.change == .attached }
        try second.open()
        let notes = try await serve(second) { !$0.notes.isEmpty }
        #expect(notes.first?.hasPrefix("0000:00:04.0: opening ") == true, "\(notes)")
        first.close()
        _ = try await serve(second) { $0.change == .attached }
    }

    @Test(
        "a rule's doorbells: what is written, how wide, and what has no bit or number is not rung",
        arguments: [
            ("16 vector-bit", 3, 0x0008 as UInt32), ("16 vector-bit", 16, 0), ("32 vector-bit", 31, 1 << 31),
            ("16 vector-number", 7, 7), ("32 peer-and-vector", 65536, 0), ("32 vector-number", -1, 0),
        ])
    func doorbells(form: String, vector: Int, value: UInt32) async throws {
        let bench = try Bench()
        let rules = "[own]\nmatch = 1af4:1110\nmemory = bar2+0x1000\ndoorbell = bar0+0x20 \(form)\n"
        let table = try RuleTable(extending: rules)
        let port = try bench.port { ($0.rules, $0.ownNumber) = (table, PeerNumber(rawValue: 9)) }
        try port.open()
        _ = try await serve(port) { $0.change == .attached }
        #expect(port.attachment?.ownNumber == PeerNumber(rawValue: 9))
        #expect(port.attachment?.memory.byteCount == (16 << 20) - 4096)
        port.ring(vector, of: PeerNumber(rawValue: 0))
        #expect(try bench.register(at: 0x20) == value)
    }
}
