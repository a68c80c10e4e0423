import DevicePage
import SystemPackage
import Testing
import Virtio

@testable import HostDevices

@Suite struct ConfigurationTests {
    static func configuration(_ type: String, _ values: [String: String] = [:]) throws -> DeviceConfiguration
    {
        var configuration = DeviceConfiguration()
        try configuration.setType(type)
        for (name, value) in values { try configuration.set(name, to: value) }
        return configuration
    }

    @Test(
        "VIRTIO 1.3, 5: each kind has the queues its section names",
        arguments: [
            ("net", 1 as UInt8, ["receive", "transmit"]), ("block", 2, ["request"]),
            ("console", 3, ["receive", "transmit"]), ("rng", 4, ["request"]),
            ("rpmsg", 7, ["receive", "transmit"]),
            ("scsi", 8, ["control", "event", "request"]), ("9p", 9, ["request"]),
            ("vsock", 19, ["receive", "transmit", "event"]), ("fs", 26, ["hiprio", "request"]),
        ])
    func queues(name: String, id: UInt8, queues: [String]) throws {
        let configuration = try Self.configuration(name)
        #expect(configuration.type?.rawValue == id)
        #expect(configuration.kind?.queueNames == queues)
        #expect(configuration.queueSizes.count == queues.count)
        #expect(configuration.queueSizes.values.allSatisfy { $0.rawValue == 128 })
        #expect(configuration.offered.contains(.version1))
    }

    /// Complete devices with their config spaces, byte by byte from VIRTIO 1.3, section 5.
    static let layouts: [(String, [String: String], [UInt8], UInt64)] = [
        (
            "net", ["mac": "02:11:22:33:44:55", "mtu": "9000"],
            [2, 0x11, 0x22, 0x33, 0x44, 0x55, 1, 0, 1, 0, 0x28, 0x23], 1 << 16 | 1 << 5 | 1 << 3
        ),
        ("net", ["carrier": "down"], [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], 1 << 16),
        (
            "block", ["capacity": "0x123456", "block_size": "4096", "read_only": "1"],
            [0x56, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 126, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0]
                + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0], 1 << 2 | 1 << 5 | 1 << 6 | 1 << 9
        ),
        ("console", [:], [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], 0),
        ("console", ["cols": "132", "rows": "43"], [132, 0, 43, 0, 1, 0, 0, 0, 0, 0, 0, 0], 1),
        ("rng", [:], [], 0),
        ("rpmsg", [:], [], 1),
        ("rpmsg", ["name_service": "0"], [], 0),
        (
            "scsi", ["max_target": "7"],
            [1, 0, 0, 0, 124, 0, 0, 0, 0xFF, 0xFF, 0, 0, 128, 0, 0, 0, 16, 0, 0, 0, 96, 0, 0, 0, 32, 0, 0, 0]
                + [0, 0, 7, 0, 0xFF, 0x3F, 0, 0], 1 << 1 | 1 << 2
        ),
        ("9p", ["tag": "share"], [5, 0, 0x73, 0x68, 0x61, 0x72, 0x65], 1),
        ("vsock", ["guest_cid": "3"], [3, 0, 0, 0, 0, 0, 0, 0], 1),
        ("fs", ["tag": "fs"], [0x66, 0x73] + [UInt8](repeating: 0, count: 34) + [1, 0, 0, 0], 0),
    ]

    @Test("VIRTIO 1.3, 5: config space, little-endian, and the features that go with it", arguments: layouts)
    func layout(type: String, values: [String: String], config: [UInt8], features: UInt64) throws {
        let configuration = try Self.configuration(type, values)
        let description = try configuration.describe()
        #expect(description.config == config)
        #expect(description.offered.rawValue == features | 1 << 32 | 1 << 29)
        #expect(description.featureByteCount == 8)
    }

    @Test("config space decodes into the same attributes", arguments: layouts)
    func decode(type: String, values: [String: String], config: [UInt8], features: UInt64) throws {
        var configuration = try Self.configuration(type)
        try configuration.setConfigSpace(config)
        #expect(configuration.configSpace == config)
        for (name, value) in values where configuration.kind?.attribute(named: name)?.form.byteCount != 0 {
            let number = UnsignedNumber(value)?.value.map(String.init)
            #expect(configuration.value(of: name) == number ?? value)
        }
    }

    @Test(
        "bytes that are no config space of the kind are refused and change nothing",
        arguments: [
            ("net", [1] as [UInt8]), ("block", []), ("9p", [9, 0, 0x61]), ("9p", [0, 0]), ("rng", [0]),
            ("fs", [0x66, 0, 0x73] + [UInt8](repeating: 0, count: 37)),
        ])
    func decodeRefused(type: String, bytes: [UInt8]) throws {
        var configuration = try Self.configuration(type)
        let before = configuration.configSpace
        #expect(throws: ConfigurationError.self) { try configuration.setConfigSpace(bytes) }
        #expect(configuration.configSpace == before)
    }

    @Test(
        "a value of the wrong form or range is refused with its errno and changes nothing",
        arguments: [
            ("net", "mac", "02:11:22:33:44", Errno.invalidArgument),
            ("net", "mac", "02-11-22-33-44-55", .invalidArgument),
            ("net", "mac", "01:00:00:00:00:01", .outOfRange),
            ("net", "mac", "00:00:00:00:00:00", .outOfRange),
            ("net", "mac", "0x:11:22:33:44:55", .invalidArgument), ("net", "mtu", "67", .outOfRange),
            ("net", "mtu", "65536", .outOfRange), ("net", "mtu", "-1", .invalidArgument),
            ("net", "mtu", "9000 ", .invalidArgument), ("net", "carrier", "1", .invalidArgument),
            ("block", "capacity", "0", .outOfRange),
            ("block", "capacity", "99999999999999999999", .outOfRange),
            ("block", "capacity", "0x", .invalidArgument), ("block", "capacity", "12k", .invalidArgument),
            ("block", "block_size", "1000", .outOfRange), ("block", "block_size", "256", .outOfRange),
            ("block", "read_only", "yes", .invalidArgument), ("console", "cols", "0", .outOfRange),
            ("9p", "tag", "a/b", .invalidArgument), ("9p", "tag", "..", .invalidArgument),
            ("9p", "tag", "a b", .invalidArgument),
            ("9p", "tag", String(repeating: "t", count: 65), .outOfRange),
            ("vsock", "guest_cid", "2", .outOfRange), ("vsock", "guest_cid", "0xffffffff", .outOfRange),
            ("fs", "tag", String(repeating: "t", count: 37), .outOfRange),
            ("9p", "mac", "02:11:22:33:44:55", .noSuchFileOrDirectory),
        ])
    func refused(type: String, name: String, text: String, errno: Errno) throws {
        var configuration = try Self.configuration(type)
        let before = configuration.value(of: name)
        do {
            try configuration.set(name, to: text)
            Issue.record("\(text) was taken")
        } catch {
            #expect(error.errno == errno)
            #expect(!error.sentence.contains("\n") && error.sentence.contains("\""))
            // Whoever knows the place names the attribute, once.
            #expect(error.sentence.contains(name) == (errno == .noSuchFileOrDirectory))
        }
        #expect(configuration.value(of: name) == before)
    }

    @Test("a number reads back in its one spelling; the empty text goes back to the initial value")
    func spelling() throws {
        var configuration = try Self.configuration("block", ["capacity": "0x10", "seg_max": "007"])
        #expect(configuration.value(of: "capacity") == "16")
        #expect(configuration.value(of: "seg_max") == "7")
        try configuration.set("capacity", to: "")
        try configuration.set("seg_max", to: "")
        #expect(configuration.value(of: "capacity") == nil)
        #expect(configuration.value(of: "seg_max") == "126")
    }

    @Test(
        "an incomplete device is refused, and the sentence says what to write",
        arguments: [
            ("9p", [:] as [String: String], "tag"), ("block", [:], "capacity"), ("vsock", [:], "guest_cid"),
            ("fs", [:], "tag"), ("console", ["cols": "80"], "rows"), ("console", ["rows": "25"], "cols"),
            ("77", [:], "queue"),
        ])
    func incomplete(type: String, values: [String: String], names: String) throws {
        let configuration = try Self.configuration(type, values)
        do {
            _ = try configuration.describe()
            Issue.record("an incomplete \(type) device was described")
        } catch {
            #expect(error.errno == .invalidArgument)
            #expect(error.sentence.contains(names))
        }
    }

    @Test("a device without a type is refused")
    func noType() {
        #expect(throws: ConfigurationError.self) { try DeviceConfiguration().describe() }
    }

    @Test(
        "Q16: an unknown type is EINVAL, a number the page cannot hold ERANGE",
        arguments: [
            ("ninep", Errno.invalidArgument), ("", .invalidArgument), ("9P", .invalidArgument),
            ("0", .outOfRange),
            ("128", .outOfRange), ("-1", .invalidArgument), ("99999999999999999999999", .outOfRange),
        ])
    func unknownType(text: String, errno: Errno) {
        var configuration = DeviceConfiguration()
        do {
            try configuration.setType(text)
            Issue.record("type \(text) was taken")
        } catch { #expect(error.errno == errno) }
        #expect(configuration.type == nil)
    }

    @Test("every kind fits a slot of the MIC profile with its longest values")
    func fits() throws {
        for kind in DeviceKind.all {
            var configuration = try Self.configuration("\(kind.type)")
            for attribute in kind.attributes {
                switch attribute.form {
                case .countedName(let count), .paddedName(let count):
                    try configuration.set(attribute.name, to: String(repeating: "n", count: count))
                case .number(let range, _): try configuration.set(attribute.name, to: "\(range.upperBound)")
                default: continue
                }
            }
            #expect(try configuration.describe().shape.controlOffset <= 256)
        }
    }
}
