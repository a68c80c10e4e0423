public import DevicePage
import SharedMemory
import Virtio
import Virtqueue

/// What people see and ask: the control tree's devices, `driver` and `reset` files.
extension GuestBackend {
    /// Every device as it is now, in the order in which they were found.
    public var snapshots: [GuestDeviceSnapshot] { devices.map(\.snapshot) }

    /// What was done with each queue of a device; empty for one that is not there.
    public func queueCounters(of name: String) -> [GuestQueueCounters] {
        devices.first { $0.name == name }?.counters ?? []
    }

    /// - Throws: `.noSuchDevice`.
    public func snapshot(of name: String) throws(GuestError) -> GuestDeviceSnapshot {
        try device(named: name).snapshot
    }

    /// The page as it is, once the host's magic is in it.
    public var devicePage: DevicePage? { if case .present(let page, _) = page { page } else { nil } }

    /// Memory of ours that is out of use because the host may still write to it.
    public var quarantinedByteCount: UInt64 { context.quarantined.reduce(0) { $0 + $1.byteCount } }

    /// Binds a driver to a device that has none. What comes of it is told by events and the device's state.
    ///
    /// - Throws: `.noSuchDevice`, `.noSuchDriver`, `.wrongType`, `.busy`, `.unanswered`, `.hostAway`,
    ///   `.unloading`.
    public func bind(_ name: String, to driverName: String) throws(GuestError) {
        let device = try usableDevice(named: name)
        guard let kind = drivers.first(where: { $0.name == driverName }) else {
            throw .noSuchDriver(driverName, known: drivers.map(\.name))
        }
        guard kind.type == device.entry.type else {
            throw .wrongType(driver: kind.name, drives: kind.type, device: name, is: device.entry.type)
        }
        switch device.phase {
        case .unbound: device.bind(kind)
        case .failed: device.reset(for: .rebind(kind))
        case .settingUp, .running, .resetting, .gone: throw .busy(name, state: device.state)
        }
    }

    /// Has the driver let go and the host reset the device. It stays without one until somebody binds.
    ///
    /// - Throws: `.noSuchDevice`, `.notBound`, `.unanswered`, `.hostAway`, `.unloading`.
    public func unbind(_ name: String) throws(GuestError) {
        let device = try usableDevice(named: name)
        if case .unbound = device.phase { throw .notBound(name) }
        device.reset(for: .unbind)
        dropGone()
    }

    /// Resets a device, and binds the driver it had, or that of its type, anew.
    ///
    /// - Throws: `.noSuchDevice`, `.notBound` when it has and had none, `.unanswered`, `.hostAway`, `.unloading`.
    public func reset(_ name: String) throws(GuestError) {
        let device = try usableDevice(named: name)
        guard let kind = device.boundKind ?? driver(of: device.entry.type) else { throw .notBound(name) }
        if case .unbound = device.phase { throw .notBound(name) }
        device.reset(for: .rebind(kind))
        dropGone()
    }

    private func usableDevice(named name: String) throws(GuestError) -> GuestDevice {
        guard !isUnloading else { throw .unloading }
        guard !context.isSuspended else { throw .hostAway }
        let device = try device(named: name)
        if case .failed(_, let isAnswerable) = device.phase, !isAnswerable { throw .unanswered(name) }
        return device
    }

    private func device(named name: String) throws(GuestError) -> GuestDevice {
        guard let device = devices.first(where: { $0.name == name }) else { throw .noSuchDevice(name) }
        return device
    }
}

extension GuestDevice {
    var state: GuestDeviceState {
        switch phase {
        case .unbound, .gone: .unbound
        case .settingUp: .settingUp
        case .running: .running
        case .resetting: .resetting
        case .failed: .failed
        }
    }

    var boundKind: GuestDriverKind? {
        switch phase {
        case .settingUp(_, let kind), .running(let kind, _), .resetting(_, .rebind(let kind)): kind
        case .unbound, .resetting, .failed, .gone: nil
        }
    }

    private var failure: String? { if case .failed(let reason, _) = phase { reason } else { nil } }

    var snapshot: GuestDeviceSnapshot {
        let isRunning = state == .running
        return GuestDeviceSnapshot(
            name: name, type: entry.type, state: state, failure: failure, status: status,
            offered: entry.offered, negotiated: negotiated, slot: entry.offset,
            configSpace: slot.config(),
            queues: entry.queues.indices.map { index in
                GuestDeviceSnapshot.Queue(
                    size: entry.queues[index].statedSize, ringAddress: entry.queues[index].address,
                    usedAddress: index < usedAddresses.count ? usedAddresses[index] : 0, isRunning: isRunning,
                    inFlightCount: index < queues.count ? queues[index].ring.inFlightCount : 0,
                    notificationCount: counters[index].notificationsSent.now)
            },
            driver: boundKind?.name, outputs: driver?.outputs ?? [], memoryByteCount: memory.byteCount)
    }
}
