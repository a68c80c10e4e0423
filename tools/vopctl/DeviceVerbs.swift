import ArgumentParser
import SystemPackage
import Virtio

struct DeviceShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all devices, or one with its attributes and queues.",
        usage: "vopctl device show [OPTION]... [DEVICE]")

    @Argument(help: "The device, as LINK/NAME; all without one.")
    var device: String?

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let trees = try Trees(options)
        guard let device else { return try DeviceReport.all(trees.devices, options) }
        return try DeviceReport.one(try trees.device(device), options)
    }
}

struct DeviceList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all devices, or those of one link.",
        usage: "vopctl device list [OPTION]... [LINK]")

    @Argument(help: "The link; all without one.")
    var link: String?

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let trees = try Trees(options)
        let devices = try trees.devices
        guard let link else { return try DeviceReport.all(devices, options) }
        _ = try trees.link(link)
        return try DeviceReport.all(devices.filter { $0.link.name == link }, options)
    }
}

struct DeviceAdd: Verb {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make a device and publish it on its link's page.",
        usage: "vopctl device add [OPTION]... DEVICE [ATTRIBUTE=VALUE]...",
        discussion: """
            type is a name (9p, net, block, console, rng, rpmsg, vsock …), which brings attributes and queues, or a \
            number, for which queues=COUNT makes queues and config=HEX sets config space. Other attributes are the files of the device's directory, \
            such as tag=share or queues/0/size=64. published=0 leaves it staged. What cannot be published is removed \
            again.
            """)

    @Argument(help: "The new device, as LINK/NAME.")
    var device: String

    @Argument(help: ArgumentHelp("Its attributes.", valueName: "attribute=value"), transform: Setting.init)
    var settings: [Setting] = []

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let name = try DeviceName(device)
        let trees = try Trees(options)
        let tree = try trees.makerOfDevices
        guard tree.isDirectory("links/\(name.link)") else { throw noSuchLink(name, trees, tree) }
        let place = DevicePlace(link: LinkPlace(tree: tree, name: name.link), name: name.device)
        try tree.make(place.path)
        do throws(Failure) { try configure(place) } catch {
            throw tree.takenBack(place.path, after: error)
        }
        return .changed(
            "added device \(device)",
            ["action": .string("add"), "device": .string(device), "side": .string(tree.side.rawValue)],
            options)
    }

    /// The type first, which brings the rest; publishing last.
    private func configure(_ place: DevicePlace) throws(Failure) {
        var steps = SettingSteps(settings)
        try steps.take("type")?.apply(to: place.path, in: place.tree)
        if let queues = steps.take("queues") { try makeQueues(queues.value, of: place) }
        try steps.take("config_size")?.apply(to: place.path, in: place.tree)
        if let config = steps.take("config") { try setConfig(config, of: place) }
        let published = steps.take("published") ?? Setting("published", "1")
        for setting in steps.inOrder { try setting.apply(to: place.path, in: place.tree) }
        try published.apply(to: place.path, in: place.tree)
    }

    /// `config` is `config.bin` and, for a numbered type, its length before it.
    private func setConfig(_ config: Setting, of place: DevicePlace) throws(Failure) {
        let bytes = Setting("config.bin", config.value)
        let size = "\(place.path)/config_size"
        if try place.tree.text(size) != nil { try place.tree.write("\(try bytes.binary().count)", to: size) }
        try bytes.apply(to: place.path, in: place.tree)
    }

    private func makeQueues(_ text: String, of place: DevicePlace) throws(Failure) {
        guard let count = Int(text), (0...64).contains(count) else {
            throw Failure(
                .local, "queues: '\(text)' is no count of queues; give 1 to 4 (MIC profile)", object: device)
        }
        for index in 0..<count where !place.tree.isDirectory("\(place.path)/queues/\(index)") {
            try place.tree.make("\(place.path)/queues/\(index)")
        }
    }

    private func noSuchLink(_ name: DeviceName, _ trees: Trees, _ tree: ControlTreeClient) -> Failure {
        do throws(Failure) { _ = try trees.link(name.link) } catch { return error }
        return Failure(
            .notFound,
            "there is no link '\(name.link)' in \(tree.path), where devices are made; add it there",
            errno: .noSuchFileOrDirectory, object: name.link)
    }
}

struct DeviceSet: Verb {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Set attributes of a device.",
        usage: "vopctl device set [OPTION]... DEVICE ATTRIBUTE=VALUE...",
        discussion: """
            Each attribute is applied or refused by itself, in the order given. config.bin takes pairs of hexadecimal \
            digits, or @FILE; on a published device that is a config change.
            """)

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @Argument(help: ArgumentHelp("Its attributes.", valueName: "attribute=value"), transform: Setting.init)
    var settings: [Setting]

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let place = try Trees(options).device(device)
        for setting in settings { try setting.apply(to: place.path, in: place.tree) }
        return .changed(
            "set \(settings.map(\.attribute).joined(separator: ", ")) of \(device)",
            ["action": .string("set"), "device": .string(device), "side": .string(place.tree.side.rawValue)],
            options)
    }
}

struct DeviceDelete: Verb {
    static let configuration = CommandConfiguration(
        commandName: "del", abstract: "Take a device off its page and remove it.",
        usage: "vopctl device del [OPTION]... DEVICE",
        discussion: "The guest is given time to let go of it.")

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let place = try Trees(options).device(device)
        try place.tree.remove(place.path)
        return .changed(
            "removed device \(device)",
            ["action": .string("del"), "device": .string(device), "side": .string(place.tree.side.rawValue)],
            options)
    }
}

struct DeviceReset: Verb {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Reset a device.", usage: "vopctl device reset [OPTION]... DEVICE",
        discussion:
            "On the host's side it is taken off the page and published again; on the guest's, its driver resets it."
    )

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let place = try Trees(options).device(device)
        try place.tree.write("1", to: "\(place.path)/reset")
        return .changed(
            "reset \(device)",
            [
                "action": .string("reset"), "device": .string(device),
                "side": .string(place.tree.side.rawValue),
            ], options)
    }
}
