import DevicePage
import Links
import SharedMemory

/// The host's page while the link is up: looked for until its magic is there, then listened to.
enum PageWatch {
    case none
    /// `deadline` is `nil` once it has passed and that was told.
    case awaited(
        DevicePage, deadline: ContinuousClock.Instant?, next: ContinuousClock.Instant, step: Duration)
    case present(DevicePage, configDoorbell: DoorbellNumber)

    var page: DevicePage? {
        switch self {
        case .none: nil
        case .awaited(let page, _, _, _), .present(let page, _): page
        }
    }

    var nextDeadline: ContinuousClock.Instant? {
        if case .awaited(_, _, let next, _) = self { next } else { nil }
    }
}
