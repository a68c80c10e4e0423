import ControlTree
import HostDevices
import SystemPackage
import VOPHost

/// Config space: as bytes, as attributes, and changed under a running driver.
extension DeviceNode {
    static let configSizeName = "config_size"

    func addConfigSpace() {
        directory.add(
            "config.bin",
            BinaryAttribute(
                mode: 0o644, count: { [weak self] in self?.configuration.configSpace.count ?? 0 },
                show: { [weak self] in self?.configuration.configSpace ?? [] },
                change: { [weak self] bytes, offset, change in
                    self?.setLive(change) { configuration throws(ConfigurationError) in
                        var whole = configuration.configSpace
                        whole.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                        try configuration.setConfigSpace(whole)
                    }
                }))
    }

    /// Of a numbered type nobody knows how long its config space is, so its owner says so.
    func addConfigSize() {
        let format = ValueFormat<UInt64>.unsigned(in: 0...255, note: "a slot holds so many bytes")
        let node = Attribute(
            format, get: { [weak self] in UInt64(self?.configuration.configSpace.count ?? 0) },
            set: { [weak self] count, _ throws(Refusal) in
                try self?.stage { configuration throws(ConfigurationError) in
                    let kept = configuration.configSpace.prefix(Int(count))
                    try configuration.setConfigSpace(
                        kept + [UInt8](repeating: 0, count: Int(count) - kept.count))
                }
            })
        adopt(directory.add(Self.configSizeName, node))
    }

    /// Changes the configuration of a staged device, or, where config bytes alone differ, of a published one: then the
    /// guest is told, and the change is answered when it has answered.
    func setLive(
        _ pending: PendingChange, _ change: (inout DeviceConfiguration) throws(ConfigurationError) -> Void
    ) {
        do throws(Refusal) {
            let changed = try changed(change)
            guard isPublished else {
                configuration = changed
                return pending.succeed()
            }
            try requireConfigChangeAlone(changed)
            try requireOwnTag(in: changed)
            try tell(changed, pending)
        } catch { pending.refuse(error) }
    }

    private func requireConfigChangeAlone(_ changed: DeviceConfiguration) throws(Refusal) {
        do throws(ConfigurationError) { _ = try changed.describe() } catch { throw Refusal(error) }
        guard changed.offered == configuration.offered,
            changed.configSpace.count == configuration.configSpace.count
        else {
            throw Refusal(
                .resourceBusy,
                "would change feature bits or the length of config space, which a published device cannot; "
                    + "write 0 to published first")
        }
    }

    private func tell(_ changed: DeviceConfiguration, _ pending: PendingChange) throws(Refusal) {
        guard changed.configSpace != configuration.configSpace else {
            configuration = changed
            return pending.succeed()
        }
        let limit = backend.settings.configChangeLimit
        do throws(HostError) {
            try backend.changeConfig(of: name, to: changed.configSpace) { outcome in
                switch outcome {
                case .acknowledged, .peerGone, .unheard, .removed: pending.succeed()
                case .timedOut:
                    pending.refuse(
                        Refusal(
                            .timedOut,
                            "was set, but the guest has not acknowledged it within \(limit); it stays set"))
                }
            }
        } catch { throw Refusal(error) }
        configuration = changed
    }
}
