import DevicePage
import SharedMemory
import TestSupport
import Testing
import Virtio

/// A page with hand-written slots.
private struct Page {
    let window = MemoryWindow.heap(byteCount: 4096)

    init() { window.store32(BootParameters.magic, at: 0) }

    func header(at offset: Int, type: Int8, queues: UInt8, features: UInt8, config: UInt8) {
        window.store8(queues, at: offset + 1)
        window.store8(features, at: offset + 2)
        window.store8(config, at: offset + 3)
        window.store8(UInt8(bitPattern: type), at: offset)
    }

    var snapshot: PageSnapshot { PageSnapshot(copyingFrom: window) }
}

@Suite("Slots as a peer may write them")
struct SlotCheckTests {
    @Test("type 0 ends the list, whatever follows")
    func endsAtZero() {
        let page = Page()
        page.header(at: 24, type: 0, queues: 255, features: 255, config: 255)
        page.header(at: 80, type: 1, queues: 1, features: 4, config: 0)
        #expect(page.snapshot.slots.isEmpty && page.snapshot.ending == .end(.firstSlot))
    }

    @Test("four queues pass, more do not", arguments: [UInt8(4), 5, 255])
    func queueCount(queues: UInt8) {
        let page = Page()
        page.header(at: 24, type: 1, queues: queues, features: 4, config: 0)
        #expect((page.snapshot.violation == nil) == (queues == 4))
        #expect(page.snapshot.devices.count == (queues == 4 ? 1 : 0))
    }

    @Test("a padded descriptor of 256 bytes passes, a byte more does not", arguments: [UInt8(144), 145, 255])
    func descriptorLength(config: UInt8) {
        let page = Page()
        page.header(at: 24, type: 1, queues: 4, features: 4, config: config)
        #expect((page.snapshot.violation == nil) == (config == 144))
    }

    @Test("types 1…127 are devices; below −1 there is nothing", arguments: [Int8(1), 127, -2, -128])
    func types(type: Int8) {
        let page = Page()
        page.header(at: 24, type: type, queues: 1, features: 4, config: 0)
        #expect((page.snapshot.violation == nil) == (type > 0))
        #expect(page.snapshot.devices.first?.type.rawValue == (type > 0 ? UInt8(type) : nil))
    }

    @Test("a slot that ends with the page passes, one that would end past it does not")
    func endOfPage() {
        for (config, passes) in [(UInt8(0), true), (1, false)] {
            let page = Page()
            // Removed slots of 272 bytes up to 3832, one of 208 up to 4040: 56 bytes remain.
            var offset = 24
            for length in [Int](repeating: 272, count: 14) + [208] {
                page.header(at: offset, type: -1, queues: 0, features: 0, config: UInt8(length - 24))
                offset += length
            }
            page.header(at: offset, type: 4, queues: 1, features: 4, config: config)
            #expect(page.snapshot.ending == .full || !passes)
            #expect(page.snapshot.devices.count == (passes ? 1 : 0))
            #expect((page.snapshot.violation == nil) == passes)
        }
    }

    @Test("a removed slot needs no legal lengths, only an end inside the page")
    func removedLengths() throws {
        let page = Page()
        page.header(at: 24, type: -1, queues: 100, features: 255, config: 255)
        #expect(page.snapshot.slots.count == 1 && page.snapshot.violation == nil)
        page.header(at: 24, type: -1, queues: 255, features: 255, config: 255)
        #expect(page.snapshot.slots.isEmpty && page.snapshot.violation != nil)
    }

    @Test(
        "a queue size that is no power of two, zero, or above 128 costs its device alone",
        arguments: [0, 3, 129, 256])
    func queueSize(size: UInt16) throws {
        let page = Page()
        page.header(at: 24, type: 1, queues: 1, features: 4, config: 0)
        page.header(at: 80, type: 2, queues: 1, features: 4, config: 0)
        page.window.store16(size, at: 24 + 8 + 16)
        page.window.store16(128, at: 80 + 8 + 16)
        let devices = page.snapshot.devices
        #expect(devices.count == 2)
        #expect(throws: PeerViolation.queueSize(UInt32(size), maximum: 128)) {
            try devices[0].queues[0].size()
        }
        #expect(try devices[1].queues[0].size().count == 128)
    }

    @Test("feature bits past the sixty-fourth are not looked at")
    func longBitmaps() {
        let page = Page()
        page.header(at: 24, type: 1, queues: 1, features: 12, config: 0)
        page.window.write([UInt8](repeating: 0xFF, count: 12), at: 24 + 32)
        page.window.write([1, 0, 0, 0, 0, 0, 0, 0x80, 9, 9, 9, 9], at: 24 + 44)
        #expect(page.snapshot.devices.first?.offered.rawValue == .max)
        #expect(page.snapshot.devices.first?.negotiated.rawValue == 0x8000_0000_0000_0001)
    }

    @Test("random pages never trap, and never yield a device that breaks the profile")
    func randomPages() {
        var generator = SeededGenerator(seed: 7)
        let window = MemoryWindow.heap(byteCount: 4096)
        for round in 0..<600 {
            // Half of the rounds with small bytes, so that walks get far.
            let bound: UInt8 = round.isMultiple(of: 2) ? 255 : 8
            window.write((0..<4096).map { _ in UInt8.random(in: 0...bound, using: &generator) }, at: 0)
            let snapshot = PageSnapshot(copyingFrom: window)
            var position = 24
            for slot in snapshot.slots {
                switch slot {
                case .removed(let offset, let byteCount):
                    #expect(offset.rawValue == position)
                    position += byteCount
                case .device(let entry):
                    #expect(entry.offset.rawValue == position)
                    #expect(entry.shape.queueCount <= 4 && entry.shape.controlOffset <= 256)
                    #expect(entry.config.count == entry.shape.configByteCount)
                    position += entry.shape.byteCount
                }
            }
            #expect(position <= 4096)
            _ = PageReport(snapshot).text
        }
    }
}
