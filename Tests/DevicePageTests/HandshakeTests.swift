import DevicePage
import SharedMemory
import Testing
import Virtio

/// A published device, and a clock that only the test moves. The peer is scripted through raw bytes.
private struct Bench: ~Copyable {
    let window = MemoryWindow.heap(byteCount: 4096)
    var publisher: PagePublisher
    let slot: DeviceSlot
    let start = ContinuousClock.now
    /// Where the control block of the worked example's bytes are: 120…126 of the page.
    enum Byte: Int {
        case configChange = 120
        case vdevReset, guestAck, hostAck, usedAddressUpdated, c2h, h2c
    }

    init() throws {
        publisher = PagePublisher(formatting: window)
        slot = try publisher.publish(
            DeviceDescription(
                type: .net, queueSizes: [128, 128], offered: .version1,
                config: [UInt8](repeating: 0, count: 12)),
            ringAddresses: [0x10000, 0x12000], guestToHostDoorbell: 5)
    }

    func byte(_ byte: Byte) -> UInt8 { window.load8(at: byte.rawValue) }
    func poke(_ byte: Byte, _ value: UInt8) { window.store8(value, at: byte.rawValue) }
    func ask(_ kind: Handshake.Kind) -> Asker {
        Asker(Handshake(kind, of: slot, within: .seconds(10), now: start))
    }
}

/// A handshake held by reference, so that an expectation may move it on.
private final class Asker {
    private var handshake: Handshake
    init(_ handshake: Handshake) { self.handshake = handshake }

    var nextCheck: ContinuousClock.Instant { handshake.nextCheck }
    var deadline: ContinuousClock.Instant { handshake.deadline }
    func takeRing() -> Bool { handshake.takeRing() }
    func advance(now: ContinuousClock.Instant, peerIsThere: Bool = true) -> HandshakeOutcome {
        handshake.advance(now: now, peerIsThere: peerIsThere)
    }
}

@Suite("Handshakes")
struct HandshakeTests {
    @Test("a config change asks with 2, rings once, and takes both bytes back when answered")
    func configChange() throws {
        let bench = try Bench()
        let handshake = bench.ask(.configChange)
        #expect(bench.byte(.configChange) == 2)
        #expect(handshake.takeRing())
        #expect(!handshake.takeRing())
        #expect(handshake.advance(now: bench.start) == .pending)
        #expect(bench.slot.control.pendingCommand() == .configChanged)
        bench.slot.control.acknowledgeConfigChange()
        #expect(bench.slot.control.pendingCommand() == nil)
        #expect(handshake.advance(now: bench.start + .seconds(1)) == .acknowledged)
        #expect(bench.byte(.configChange) == 0 && bench.byte(.guestAck) == 0)
        #expect(handshake.advance(now: bench.start + .seconds(99)) == .acknowledged)
    }

    @Test("a removal is acknowledged when the slot is marked, not by the acknowledge byte alone")
    func hotRemove() throws {
        let bench = try Bench()
        let handshake = bench.ask(.hotRemove)
        #expect(bench.slot.control.pendingCommand() == .remove)
        bench.poke(.guestAck, 1)
        #expect(handshake.advance(now: bench.start) == .pending)
        bench.window.store8(0xFF, at: 24)
        #expect(handshake.advance(now: bench.start) == .acknowledged)
    }

    @Test("our guest gives the doorbell back and marks the slot before it acknowledges")
    func letGo() throws {
        let bench = try Bench()
        bench.slot.control.setHostToGuestDoorbell(7)
        bench.slot.letGo()
        #expect(bench.byte(.h2c) == 0xFF && bench.window.load8(at: 24) == 0xFF && bench.byte(.guestAck) == 1)
        #expect(bench.slot.isRemoved)
    }

    @Test("the used-address handshake ends when the host has taken the byte back")
    func usedAddress() throws {
        let bench = try Bench()
        bench.slot.setUsedAddress(0x4000_0000, of: 1)
        let handshake = bench.ask(.usedAddress)
        #expect(handshake.takeRing())
        #expect(bench.slot.control.isUsedAddressPending)
        #expect(bench.slot.usedAddress(of: 1) == 0x4000_0000 && bench.slot.usedAddress(of: 0) == 0)
        #expect(handshake.advance(now: bench.start) == .pending)
        bench.slot.control.acknowledgeUsedAddresses()
        #expect(handshake.advance(now: bench.start) == .acknowledged)
    }

    @Test("a reset ends when the host has taken the request back and acknowledged")
    func reset() throws {
        let bench = try Bench()
        bench.poke(.hostAck, 1)
        let handshake = bench.ask(.reset)
        #expect(bench.byte(.hostAck) == 0 && bench.byte(.vdevReset) == 1 && bench.slot.control.isResetPending)
        bench.poke(.hostAck, 1)
        #expect(handshake.advance(now: bench.start) == .pending, "a late answer to an earlier request")
        bench.slot.control.acknowledgeReset()
        #expect(handshake.advance(now: bench.start) == .acknowledged)
    }

    @Test(
        "at the deadline each kind has timed out and taken its request back",
        arguments: Handshake.Kind.allCases)
    func timesOut(kind: Handshake.Kind) throws {
        let bench = try Bench()
        let handshake = bench.ask(kind)
        #expect(handshake.advance(now: bench.start + .milliseconds(9999)) == .pending)
        #expect(handshake.nextCheck <= handshake.deadline)
        #expect(handshake.advance(now: bench.start + .seconds(10)) == .timedOut)
        for byte in [Bench.Byte.configChange, .vdevReset, .guestAck, .usedAddressUpdated] {
            #expect(bench.byte(byte) == 0)
        }
    }

    @Test("an answer that is there at the deadline counts")
    func answerAtDeadline() throws {
        let bench = try Bench()
        let handshake = bench.ask(.usedAddress)
        bench.slot.control.acknowledgeUsedAddresses()
        #expect(handshake.advance(now: bench.start + .seconds(100), peerIsThere: false) == .acknowledged)
    }

    @Test("a peer that is gone ends it at once", arguments: Handshake.Kind.allCases)
    func peerGone(kind: Handshake.Kind) throws {
        let bench = try Bench()
        let handshake = bench.ask(kind)
        #expect(handshake.advance(now: bench.start, peerIsThere: false) == .peerGone)
        #expect(bench.byte(.configChange) == 0 && bench.byte(.vdevReset) == 0)
        #expect(bench.byte(.usedAddressUpdated) == 0)
    }

    @Test("Q10: an acknowledge byte left over from before is cleared, and does not answer the next command")
    func lateAcknowledge() throws {
        let bench = try Bench()
        let first = bench.ask(.configChange)
        #expect(first.advance(now: bench.start + .seconds(10)) == .timedOut)
        bench.poke(.guestAck, 1)
        let second = bench.ask(.configChange)
        #expect(bench.byte(.guestAck) == 0 && bench.byte(.configChange) == 2)
        #expect(second.advance(now: bench.start) == .pending)
    }

    @Test("a guest that reads a command while it is being taken back sees none")
    func commandTakenBack() throws {
        let bench = try Bench()
        // The host takes config_change back first, then guest_ack.
        bench.poke(.configChange, 0)
        bench.poke(.guestAck, 1)
        #expect(bench.slot.control.pendingCommand() == nil)
        bench.poke(.guestAck, 0)
        #expect(bench.slot.control.pendingCommand() == nil)
    }

    @Test("an unknown command is none", arguments: [UInt8(3), 255])
    func unknownCommand(value: UInt8) throws {
        let bench = try Bench()
        bench.poke(.configChange, value)
        #expect(bench.slot.control.pendingCommand() == nil)
    }

    @Test("a guest that unloads marks each slot as if it had been asked, and leaves no request behind")
    func unload() throws {
        let bench = try Bench()
        bench.slot.control.beginUnload()
        #expect(bench.byte(.configChange) == 1)
        bench.slot.letGo()
        bench.slot.control.finishUnload()
        #expect(bench.byte(.configChange) == 0 && bench.byte(.guestAck) == 0 && bench.slot.isRemoved)
    }

    @Test("the limits start from the MIC driver's and are settings")
    func limits() {
        var limits = HandshakeLimits()
        #expect(limits[.configChange] == .seconds(10) && limits[.hotRemove] == .seconds(15))
        #expect(limits[.reset] == .seconds(10) && limits[.usedAddress] == .milliseconds(9900))
        limits[.hotRemove] = .seconds(2)
        #expect(limits.hotRemove == .seconds(2))
    }
}
