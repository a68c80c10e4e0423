import CopyFile
import LinuxSystem
import SharedMemory
import SystemPackage
import Testing
import Virtio
import Virtqueue

@testable import VOPHost

/// A scripted driver on heap windows, and the copy queue on the other end of its ring.
final class CopyQueueBench {
    static let hostBase: UInt64 = 0x10_0000
    static let guestBase: UInt64 = 0x4000_0000

    let queue: CopyQueue
    private let host = MemoryWindow.heap(byteCount: 1 << 16)
    let guest: MemoryWindow
    private let space: AddressSpace
    private let size: QueueSize
    private let features: FeatureSet
    private var driver: DriverQueue
    private var line: DriverLine?
    private let log = Log()

    final class Log {
        var rings = 0
        var faults: [DeviceFault] = []
    }

    /// The driver's doorbell rang so often.
    var rings: Int { log.rings }
    var faults: [DeviceFault] { log.faults }

    /// Where the next buffer goes, and where each chain's room is, by the driver's own number for it.
    private var nextBuffer = 1 << 16
    private var rooms: [UInt64: [PeerRange]] = [:]
    private var nextNumber: UInt64 = 1

    init(
        size: Int = 64, features: FeatureSet = [], firstToken: UInt64 = 1, isActive: Bool = true,
        hasDeviceMemory: Bool = false
    ) throws {
        let file = try MemoryFile(name: "guest", byteCount: 16 << 20)
        guest = try unsafe MemoryWindow(file.map(), isDeviceMemory: hasDeviceMemory)
        queue = CopyQueue(firstToken: firstToken)
        self.size = try QueueSize(untrusted: UInt32(size))
        self.features = features
        space = try AddressSpace([
            .init(base: Self.hostBase, window: host), .init(base: Self.guestBase, window: guest),
        ])
        driver = try QueueSetup(
            size: self.size, ringRegion: Self.hostBase, usedRing: Self.guestBase, negotiated: features
        ).activate(asDriverWithRingsIn: space, usedRingIn: space)
        if isActive { try activate() }
    }

    private func setup() throws -> QueueSetup {
        try QueueSetup(
            size: size, ringRegion: Self.hostBase, usedRing: Self.guestBase, negotiated: features)
    }

    /// DRIVER_OK.
    func activate() throws {
        let log = log
        let line = DriverLine(notify: { log.rings += 1 }, broken: { log.faults.append($0) })
        self.line = line
        let guestOnly = try AddressSpace([.init(base: Self.guestBase, window: guest)])
        queue.activate(
            try setup().activate(asDeviceWithRingsIn: space, usedRingIn: space, buffersIn: guestOnly),
            driver: line)
    }

    /// The driver resets the device, and is ready for the next life.
    func reset() throws {
        line?.close()
        queue.reset()
        driver = try setup().activate(asDriverWithRingsIn: space, usedRingIn: space)
        rooms = [:]
    }

    // MARK: Driver

    /// Puts a chain into the ring: what the device reads, in pieces, and rooms for what it writes.
    ///
    /// - Returns: the driver's number for it.
    @discardableResult
    func put(_ readable: [[UInt8]], rooms sizes: [Int] = []) throws -> UInt64 {
        let number = nextNumber
        nextNumber += 1
        driver.begin(token: number)
        for bytes in readable {
            let hasRoom = driver.appendReadable(try buffer(bytes.count, bytes))
            #expect(hasRoom)
        }
        var ranges: [PeerRange] = []
        for size in sizes {
            let range = try buffer(size, [])
            let hasRoom = driver.appendWritable(range)
            #expect(hasRoom)
            ranges.append(range)
        }
        rooms[number] = ranges
        driver.commit()
        return number
    }

    private func buffer(_ byteCount: Int, _ bytes: [UInt8]) throws -> PeerRange {
        let space = (byteCount + 63) & ~63
        if nextBuffer + space > guest.byteCount { nextBuffer = 1 << 16 }
        let offset = nextBuffer
        nextBuffer += space
        guest.write(bytes, at: offset)
        return try PeerRange(
            untrustedAddress: Self.guestBase + UInt64(offset), byteCount: UInt64(byteCount))
    }

    /// Shows the device what was put, and rings if it wants to know.
    ///
    /// - Returns: whether it rang.
    @discardableResult
    func show() -> Bool {
        guard driver.publishAvailable() else { return false }
        queue.service()
        return true
    }

    /// One chain, shown.
    @discardableResult
    func offer(_ bytes: [UInt8], room: Int = 0) throws -> UInt64 {
        let number = try put(bytes.isEmpty ? [] : [bytes], rooms: room == 0 ? [] : [room])
        show()
        return number
    }

    struct Used: Equatable {
        let number: UInt64
        let bytes: [UInt8]
    }

    /// Everything that came back since the last time, with what was written into it.
    func used() throws -> [Used] {
        var all: [Used] = []
        while let completion = try driver.takeUsed() {
            var bytes: [UInt8] = []
            for range in rooms[completion.token] ?? [] {
                let count = min(Int(range.byteCount), Int(completion.written) - bytes.count)
                bytes += guest.bytes(at: Int(range.address - Self.guestBase), byteCount: count)
            }
            all.append(Used(number: completion.token, bytes: bytes))
        }
        return all
    }

    var freeCount: Int { driver.freeCount }
    func stopNotifications() { driver.disableNotifications() }
    func scribbleOverBuffers() { guest.zero(at: 1 << 16, byteCount: 1 << 16) }

    /// With the event index: where the driver wants to be told.
    func setUsedEvent(_ event: UInt16) { host.store16(event, at: 16 * size.count + 4 + 2 * size.count) }

    /// Makes the driver break a rule.
    func breakRing() {
        host.store16(0xFFFF, at: 16 * size.count + 2)
        queue.service()
    }
}

/// A read by a scripted backend.
final class ScriptedRead: ChainRead {
    let byteCount: Int
    let isNonBlocking: Bool
    var isOver = false
    /// Nobody is there to get the answer.
    var isLost = false

    private(set) var bytes: [UInt8]?
    private(set) var errno: Errno?
    private(set) var sliceCount = 0

    init(_ byteCount: Int = CopyLimits.callByteCount, isNonBlocking: Bool = false) {
        self.byteCount = byteCount
        self.isNonBlocking = isNonBlocking
    }

    var isWaiting: Bool { bytes == nil && errno == nil }

    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool {
        #expect(isWaiting && !isOver, "answered twice, or after it was over")
        guard !isLost else { return false }
        bytes = slices.reduce(header) {
            $0 + space.window(of: $1).bytes(at: $1.offset, byteCount: $1.byteCount)
        }
        sliceCount = slices.count
        return true
    }

    func fail(_ errno: Errno) -> Bool {
        #expect(isWaiting && !isOver, "answered twice, or after it was over")
        guard !isLost else { return false }
        self.errno = errno
        return true
    }

    struct Delivered: Equatable {
        let token: UInt64
        let bytes: [UInt8]
        var flags: CopyFlags = []
        var room: UInt32 = 0
        var offset: UInt32 = 0
    }

    /// What the batch holds.
    func delivered() throws -> [Delivered] {
        let bytes = try #require(bytes, "not answered with a batch")
        #expect(bytes.count < byteCount, "a reply is always shorter than what was asked for")
        var reader = BatchReader(.toBackend)
        try reader.read(bytes.span)
        return reader.records.map {
            Delivered(
                token: $0.header.token, bytes: Array(bytes[$0.payload]), flags: $0.header.flags,
                room: $0.header.writableByteCount, offset: $0.header.offset)
        }
    }

    func tokens() throws -> [UInt64] { try delivered().map(\.token) }
}

extension QueueOpening {
    /// A read that is answered now or waits.
    @discardableResult
    func startRead(_ byteCount: Int = CopyLimits.callByteCount) -> ScriptedRead {
        let read = ScriptedRead(byteCount)
        self.read(read)
        return read
    }

    /// What a non-blocking read says.
    func tryRead(_ byteCount: Int = CopyLimits.callByteCount) -> ScriptedRead {
        let read = ScriptedRead(byteCount, isNonBlocking: true)
        self.read(read)
        #expect(!read.isWaiting, "a non-blocking read was kept")
        return read
    }

    /// The errno of a write, `nil` when it was taken whole.
    func send(_ bytes: [UInt8]) -> Errno? {
        do throws(Errno) {
            // SAFETY: any bytes are valid bytes.
            let count = try unsafe write(bytes.span.bytes)
            #expect(count == bytes.count)
            return nil
        } catch { return error }
    }

    func send(_ build: (inout BatchWriter) -> Void) -> Errno? {
        var writer = BatchWriter(.toDevice)
        build(&writer)
        return send(writer.bytes())
    }
}
