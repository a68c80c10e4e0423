import DevicePage
import Virtio

/// Devices as tables and documents.
enum DeviceReport {
    static func all(_ devices: [DevicePlace], _ options: GlobalOptions) throws(Failure) -> Output {
        var rows: [[String]] = []
        var documents: [JSONValue] = []
        for device in devices {
            let attributes = try AttributeList(of: device.path, in: device.tree)
            rows.append([
                device.text, device.tree.side.rawValue, attributes["type"] ?? "", attributes["state"] ?? "",
                attributes["slot"] ?? "", "\(try device.queues.count)",
                attributes[device.tree.side == .host ? "backend" : "driver"] ?? "",
                furthest(attributes["status"] ?? ""),
            ])
            documents.append(try document(device, attributes))
        }
        let text = Tables.text(
            [
                .left("DEVICE"), .left("SIDE"), .left("TYPE"), .left("STATE"), .right("SLOT"),
                .right("QUEUES"),
                .left("SERVED BY"), .left("STATUS"),
            ], rows, options, ifEmpty: "there are no devices; make one with vopctl device add")
        return Output(text, .document(["devices": .array(documents)]))
    }

    static func one(_ device: DevicePlace, _ options: GlobalOptions) throws(Failure) -> Output {
        let attributes = try AttributeList(of: device.path, in: device.tree)
        let text =
            Tables.attributes("DEVICE \(device.text)", attributes, options) + "\n"
            + (try QueueReport.table(of: device, options))
        return Output(text, .document(["devices": .array([try document(device, attributes)])]))
    }

    private static func document(_ device: DevicePlace, _ attributes: AttributeList) throws(Failure)
        -> JSONValue
    {
        .object([
            "name": .string(device.text), "side": .string(device.tree.side.rawValue),
            "attributes": attributes.json,
            "config": .string(try config(of: device)),
            "queues": .array(try QueueReport.documents(of: device)),
        ])
    }

    /// The word of a status that says most.
    private static func furthest(_ status: String) -> String {
        let words = status.split(separator: "+").map(String.init)
        let known = ["failed", "needs-reset", "driver-ok", "features-ok", "driver", "acknowledge"]
        return known.first { words.contains($0) } ?? status
    }

    /// Two hexadecimal digits a byte.
    private static func config(of device: DevicePlace) throws(Failure) -> String {
        (try device.tree.bytes("\(device.path)/config.bin") ?? [])
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
