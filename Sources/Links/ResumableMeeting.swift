import LinuxSystem
import SharedMemory

/// A meeting that may be taken up again, as one side knows it.
///
/// A side that lost its peer holds the windows of both; a side that was killed has its record alone, and takes its own
/// windows from the hands of the peer. What a peer hands back is memory that it could write all along, and is believed
/// no more than that; that it is ours, sealed and as long as it was, is checked.
struct ResumableMeeting {
    let record: MeetingRecord
    /// Both empty in a side that has been killed since.
    var own: [SealedWindow] = []
    var peer: [SealedWindow] = []
    /// Whose process the peer was: nobody else is handed its windows.
    var peerUser: UInt32?

    /// This process has been in that meeting itself.
    var isHeld: Bool { !own.isEmpty }

    /// What the peer hands back as ours is what we made.
    func recognises(_ windows: [SealedWindow]) -> Bool {
        windows.map(\.identity) == record.ownIdentities
            && windows.map { UInt64($0.byteCount) } == record.ownWindows.map(\.byteCount)
    }

    static func placements(_ ranges: [MeetingRange], _ windows: [SealedWindow]) -> [AddressSpace.Placement] {
        zip(ranges, windows).map { AddressSpace.Placement(base: $0.base, window: $1.window) }
    }
}
