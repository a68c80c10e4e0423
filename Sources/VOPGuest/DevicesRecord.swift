import DevicePage
import LinuxSystem
import SharedMemory
import SystemPackage

/// What a guest writes down of the devices it drives, so that it can go on after it was killed. A text file of its own
/// that no peer can write, replaced whole.
///
/// ```
/// vop-devices 1
/// meeting ID
/// doorbell NUMBER                                  that the host rings for the page; once there is a page
/// quarantine ADDRESS BYTES                         a line for each range out of use
/// device OFFSET TYPE QUEUES FEATURE-BYTES CONFIG-BYTES OFFERED DOORBELL STATUS NEGOTIATED LIFE STANDING HEX-OF-NAME HEX-OF-DRIVER
/// queue ADDRESS SIZE USED-ADDRESS                  a line for each queue of the device above
/// memory ADDRESS BYTES                             a line for each range it has, oldest first
/// end
/// ```
/// Memory is written down before the host is told of it. A life of 0 means that the device does not run.
struct DevicesRecord: Equatable {
    struct Queue: Equatable {
        let address: UInt64
        let statedSize: UInt16
        let usedAddress: UInt64
    }

    enum Standing: UInt64 {
        /// No driver, and nothing under way.
        case unbound = 0
        /// It runs, or something is under way, or it failed: a reset sets it right.
        case bound = 1
        /// The host did not answer: nothing may be asked of it.
        case lost = 2
    }

    struct Device: Equatable {
        let offset: Int
        let type: UInt8
        let shape: SlotShape
        let offered: UInt64
        let doorbell: UInt8
        let status: UInt8
        let negotiated: UInt64
        let life: UInt64
        let standing: Standing
        let name: String
        /// Empty when there is none.
        let driver: String
        var queues: [Queue] = []
        var memory: [PeerRange] = []
    }

    let meetingID: UInt64
    let doorbell: UInt8?
    var quarantined: [PeerRange] = []
    var devices: [Device] = []

    static func read(from path: String) -> DevicesRecord? {
        do throws(Errno) {
            return DevicesRecord(text: String(decoding: try WholeFile.contents(of: path), as: UTF8.self))
        } catch { return nil }
    }

    func write(to path: String) throws(Errno) {
        try WholeFile.replace(path, with: [UInt8](text.utf8), isDurable: false)
    }

    // MARK: As a file

    var text: String {
        var lines = ["vop-devices 1", "meeting \(meetingID)"]
        if let doorbell { lines.append("doorbell \(doorbell)") }
        lines += quarantined.map { "quarantine \($0.address) \($0.byteCount)" }
        for device in devices {
            let shape = device.shape
            lines.append(
                "device \(device.offset) \(device.type) \(shape.queueCount) \(shape.featureByteCount)"
                    + " \(shape.configByteCount) \(device.offered) \(device.doorbell) \(device.status)"
                    + " \(device.negotiated) \(device.life) \(device.standing.rawValue)"
                    + " \(Self.hex(device.name)) \(Self.hex(device.driver))")
            lines += device.queues.map { "queue \($0.address) \($0.statedSize) \($0.usedAddress)" }
            lines += device.memory.map { "memory \($0.address) \($0.byteCount)" }
        }
        return (lines + ["end", ""]).joined(separator: "\n")
    }

    private static func hex(_ name: String) -> String {
        "x" + name.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension DevicesRecord {
    /// - Returns: `nil` for anything but what `text` gives.
    init?(text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard lines.popFirst() == "vop-devices 1", lines.suffix(2) == ["end", ""],
            let meeting = lines.popFirst().map(RecordLine.init), meeting.word == "meeting",
            meeting.numbers.count == 1
        else { return nil }
        var doorbell: UInt8?
        var quarantined: [PeerRange] = []
        var devices: [Device] = []
        for line in lines.dropLast(2).map(RecordLine.init) {
            switch line.word {
            case "doorbell":
                guard line.numbers.count == 1, let number = UInt8(exactly: line.numbers[0]) else {
                    return nil
                }
                doorbell = number
            case "quarantine":
                guard let range = line.range else { return nil }
                quarantined.append(range)
            case "device":
                guard let device = line.device else { return nil }
                devices.append(device)
            case "queue":
                guard let queue = line.queue, !devices.isEmpty else { return nil }
                devices[devices.count - 1].queues.append(queue)
            case "memory":
                guard let range = line.range, !devices.isEmpty else { return nil }
                devices[devices.count - 1].memory.append(range)
            default: return nil
            }
        }
        guard devices.allSatisfy({ $0.queues.count == $0.shape.queueCount }) else { return nil }
        self.init(
            meetingID: meeting.numbers[0], doorbell: doorbell, quarantined: quarantined, devices: devices)
    }
}

/// One line, taken apart: a word, numbers, and names behind them.
private struct RecordLine {
    let word: Substring
    var numbers: [UInt64] = []
    var names: [String] = []
    private var isWellFormed = true

    init(_ line: Substring) {
        var words = line.split(separator: " ", omittingEmptySubsequences: false)[...]
        word = words.popFirst() ?? ""
        for text in words {
            if let number = UInt64(text), names.isEmpty {
                numbers.append(number)
            } else if let name = Self.name(text) {
                names.append(name)
            } else {
                isWellFormed = false
            }
        }
    }

    private static func name(_ text: Substring) -> String? {
        guard text.first == "x" else { return nil }
        var bytes: [UInt8] = []
        var rest = text.dropFirst()
        while !rest.isEmpty {
            guard rest.count >= 2, let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    var range: PeerRange? {
        guard isWellFormed, numbers.count == 2, names.isEmpty else { return nil }
        do throws(PeerViolation) {
            return try PeerRange(untrustedAddress: numbers[0], byteCount: numbers[1])
        } catch { return nil }
    }

    var queue: DevicesRecord.Queue? {
        guard isWellFormed, numbers.count == 3, names.isEmpty, let size = UInt16(exactly: numbers[1]) else {
            return nil
        }
        return DevicesRecord.Queue(address: numbers[0], statedSize: size, usedAddress: numbers[2])
    }

    var device: DevicesRecord.Device? {
        guard isWellFormed, numbers.count == 11, names.count == 2, let offset = Int(exactly: numbers[0]),
            let type = UInt8(exactly: numbers[1]), let shape, let doorbell = UInt8(exactly: numbers[6]),
            let status = UInt8(exactly: numbers[7]),
            let standing = DevicesRecord.Standing(rawValue: numbers[10])
        else { return nil }
        return DevicesRecord.Device(
            offset: offset, type: type, shape: shape, offered: numbers[5], doorbell: doorbell, status: status,
            negotiated: numbers[8], life: numbers[9], standing: standing, name: names[0], driver: names[1])
    }

    private var shape: SlotShape? {
        guard let queueCount = Int(exactly: numbers[2]),
            (0...SlotShape.queueCountMaximum).contains(queueCount),
            let featureByteCount = Int(exactly: numbers[3]), featureByteCount <= SlotShape.descriptorMaximum,
            let configByteCount = Int(exactly: numbers[4]), configByteCount <= SlotShape.descriptorMaximum
        else { return nil }
        return SlotShape(
            queueCount: queueCount, featureByteCount: featureByteCount, configByteCount: configByteCount)
    }
}
