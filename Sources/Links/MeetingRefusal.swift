import CVOP
import SharedMemory
import SystemPackage

/// Why two sides do not meet: in the words and numbers of a WELCOME that refuses.
struct MeetingRefusal: Error, Equatable {
    /// `vop_meeting_welcome.status`
    enum Status: UInt32, Sendable {
        case version = 1
        case side = 2
        case busy = 3
        case window = 4
        case doorbells = 5
        case other = 6
    }

    let status: Status
    let reason: String

    init(_ status: Status, _ reason: String) {
        self.status = status
        self.reason = reason
    }

    init(_ reason: String) { self.init(.other, reason) }

    init(_ violation: PeerViolation) {
        if case .meeting(let reason) = violation {
            self.init(.window, reason)
        } else {
            self.init(.window, String(describing: violation))
        }
    }

    /// A descriptor that is not what was announced.
    init(_ errno: Errno, window index: Int) {
        let fault =
            switch errno {
            case .notPermitted: "is not sealed against shrinking, growing and sealing"
            case .messageTooLong: "is not of the size announced"
            case .invalidArgument: "is no memory file of ordinary pages"
            default: "could not be mapped: \(errno)"
            }
        self.init(.window, "window \(index) \(fault)")
    }

    static func requireDoorbellCount(_ count: Int) throws(MeetingRefusal) {
        if let fault = MeetingLimits.fault(doorbellCount: count) { throw MeetingRefusal(.doorbells, fault) }
    }
}
