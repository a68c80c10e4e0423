import ControlTree
import DevicePage
import SystemPackage
import VOPGuest
import Virtio

/// `links/<link>/devices/<name>` on the guest's side: what was found there, its driver, and what the driver gives.
enum DeviceDirectory {
    static func make(_ device: GuestDeviceSnapshot, _ backend: GuestBackend, _ side: GuestLinkSide)
        -> Directory
    {
        let shown = ShownDevice(name: device.name, backend: backend)
        let directory = Directory(mode: 0o755)
        addState(to: directory, shown)
        addControls(to: directory, shown)
        for output in outputs(of: device.type) {
            directory.add(output, Attribute(mode: 0o444, show: { shown.output(output) }))
        }
        if device.type == .ninep { directory.add("mount", mountAttribute(shown, side)) }
        directory.addDirectory("queues") { queues in
            for index in device.queues.indices {
                queues.addDirectory("\(index)") { addQueue(to: $0, shown, index) }
            }
        }
        return directory
    }

    private static func outputs(of type: DeviceType) -> [String] { type == .ninep ? ["tag", "socket"] : [] }

    // MARK: State

    private static func addState(to directory: Directory, _ shown: ShownDevice) {
        let state: [(String, (GuestDeviceSnapshot) -> String)] = [
            ("type", { $0.type.description }),
            ("state", { $0.state.rawValue }),
            ("failure", { $0.failure ?? "" }),
            ("offered", { $0.offered.description }),
            ("negotiated", { $0.negotiated?.description ?? "" }),
            ("status", { $0.status.description }),
            ("slot", { "\($0.slot.rawValue)" }),
        ]
        for (name, show) in state {
            directory.add(name, Attribute(mode: 0o444, show: { shown.now.map(show) ?? "" }))
        }
        directory.add(
            "config.bin",
            BinaryAttribute(
                mode: 0o444, count: { shown.now?.configSpace.count ?? 0 },
                show: { shown.now?.configSpace ?? [] }))
    }

    private static func addQueue(to directory: Directory, _ shown: ShownDevice, _ index: Int) {
        let files: [(String, (GuestDeviceSnapshot.Queue) -> String)] = [
            ("size", { "\($0.size)" }),
            ("state", { $0.isRunning ? "running" : "stopped" }),
            (
                "vring",
                { "ring 0x\(String($0.ringAddress, radix: 16))\nused 0x\(String($0.usedAddress, radix: 16))" }
            ),
            ("stats", { "in_flight \($0.inFlightCount)\nnotifications_sent \($0.notificationCount)" }),
        ]
        for (name, show) in files {
            directory.add(
                name,
                Attribute(
                    mode: 0o444,
                    show: {
                        guard let now = shown.now, index < now.queues.count else { return "" }
                        return show(now.queues[index])
                    }))
        }
    }

    // MARK: What can be written

    private static func addControls(to directory: Directory, _ shown: ShownDevice) {
        directory.add(
            "driver",
            Attribute(.optionalName, get: { shown.now?.driver ?? "" }) { name, _ throws(Refusal) in
                try shown.ask { backend throws(GuestError) in
                    if name.isEmpty {
                        try backend.unbind(shown.name)
                    } else {
                        try backend.bind(shown.name, to: name)
                    }
                }
            })
        directory.add(
            "reset",
            Attribute(
                mode: 0o200, show: nil,
                change: { text, change in
                    change.answer { () throws(Refusal) in
                        guard try ValueFormat<Bool>.boolean.parse(text) else {
                            throw Refusal(.invalidArgument, "'0' does nothing; write 1 to reset the device")
                        }
                        try shown.ask { backend throws(GuestError) in try backend.reset(shown.name) }
                    }
                }))
    }

    private static func mountAttribute(_ shown: ShownDevice, _ side: GuestLinkSide) -> Attribute {
        Attribute(
            .absolutePath(orNothing: true), get: { [unowned side] in side.mountPath(of: shown.name) },
            setLater: { [unowned side] path, change in
                side.mount(shown.name, at: path, change)
            })
    }
}

/// A device as its directory sees it: by name, asked for anew each time.
private struct ShownDevice {
    let name: String
    unowned let backend: GuestBackend

    /// `nil` when it is gone, until its directory is too.
    var now: GuestDeviceSnapshot? { try? backend.snapshot(of: name) }

    func output(_ output: String) -> String { now?.output(output) ?? "" }

    func ask(_ body: (GuestBackend) throws(GuestError) -> Void) throws(Refusal) {
        do throws(GuestError) { try body(backend) } catch { throw Refusal(error.errno, error.description) }
    }
}
