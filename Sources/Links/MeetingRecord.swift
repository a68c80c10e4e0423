import LinuxSystem
import SystemPackage
import Virtio

/// What a side writes down of a meeting, so that it can take it up again after it was killed. A file of its own, which
/// no peer can write: by it we know our own windows when a peer hands them back.
///
/// ```
/// vop-meeting 1
/// side host
/// meeting ID
/// page ADDRESS
/// doorbells COUNT              that both sides had
/// host BASE BYTES              a line for each window
/// guest BASE BYTES
/// own DEVICE INODE             which file each of our own windows is
/// end
/// ```
struct MeetingRecord: Equatable {
    let side: Side
    let meetingID: UInt64
    let devicePageAddress: UInt64
    let doorbellCount: Int
    let hostWindows: [MeetingRange]
    let guestWindows: [MeetingRange]
    let ownIdentities: [FileIdentity]

    var ownWindows: [MeetingRange] { side == .host ? hostWindows : guestWindows }
    var peerWindows: [MeetingRange] { side == .host ? guestWindows : hostWindows }

    init(
        _ side: Side, _ welcome: MeetingWelcome, doorbellCount: Int, ownIdentities: [FileIdentity]
    ) {
        self.side = side
        meetingID = welcome.meetingID
        devicePageAddress = welcome.devicePageAddress
        self.doorbellCount = doorbellCount
        hostWindows = welcome.hostWindows
        guestWindows = welcome.guestWindows
        self.ownIdentities = ownIdentities
    }

    // MARK: As a file

    private static func heading(_ side: Side) -> [String] { ["vop-meeting 1", "side \(side.rawValue)"] }

    var text: String { record.text }

    private var record: TextRecord {
        var lines = [
            TextRecord.Line("meeting", [meetingID]), TextRecord.Line("page", [devicePageAddress]),
            TextRecord.Line("doorbells", [UInt64(doorbellCount)]),
        ]
        lines += hostWindows.map { TextRecord.Line("host", [$0.base, $0.byteCount]) }
        lines += guestWindows.map { TextRecord.Line("guest", [$0.base, $0.byteCount]) }
        lines += ownIdentities.map { TextRecord.Line("own", [$0.device, $0.inode]) }
        return TextRecord(Self.heading(side), lines)
    }

    /// - Returns: `nil` for anything but what `text` gives.
    init?(side: Side, text: String) {
        guard let record = TextRecord(Self.heading(side), text: text) else { return nil }
        self.init(side, record)
    }

    private init?(_ side: Side, _ record: TextRecord) {
        func one(_ word: String) -> UInt64? {
            let found = record.lines.filter { $0.word == word }
            return found.count == 1 && found[0].has(numbers: 1) ? found[0].numbers[0] : nil
        }
        func pairs(_ word: String) -> [(UInt64, UInt64)] {
            record.lines.filter { $0.word == word && $0.has(numbers: 2) }.map {
                ($0.numbers[0], $0.numbers[1])
            }
        }
        guard let meetingID = one("meeting"), let page = one("page"), let doorbells = one("doorbells"),
            let doorbellCount = Int(exactly: doorbells)
        else { return nil }
        self.side = side
        self.meetingID = meetingID
        devicePageAddress = page
        self.doorbellCount = doorbellCount
        hostWindows = pairs("host").map { MeetingRange(base: $0.0, byteCount: $0.1) }
        guestWindows = pairs("guest").map { MeetingRange(base: $0.0, byteCount: $0.1) }
        ownIdentities = pairs("own").map { FileIdentity(device: $0.0, inode: $0.1) }
        guard self.record == record else { return nil }
    }

    /// - Returns: `nil` when there is none, or none that this side could resume with these settings.
    static func read(from path: String, _ side: Side, _ settings: SharedMemorySettings) -> MeetingRecord? {
        guard let text = TextRecord.read(heading(side), from: path), let record = MeetingRecord(side, text),
            record.ownWindows.map(\.byteCount) == [UInt64(settings.windowByteCount)],
            record.ownIdentities.count == 1, record.peerWindows.isEmpty == false, record.meetingID != 0,
            (1...settings.doorbellCount).contains(record.doorbellCount)
        else { return nil }
        return record
    }

    func write(to path: String) throws(Errno) {
        try record.write(to: path)
    }
}
