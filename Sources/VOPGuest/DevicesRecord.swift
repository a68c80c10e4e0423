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
    var doorbell: UInt8?
    var quarantined: [PeerRange] = []
    var devices: [Device] = []

    static func read(from path: String) -> DevicesRecord? {
        TextRecord.read(heading, from: path).flatMap(DevicesRecord.init)
    }

    func write(to path: String) throws(Errno) { try record.write(to: path) }

    // MARK: As a file

    private static let heading = ["vop-devices 1"]

    private var record: TextRecord {
        var lines = [TextRecord.Line("meeting", [meetingID])]
        if let doorbell { lines.append(TextRecord.Line("doorbell", [UInt64(doorbell)])) }
        lines += quarantined.map { TextRecord.Line("quarantine", [$0.address, $0.byteCount]) }
        for device in devices {
            let (shape, standing) = (device.shape, device.standing.rawValue)
            lines.append(
                TextRecord.Line(
                    "device",
                    [
                        UInt64(device.offset), UInt64(device.type), UInt64(shape.queueCount),
                        UInt64(shape.featureByteCount), UInt64(shape.configByteCount), device.offered,
                        UInt64(device.doorbell), UInt64(device.status), device.negotiated, device.life,
                        standing,
                    ], names: [device.name, device.driver]))
            lines += device.queues.map {
                TextRecord.Line("queue", [$0.address, UInt64($0.statedSize), $0.usedAddress])
            }
            lines += device.memory.map { TextRecord.Line("memory", [$0.address, $0.byteCount]) }
        }
        return TextRecord(Self.heading, lines)
    }
}

extension DevicesRecord {
    private init?(_ record: TextRecord) {
        var lines = record.lines[...]
        guard let meeting = lines.popFirst(), meeting.word == "meeting", meeting.has(numbers: 1) else {
            return nil
        }
        self.init(meetingID: meeting.numbers[0], doorbell: nil)
        for line in lines {
            guard add(line) else { return nil }
        }
        guard devices.allSatisfy({ $0.queues.count == $0.shape.queueCount }) else { return nil }
    }

    private mutating func add(_ line: TextRecord.Line) -> Bool {
        switch line.word {
        case "doorbell":
            guard line.has(numbers: 1), let number = UInt8(exactly: line.numbers[0]) else { return false }
            doorbell = number
        case "quarantine":
            guard let range = line.range else { return false }
            quarantined.append(range)
        case "device":
            guard let device = Device(line) else { return false }
            devices.append(device)
        case "queue":
            guard let queue = Queue(line), !devices.isEmpty else { return false }
            devices[devices.count - 1].queues.append(queue)
        case "memory":
            guard let range = line.range, !devices.isEmpty else { return false }
            devices[devices.count - 1].memory.append(range)
        default: return false
        }
        return true
    }
}

extension TextRecord.Line {
    fileprivate var range: PeerRange? {
        guard has(numbers: 2) else { return nil }
        do throws(PeerViolation) {
            return try PeerRange(untrustedAddress: numbers[0], byteCount: numbers[1])
        } catch { return nil }
    }
}

extension DevicesRecord.Queue {
    fileprivate init?(_ line: TextRecord.Line) {
        guard line.has(numbers: 3), let size = UInt16(exactly: line.numbers[1]) else { return nil }
        self.init(address: line.numbers[0], statedSize: size, usedAddress: line.numbers[2])
    }
}

extension DevicesRecord.Device {
    fileprivate init?(_ line: TextRecord.Line) {
        let numbers = line.numbers
        guard line.has(numbers: 11, names: 2), let offset = Int(exactly: numbers[0]),
            let type = UInt8(exactly: numbers[1]), let shape = SlotShape(numbers[2...4]),
            let doorbell = UInt8(exactly: numbers[6]), let status = UInt8(exactly: numbers[7]),
            let standing = DevicesRecord.Standing(rawValue: numbers[10])
        else { return nil }
        self.init(
            offset: offset, type: type, shape: shape, offered: numbers[5], doorbell: doorbell, status: status,
            negotiated: numbers[8], life: numbers[9], standing: standing, name: line.names[0],
            driver: line.names[1])
    }
}

extension SlotShape {
    /// Queues, bytes of features, bytes of config space.
    fileprivate init?(_ numbers: ArraySlice<UInt64>) {
        let counts = numbers.compactMap { Int(exactly: $0) }
        guard counts.count == 3, (0...Self.queueCountMaximum).contains(counts[0]),
            counts[1...].allSatisfy({ $0 <= Self.descriptorMaximum })
        else { return nil }
        self.init(queueCount: counts[0], featureByteCount: counts[1], configByteCount: counts[2])
    }
}
