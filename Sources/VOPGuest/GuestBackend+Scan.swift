import DevicePage
import Links
import SharedMemory
import Virtio

/// Looks through the page (mic-abi 2.2, 2.3, 2.7, 2.8). A device is known by the place of its slot and our own record,
/// never by what is written there.
extension GuestBackend {
    // MARK: The page

    func awaitPage() {
        do throws(PeerViolation) {
            let range = try PeerRange(
                untrustedAddress: link.devicePageAddress, byteCount: UInt64(PageOffset.pageByteCount))
            let now = context.clock()
            page = .awaited(
                DevicePage(try link.windows(of: .host).window(covering: range)),
                deadline: now + settings.pageLimit, next: now, step: settings.firstPageLook)
        } catch { context.tell(.pageBroken, nil, "the page is in no host window: \(error)") }
    }

    func lookForPage() {
        let now = context.clock()
        guard !isUnloading, case .awaited(let page, let deadline, let next, let step) = page, next <= now
        else {
            return
        }
        do throws(PeerViolation) {
            try page.bootParameters().requireMagic()
        } catch {
            let isLate = deadline.map { $0 <= now } ?? false
            if isLate { context.tell(.pageMissing, nil, "no device page within \(settings.pageLimit)") }
            self.page = .awaited(
                page, deadline: isLate ? nil : deadline, next: now + step,
                step: min(step * 2, settings.pageLookMaximum))
            return
        }
        context.tell(.pageFound)
        // The doorbell first, then the scan: a device added in between rings (the original had it the other way round).
        let doorbell = link.allocateDoorbell()
        page.setConfigDoorbell(doorbell.byte)
        self.page = .present(page, configDoorbell: doorbell)
        writeDown()
        scan()
    }

    // MARK: The slots

    func scan() {
        guard case .present(let page, let doorbell) = page, !isUnloading else { return }
        // A host that formatted its page anew has forgotten whom to ring.
        if page.configDoorbell != doorbell.byte { page.setConfigDoorbell(doorbell.byte) }
        for device in devices { look(at: device) }
        dropGone()
        let snapshot = page.snapshot()
        tellBrokenWalk(snapshot.violation)
        let entries = snapshot.devices
        unusable = unusable.filter { offset, entry in entries.contains { $0.offset == offset && $0 == entry }
        }
        for entry in entries { meet(entry, on: page) }
        dropGone()
    }

    private func tellBrokenWalk(_ violation: PeerViolation?) {
        let broken = violation.map { String(describing: $0) }
        if let broken, broken != brokenWalk { context.tell(.pageBroken, nil, broken) }
        brokenWalk = broken
    }

    private func meet(_ entry: DeviceEntry, on page: DevicePage) {
        guard !devices.contains(where: { $0.entry.offset == entry.offset }), unusable[entry.offset] == nil
        else {
            return
        }
        // Bytes of a slot that overlaps one of ours: the host moves slots about under us.
        let end = entry.offset.rawValue + entry.shape.byteCount
        let overlaps = devices.contains {
            $0.entry.offset.rawValue < end
                && entry.offset.rawValue < $0.entry.offset.rawValue + $0.entry.shape.byteCount
        }
        guard !overlaps else { return refuse(entry, "its slot overlaps another device's") }
        let name = freeName(for: entry.type)
        context.tell(.found, name, "type \(entry.type) (at \(entry.offset), offers \(entry.offered))")
        do throws(PeerViolation) {
            let doorbell = try DoorbellNumber(
                untrusted: entry.control.guestToHostDoorbell, count: link.doorbellCount)
            let device = take(entry, on: page, name, doorbell)
            if settings.bindsByItself, let kind = driver(of: entry.type) { device.bind(kind) }
        } catch {
            take(entry, on: page, name, nil).fail("\(GuestDriverError.peer(error))", isAnswerable: false)
        }
    }

    private func take(
        _ entry: DeviceEntry, on page: DevicePage, _ name: String, _ doorbell: DoorbellNumber?
    ) -> GuestDevice {
        let device = GuestDevice(
            entry, page.slot(of: entry), name: name, hostDoorbell: doorbell, backend: context)
        devices.append(device)
        return device
    }

    private func refuse(_ entry: DeviceEntry, _ reason: String) {
        unusable[entry.offset] = entry
        context.tell(.failed, nil, "the \(entry.type) device at \(entry.offset) cannot be used: \(reason)")
    }

    func driver(of type: DeviceType) -> GuestDriverKind? { drivers.first { $0.type == type } }

    /// `<type><n>`, the lowest n that is free: the first 9p device of a page is `9p0`, as long as it lives.
    private func freeName(for type: DeviceType) -> String {
        var number = 0
        // `virtio-50` and a number would read as another type's name.
        let stem = type.description.last?.isNumber == true ? "\(type)." : "\(type)"
        while devices.contains(where: { $0.name == "\(stem)\(number)" }) { number += 1 }
        return "\(stem)\(number)"
    }

    // MARK: What the host asks

    /// Looks at everything a host can have done to a device we know.
    func look(at device: GuestDevice) {
        if case .gone = device.phase { return }
        guard device.isStillThere else { return device.vanish() }
        switch device.slot.control.pendingCommand() {
        case .configChanged: device.configChanged()
        case .remove where !isUnloading: device.reset(for: .remove)
        case .remove, nil: return
        }
    }
}
