import ArgumentParser
import DevicePage
import Virtio

struct DriverList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the guest's devices and what drives them.",
        usage: "vopctl driver list [OPTION]...")

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        var rows: [[String]] = []
        var documents: [JSONValue] = []
        for device in try GuestDevices.all(options) {
            let attributes = try AttributeList(of: device.path, in: device.tree)
            rows.append([
                device.text, attributes["type"] ?? "", attributes["driver"] ?? "", attributes["state"] ?? "",
                attributes["failure"] ?? "",
            ])
            documents.append(
                .object([
                    "device": .string(device.text),
                    "type": AttributeList.json(of: "type", attributes["type"] ?? ""),
                    "driver": AttributeList.json(of: "driver", attributes["driver"] ?? ""),
                    "state": AttributeList.json(of: "state", attributes["state"] ?? ""),
                    "failure": AttributeList.json(of: "failure", attributes["failure"] ?? ""),
                ]))
        }
        let text = Tables.text(
            [.left("DEVICE"), .left("TYPE"), .left("DRIVER"), .left("STATE"), .left("FAILURE")], rows,
            options,
            ifEmpty: "the guest has found no devices")
        return Output(text, .document(["devices": .array(documents)]))
    }
}

struct DriverBind: Verb {
    static let configuration = CommandConfiguration(
        commandName: "bind", abstract: "Have a driver drive a device.",
        usage: "vopctl driver bind [OPTION]... DEVICE DRIVER")

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @Argument(help: "The driver's name, such as 9p.")
    var driver: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        guard !driver.isEmpty else {
            throw Failure(
                .local, "a driver has a name; to unbind, use vopctl driver unbind \(device)", object: device)
        }
        let place = try GuestDevices.one(device, options)
        try place.tree.write(driver, to: "\(place.path)/driver")
        return .changed(
            "bound \(device) to \(driver)",
            ["action": .string("bind"), "device": .string(device), "driver": .string(driver)], options)
    }
}

struct DriverUnbind: Verb {
    static let configuration = CommandConfiguration(
        commandName: "unbind", abstract: "Take a device from its driver.",
        usage: "vopctl driver unbind [OPTION]... DEVICE")

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let place = try GuestDevices.one(device, options)
        try place.tree.write("", to: "\(place.path)/driver")
        return .changed(
            "unbound \(device)", ["action": .string("unbind"), "device": .string(device)], options)
    }
}

/// Devices as the guest's side has them: only there are drivers.
private enum GuestDevices {
    static func all(_ options: GlobalOptions) throws(Failure) -> [DevicePlace] { try trees(options).devices }
    static func one(_ name: String, _ options: GlobalOptions) throws(Failure) -> DevicePlace {
        try trees(options).device(name)
    }

    private static func trees(_ options: GlobalOptions) throws(Failure) -> Trees {
        let trees = try Trees(options).guests
        guard trees.clients.isEmpty else { return trees }
        throw Failure(
            .local,
            "drivers are on the guest's side, whose tree is not here; start vopguestd, or give its --tree")
    }
}
