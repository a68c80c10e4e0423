import LinkDaemon
import Synchronization
import VOPGuest
import Virtio

/// What the guest side of a link found, and what of it is driven.
final class GuestMetrics: LinkMetrics {
    private let devices = Mutex<[GuestDeviceSnapshot]>([])

    /// By the link's own thread, when that may have changed.
    func note(_ snapshots: [GuestDeviceSnapshot]) { devices.withLock { $0 = snapshots } }

    func write(to text: inout MetricsText, link: String) {
        for device in devices.withLock({ $0 }) {
            text.add(
                .devices, ["link": link, "device": device.name, "type": device.type.description],
                device.driver == nil ? 0 : 1)
        }
    }
}
