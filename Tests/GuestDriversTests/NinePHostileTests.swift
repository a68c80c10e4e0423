import DevicePage
import Glibc
import GuestDrivers
import GuestTestSupport
import Links
import LinuxSystem
import NineP
import SharedMemory
import SystemPackage
import Testing
import VOPGuest
import Virtio
import Virtqueue

/// What host and client may do wrong.
@Suite struct NinePHostileTests {
    struct BadReply: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var written: UInt32?
        let bytes: @Sendable ([UInt8]) -> [UInt8]
    }

    static let badReplies: [BadReply] = [
        BadReply(testDescription: "none at all", written: 0) { _ in [] },
        BadReply(testDescription: "six bytes") { Array($0.prefix(6)) },
        BadReply(testDescription: "a size above what was written") { [$0[0] + 1] + $0.dropFirst() },
        BadReply(testDescription: "a size below what was written") { [$0[0] - 1] + $0.dropFirst() },
        BadReply(testDescription: "another length used", written: 20) { $0 },
        BadReply(testDescription: "a size of zero") { [0, 0, 0, 0] + $0.dropFirst(4) },
        BadReply(testDescription: "another tag") { $0.prefix(5) + [9, 9] + $0.dropFirst(7) },
        BadReply(testDescription: "the answer to another request") { $0.prefix(4) + [119] + $0.dropFirst(5) },
        BadReply(testDescription: "a request") { $0.prefix(4) + [116] + $0.dropFirst(5) },
    ]

    @Test(
        "a reply that is wrong costs the device: the client is hung up on, the socket is gone",
        arguments: badReplies)
    func badReply(_ bad: BadReply) throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        try client.send(.read(fid: Fid(rawValue: 1), offset: 0, count: 10), tag: 1)
        try bench.run(serving: false) { bench.taken.count == 1 }
        let request = bench.taken[0]
        bench.answer(request, bad.bytes(NinePBench.reply(to: request)), written: bad.written)
        try bench.run(serving: false) { try bench.state == .failed }
        #expect(try bench.guest.snapshot(of: "9p0").failure?.contains("the host broke a rule") == true)
        try client.waitUntilHungUp()
        #expect(client.received.isEmpty)
        #expect(unsafe access(bench.socketPath, F_OK) == -1)
    }

    @Test("an msize above what was asked for costs the device")
    func raisedMessageSize() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        try client.send(.version(maximumMessageSize: 8192, version: Protocol9P.version), tag: 0xFFFF)
        try bench.run(serving: false) { bench.taken.count == 1 }
        bench.answer(
            bench.taken[0],
            Reply.version(maximumMessageSize: 8193, version: Protocol9P.version).encoded(tag: NineP.Tag.none))
        try bench.run(serving: false) { try bench.state == .failed }
    }

    @Test("a failed device comes back with a reset, at the same socket")
    func reset() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        try client.send(.version(maximumMessageSize: 8192, version: Protocol9P.version), tag: 0xFFFF)
        try bench.run(serving: false) { bench.taken.count == 1 }
        bench.answer(bench.taken[0], [1])
        try bench.run(serving: false) { try bench.state == .failed }
        bench.takes = false
        try bench.guest.reset("9p0")
        try bench.host.answerReset(of: bench.device)
        try bench.run(serving: false) { try bench.state == .settingUp }
        try bench.host.acceptUsedRings(of: bench.device)
        try bench.run(serving: false) { try bench.state == .running }
        #expect(unsafe access(bench.socketPath, F_OK) == 0)
    }

    struct BadClient: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
    }

    static let badClients: [BadClient] = [
        BadClient(testDescription: "a size of 3", bytes: [3, 0, 0, 0, 100, 0, 0]),
        BadClient(testDescription: "a size above msize", bytes: [0, 0, 2, 0, 118, 1, 0]),
        BadClient(testDescription: "a size of 4 GiB", bytes: [255, 255, 255, 255, 118, 1, 0]),
        BadClient(
            testDescription: "a tag that is in use",
            bytes: Request.clunk(fid: .none).encoded(tag: NineP.Tag(rawValue: 4))
                + Request.clunk(fid: .none).encoded(tag: NineP.Tag(rawValue: 4))),
    ]

    @Test(
        "a client that breaks the protocol is hung up on, and costs nobody else anything",
        arguments: badClients)
    func badClient(_ bad: BadClient) throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        try client.send(bad.bytes, serving: false)
        try bench.run(serving: false) {
            try client.receive()
            return client.isHungUp
        }
        #expect(try bench.state == .running)
        #expect(try bench.connect().version() == 65536)
    }

    @Test("a device removed in the middle of a session hangs up on its client")
    func removed() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        bench.host.publisher?.quarantine(bench.device.slot)
        bench.host.ringConfig()
        try bench.run(serving: false) { bench.guest.snapshots.isEmpty }
        try client.waitUntilHungUp()
        #expect(unsafe access(bench.socketPath, F_OK) == -1)
    }

    @Test("a used ring that is wrong costs the device")
    func badUsedRing() throws {
        let bench = try NinePBench()
        let client = try bench.connect()
        _ = try client.version()
        let used = try PeerRange(untrustedAddress: bench.device.slot.usedAddress(of: 0), byteCount: 4096)
        try bench.host.link.windows(of: .guest).window(covering: used).store16(0x4000, at: 2)
        bench.host.ring(bench.device)
        try bench.run(serving: false) { try bench.state == .failed }
    }

    @Test(
        "a mount tag that does not end inside the config space fails the device",
        arguments: [[UInt8](), [9], [5, 0, 65]])
    func badTag(config: [UInt8]) throws {
        _ = try NinePBench(config: config, expects: .failed)
    }

    @Test("a tag means nothing in a path")
    func tagWithSlash() throws {
        let bench = try NinePBench(tag: Array("../a b".utf8) + [0, 0xFF])
        let outputs = try bench.guest.snapshot(of: "9p0").outputs
        #expect(outputs.contains(DriverOutput("socket", "\(bench.directory)/%2E.%2Fa%20b%00%FF.sock")))
        unsafe _ = unlink("\(bench.directory)/%2E.%2Fa%20b%00%FF.sock")
    }

    @Test("two devices with one tag: the second fails, and says why")
    func sameTag() throws {
        let bench = try NinePBench()
        let second = try bench.host.publish(
            .ninep, offered: [.version1, .ninepMountTag], config: [5, 0] + Array("share".utf8))
        try bench.run { second.slot.control.isUsedAddressPending }
        try bench.host.acceptUsedRings(of: second)
        try bench.run { try bench.guest.snapshot(of: "9p1").state == .failed }
        #expect(
            try bench.guest.snapshot(of: "9p1").failure?.hasPrefix("listening on \(bench.socketPath)") == true
        )
        #expect(try bench.state == .running)
        #expect(try bench.connect().version() == 65536)
    }

    @Test("a queue of one entry cannot carry a request and its reply")
    func oneEntry() throws {
        _ = try NinePBench(queueSize: 1, expects: .failed)
    }
}
