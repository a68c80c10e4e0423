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

    var text: String {
        var lines = ["vop-page 1", "meeting \(meetingID)"]
        for slot in slots {
            let name = slot.name.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            lines.append(
                "slot \(slot.offset) \(slot.queueCount) \(slot.featureByteCount) \(slot.configByteCount)"
                    + " \(slot.type) \(slot.doorbell) \(slot.life) \(slot.status) \(slot.negotiated) x\(name)"
            )
            lines += slot.rings.map { "ring \($0.address) \($0.size) \($0.usedAddress)" }
        }
        return (lines + ["end", ""]).joined(separator: "\n")
    }

    init(meetingID: UInt64, slots: [Slot]) {
        self.meetingID = meetingID
        self.slots = slots
    }

    /// - Returns: `nil` for anything but what `text` gives.
    init?(text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == "vop-page 1", lines.suffix(2) == ["end", ""],
            let first = lines.popFirst()?.split(separator: " "), first.count == 2, first[0] == "meeting",
            let meetingID = UInt64(first[1])
        else { return nil }
        self.meetingID = meetingID
        slots = []
        for line in lines.dropLast(2) {
            let words = line.split(separator: " ")
            switch words.first {
            case "slot":
                guard let slot = Slot(words.dropFirst()) else { return nil }
                slots.append(slot)
            case "ring":
                guard let ring = Ring(words.dropFirst()), !slots.isEmpty else { return nil }
                slots[slots.count - 1].rings.append(ring)
            default: return nil
            }
        }
        guard slots.allSatisfy({ $0.rings.count == $0.queueCount }) else { return nil }
    }

    static func read(from path: String) -> PageRecord? {
        do throws(Errno) {
            return PageRecord(text: String(decoding: try WholeFile.contents(of: path), as: UTF8.self))
        } catch { return nil }
    }

    func write(to path: String) throws(Errno) {
        try WholeFile.replace(path, with: [UInt8](text.utf8), isDurable: false)
    }
}

extension PageRecord.Slot {
    fileprivate init?(_ words: ArraySlice<Substring>) {
        let numbers = words.dropLast().compactMap { UInt64($0) }
        guard words.count == 10, numbers.count == 9, let last = words.last, last.hasPrefix("x"),
            let name = Self.name(last.dropFirst()), let offset = Int(exactly: numbers[0]),
            let queueCount = Int(exactly: numbers[1]), (1...4).contains(queueCount),
            let featureByteCount = Int(exactly: numbers[2]), featureByteCount <= 8,
            let configByteCount = Int(exactly: numbers[3]), configByteCount <= 255,
            let type = UInt8(exactly: numbers[4]), let doorbell = UInt8(exactly: numbers[5]),
            let status = UInt8(exactly: numbers[7])
        else { return nil }
        self.init(
            name: name, offset: offset, queueCount: queueCount, featureByteCount: featureByteCount,
            configByteCount: configByteCount, type: type, doorbell: doorbell, life: numbers[6],
            status: status, negotiated: numbers[8])
    }

    private static func name(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension PageRecord.Ring {
    fileprivate init?(_ words: ArraySlice<Substring>) {
        let numbers = words.compactMap { UInt64($0) }
        guard words.count == 3, numbers.count == 3, let size = UInt16(exactly: numbers[1]) else { return nil }
        self.init(address: numbers[0], size: size, usedAddress: numbers[2])
    }
}
