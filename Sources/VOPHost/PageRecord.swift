import LinuxSystem
import SystemPackage
import Virtio

/// What a host writes down of its page, so that it can go on after it was killed: which slot is whose, where its rings
/// lie, and what driver and device agreed on. A text file of its own that no peer can write, replaced whole.
///
/// ```
/// vop-page 1
/// meeting ID
/// slot OFFSET QUEUES FEATURE-BYTES CONFIG-BYTES TYPE DOORBELL LIFE STATUS NEGOTIATED HEX-OF-NAME
/// ring ADDRESS SIZE USED-ADDRESS            a line for each queue of the slot above
/// end
/// ```
/// A slot is written down before the page shows it, and struck out after the page does not show it any more. A slot
/// without a name is quarantined; a life of 0 means that it does not run.
struct PageRecord: Equatable {
    struct Ring: Equatable {
        let address: UInt64
        let size: UInt16
        let usedAddress: UInt64
    }

    struct Slot: Equatable {
        let name: String
        let offset: Int
        let queueCount: Int
        let featureByteCount: Int
        let configByteCount: Int
        let type: UInt8
        let doorbell: UInt8
        let life: UInt64
        let status: UInt8
        let negotiated: UInt64
        var rings: [Ring] = []

        var isQuarantined: Bool { name.isEmpty }
    }

    let meetingID: UInt64
    var slots: [Slot]

    // MARK: As a file

    private static let heading = ["vop-page 1"]

    var text: String { record.text }

    private var record: TextRecord {
        var lines = [TextRecord.Line("meeting", [meetingID])]
        for slot in slots {
            lines.append(
                TextRecord.Line(
                    "slot",
                    [
                        UInt64(slot.offset), UInt64(slot.queueCount), UInt64(slot.featureByteCount),
                        UInt64(slot.configByteCount), UInt64(slot.type), UInt64(slot.doorbell), slot.life,
                        UInt64(slot.status), slot.negotiated,
                    ], names: [slot.name]))
            lines += slot.rings.map {
                TextRecord.Line("ring", [$0.address, UInt64($0.size), $0.usedAddress])
            }
        }
        return TextRecord(Self.heading, lines)
    }

    init(meetingID: UInt64, slots: [Slot]) {
        self.meetingID = meetingID
        self.slots = slots
    }

    /// - Returns: `nil` for anything but what `text` gives.
    init?(text: String) {
        guard let record = TextRecord(Self.heading, text: text) else { return nil }
        self.init(record)
    }

    private init?(_ record: TextRecord) {
        guard let first = record.lines.first, first.word == "meeting", first.has(numbers: 1) else {
            return nil
        }
        self.init(meetingID: first.numbers[0], slots: [])
        for line in record.lines.dropFirst() {
            switch line.word {
            case "slot":
                guard let slot = Slot(line) else { return nil }
                slots.append(slot)
            case "ring":
                guard let ring = Ring(line), !slots.isEmpty else { return nil }
                slots[slots.count - 1].rings.append(ring)
            default: return nil
            }
        }
        guard slots.allSatisfy({ $0.rings.count == $0.queueCount }) else { return nil }
    }

    static func read(from path: String) -> PageRecord? {
        TextRecord.read(heading, from: path).flatMap(PageRecord.init)
    }

    func write(to path: String) throws(Errno) { try record.write(to: path) }
}

extension PageRecord.Slot {
    fileprivate init?(_ line: TextRecord.Line) {
        let numbers = line.numbers
        guard line.has(numbers: 9, names: 1), let offset = Int(exactly: numbers[0]),
            let queueCount = Int(exactly: numbers[1]), (1...4).contains(queueCount),
            let featureByteCount = Int(exactly: numbers[2]), featureByteCount <= 8,
            let configByteCount = Int(exactly: numbers[3]), configByteCount <= 255,
            let type = UInt8(exactly: numbers[4]), let doorbell = UInt8(exactly: numbers[5]),
            let status = UInt8(exactly: numbers[7])
        else { return nil }
        self.init(
            name: line.names[0], offset: offset, queueCount: queueCount, featureByteCount: featureByteCount,
            configByteCount: configByteCount, type: type, doorbell: doorbell, life: numbers[6],
            status: status, negotiated: numbers[8])
    }
}

extension PageRecord.Ring {
    fileprivate init?(_ line: TextRecord.Line) {
        guard line.has(numbers: 3), let size = UInt16(exactly: line.numbers[1]) else { return nil }
        self.init(address: line.numbers[0], size: size, usedAddress: line.numbers[2])
    }
}
