import DevicePage
import SystemPackage
import Testing
import Virtio

@testable import HostDevices

@Suite struct NumberedTypeTests {
    private func numbered(queues: Int = 0) throws -> DeviceConfiguration {
        var configuration = DeviceConfiguration()
        try configuration.setType("virtio-77")
        for index in 0..<queues { try configuration.addQueue(index) }
        return configuration
    }

    private func errno(_ body: () throws(ConfigurationError) -> Void) -> Errno? {
        do { try body() } catch { return error.errno }
        return nil
    }

    @Test("queues, features and bytes are given as they are")
    func whole() throws {
        var configuration = try numbered(queues: 3)
        try configuration.setQueueSize(1, to: "64")
        try configuration.setOffered("0x800000100000003")
        try configuration.setConfigSpace([1, 2, 3])
        let description = try configuration.describe()
        #expect(description.type.rawValue == 77)
        #expect(description.queueSizes.map(\.rawValue) == [128, 64, 128])
        #expect(description.offered.rawValue == 0x800_0001_0000_0003)
        #expect(description.config == [1, 2, 3])
    }

    @Test("at most 4 vrings of at most 128 entries, at most what the slot has room for")
    func bounds() throws {
        var configuration = try numbered(queues: 4)
        #expect(errno { () throws(ConfigurationError) in try configuration.addQueue(4) } == .outOfRange)
        #expect(errno { () throws(ConfigurationError) in try configuration.addQueue(0) } == .fileExists)
        #expect(
            errno { () throws(ConfigurationError) in try configuration.setQueueSize(0, to: "256") }
                == .outOfRange)
        #expect(
            errno { () throws(ConfigurationError) in try configuration.setQueueSize(0, to: "100") }
                == .outOfRange)
        #expect(
            errno { () throws(ConfigurationError) in try configuration.setQueueSize(0, to: "big") }
                == .invalidArgument)
        #expect(
            errno { () throws(ConfigurationError) in try configuration.setQueueSize(5, to: "8") }
                == .noSuchFileOrDirectory)
        try configuration.setConfigSpace([UInt8](repeating: 1, count: 136))
        #expect(try configuration.describe().shape.controlOffset == 256)
        try configuration.setConfigSpace([UInt8](repeating: 1, count: 137))
        #expect(errno { () throws(ConfigurationError) in _ = try configuration.describe() } == .outOfRange)
        #expect(
            errno { () throws(ConfigurationError) in
                try configuration.setConfigSpace([UInt8](repeating: 1, count: 256))
            } == .outOfRange)
    }

    @Test("queues without a hole")
    func holes() throws {
        var configuration = try numbered(queues: 3)
        try configuration.removeQueue(1)
        #expect(
            errno { () throws(ConfigurationError) in _ = try configuration.describe() } == .invalidArgument)
    }

    @Test("a known type has its own queues, and no others")
    func knownType() throws {
        var configuration = DeviceConfiguration()
        #expect(errno { () throws(ConfigurationError) in try configuration.addQueue(0) } == .invalidArgument)
        try configuration.setType("net")
        #expect(errno { () throws(ConfigurationError) in try configuration.addQueue(2) } == .notPermitted)
        #expect(errno { () throws(ConfigurationError) in try configuration.removeQueue(0) } == .notPermitted)
        try configuration.setQueueSize(1, to: "16")
        #expect(try configuration.describe().queueSizes.map(\.rawValue) == [128, 16])
    }

    @Test(
        "bits whose promise our rings do not keep are not offered", arguments: [28, 33, 34, 35, 38, 40, 41])
    func forbiddenFeatures(bit: Int) throws {
        var configuration = try numbered(queues: 1)
        let text = "0x" + String(UInt64(1) << UInt64(bit), radix: 16)
        #expect(errno { () throws(ConfigurationError) in try configuration.setOffered(text) } == .outOfRange)
        #expect(
            errno { () throws(ConfigurationError) in try configuration.setOffered("all") } == .invalidArgument
        )
        #expect(configuration.offered == [.version1, .eventIndex])
    }

    @Test("another type forgets what was set for the one before")
    func changedType() throws {
        var configuration = try numbered(queues: 2)
        try configuration.setConfigSpace([1])
        try configuration.setType("9p")
        #expect(configuration.configSpace.isEmpty)
        #expect(configuration.queueSizes.count == 1)
        try configuration.set("tag", to: "x")
        try configuration.setType("9p")
        #expect(configuration.value(of: "tag") == "x")
    }
}
