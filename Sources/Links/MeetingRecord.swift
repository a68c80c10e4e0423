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

    var text: String {
        var lines = [
            "vop-meeting 1", "side \(side.rawValue)", "meeting \(meetingID)", "page \(devicePageAddress)",
            "doorbells \(doorbellCount)",
        ]
        lines += hostWindows.map { "host \($0.base) \($0.byteCount)" }
        lines += guestWindows.map { "guest \($0.base) \($0.byteCount)" }
        lines += ownIdentities.map { "own \($0.device) \($0.inode)" }
        return (lines + ["end", ""]).joined(separator: "\n")
    }

    /// - Returns: `nil` for anything but what `text` gives.
    init?(side: Side, text: String) {
        var numbers: [Substring: [[UInt64]]] = [:]
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.starts(with: ["vop-meeting 1", "side \(side.rawValue)"]), lines.suffix(2) == ["end", ""]
        else { return nil }
        for line in lines.dropFirst(2).dropLast(2) {
            let words = line.split(separator: " ")
            guard let key = words.first else { return nil }
            let values = words.dropFirst().compactMap { UInt64($0) }
            guard values.count == words.count - 1 else { return nil }
            numbers[key, default: []].append(values)
        }
        func one(_ key: Substring) -> UInt64? { numbers[key]?.count == 1 ? numbers[key]?[0].first : nil }
        func pairs(_ key: Substring) -> [(UInt64, UInt64)] {
            (numbers[key] ?? []).compactMap { $0.count == 2 ? ($0[0], $0[1]) : nil }
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
    }

    /// - Returns: `nil` when there is none, or none that this side could resume with these settings.
    static func read(from path: String, _ side: Side, _ settings: SharedMemorySettings) -> MeetingRecord? {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try WholeFile.contents(of: path) } catch { return nil }
        guard let record = MeetingRecord(side: side, text: String(decoding: bytes, as: UTF8.self)),
            record.ownWindows.map(\.byteCount) == [UInt64(settings.windowByteCount)],
            record.ownIdentities.count == 1, record.peerWindows.isEmpty == false, record.meetingID != 0,
            (1...settings.doorbellCount).contains(record.doorbellCount)
        else { return nil }
        return record
    }

    func write(to path: String) throws(Errno) {
        try WholeFile.replace(path, with: [UInt8](text.utf8), isDurable: false)
    }
}
