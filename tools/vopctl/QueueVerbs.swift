import ArgumentParser
import DevicePage
import SystemPackage
import Virtio

struct QueueShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a device's queues and what they did.",
        usage: "vopctl queue show [OPTION]... DEVICE")

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let device = try Trees(options).device(device)
        return Output(
            try QueueReport.table(of: device, options) + (try QueueReport.statistics(of: device, options)),
            .document([
                "device": .string(device.text), "side": .string(device.tree.side.rawValue),
                "queues": .array(try QueueReport.documents(of: device)),
            ]))
    }
}

struct QueueDump: Verb {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Show what stands in a queue's rings.",
        usage: "vopctl queue dump [OPTION]... DEVICE [QUEUE]")

    @Argument(help: "The device, as LINK/NAME.")
    var device: String

    @Argument(help: "The queue's index; all without one.")
    var queue: Int?

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let device = try Trees(options).device(device)
        let queues = try device.queues
        if let queue, !queues.contains(queue) {
            throw Failure(
                .notFound,
                "\(device.text) has no queue \(queue); its queues are \(queues.map(String.init).joined(separator: ", "))",
                errno: .noSuchFileOrDirectory, object: device.text)
        }
        var text = ""
        var documents: [JSONValue] = []
        for index in queues where queue == nil || queue == index {
            let vring = try device.tree.text("\(device.path)/queues/\(index)/vring") ?? ""
            text += "queue \(index)\n" + (vring.isEmpty ? "  not set up\n" : indented(vring))
            documents.append(
                .object([
                    "index": .number(index),
                    "vring": .array(vring.split(separator: "\n").map { .string(String($0)) }),
                ]))
        }
        return Output(
            text,
            .document([
                "device": .string(device.text), "side": .string(device.tree.side.rawValue),
                "queues": .array(documents),
            ]))
    }

    private func indented(_ text: String) -> String {
        text.split(separator: "\n").map { "  \($0)\n" }.joined()
    }
}

/// Queues as tables and documents.
enum QueueReport {
    static func table(of device: DevicePlace, _ options: GlobalOptions) throws(Failure) -> String {
        var rows: [[String]] = []
        for index in try device.queues {
            let attributes = try attributes(of: device, index)
            rows.append([
                "\(index)", attributes["size"] ?? "", attributes["state"] ?? "",
                attributes["copy_max"].map(Tables.size) ?? "",
            ])
        }
        return Tables.text(
            [.right("QUEUE"), .right("SIZE"), .left("STATE"), .right("COPY MAX")], rows, options,
            ifEmpty: "\(device.text) has no queues")
    }

    static func statistics(of device: DevicePlace, _ options: GlobalOptions) throws(Failure) -> String {
        var rows: [[String]] = []
        for index in try device.queues {
            for line in try attributes(of: device, index)["stats"]?.split(separator: "\n") ?? [] {
                let words = line.split(separator: " ").map(String.init)
                if words.count == 2 { rows.append(["\(index)", words[0], words[1]]) }
            }
        }
        guard !rows.isEmpty else { return "" }
        return "\n"
            + Tables.text([.right("QUEUE"), .left("COUNTER"), .right("COUNT")], rows, options, ifEmpty: "")
    }

    static func documents(of device: DevicePlace) throws(Failure) -> [JSONValue] {
        var documents: [JSONValue] = []
        for index in try device.queues {
            let attributes = try attributes(of: device, index)
            var values = ["index": JSONValue.number(index)]
            for (name, value) in attributes.values where name != "vring" {
                values[name == "copy_max" ? "copy_max_bytes" : name] = AttributeList.json(of: name, value)
            }
            documents.append(.object(values))
        }
        return documents
    }

    private static func attributes(of device: DevicePlace, _ index: Int) throws(Failure) -> AttributeList {
        try AttributeList(of: "\(device.path)/queues/\(index)", in: device.tree)
    }
}
