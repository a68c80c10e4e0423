import ArgumentParser
import DevicePage
import Virtio

struct LinkShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all links, or one with its attributes and counters.",
        usage: "vopctl link show [OPTION]... [LINK]")

    @Argument(help: "The link; all without one.")
    var link: String?

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let trees = try Trees(options)
        guard let link else { return try LinkReport.all(trees, options) }
        return try LinkReport.one(try trees.link(link), options)
    }
}

struct LinkList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List all links.", usage: "vopctl link list [OPTION]...")

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output { try LinkReport.all(Trees(options), options) }
}

struct LinkAdd: Verb {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make a link and bring it up.",
        usage: "vopctl link add [OPTION]... LINK [ATTRIBUTE=VALUE]...",
        discussion: """
            Attributes are the files of links/LINK in the control tree, such as kind=shm socket=/run/vop/ep0.sock. \
            up=0 leaves it down. What cannot be brought up is removed again.
            """)

    @Argument(help: "The new link's name.")
    var link: String

    @Argument(help: ArgumentHelp("Its attributes.", valueName: "attribute=value"), transform: Setting.init)
    var settings: [Setting] = []

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        try ObjectName.check(link, of: "link")
        let tree = try Trees(options).makerOfLinks
        var steps = SettingSteps(settings)
        let up = steps.take("up") ?? Setting("up", "1")
        let place = LinkPlace(tree: tree, name: link)
        try tree.make(place.path)
        do throws(Failure) {
            for setting in steps.inOrder { try setting.apply(to: place.path, in: tree) }
            try up.apply(to: place.path, in: tree)
        } catch {
            throw tree.takenBack(place.path, after: error)
        }
        return .changed(
            "added link \(link)",
            ["action": .string("add"), "link": .string(link), "side": .string(tree.side.rawValue)], options)
    }
}

struct LinkDelete: Verb {
    static let configuration = CommandConfiguration(
        commandName: "del", abstract: "Take a link down and remove it.",
        usage: "vopctl link del [OPTION]... LINK")

    @Argument(help: "The link.")
    var link: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let place = try Trees(options).link(link)
        if try place.tree.text("\(place.path)/up") == "1" {
            try place.tree.write("0", to: "\(place.path)/up")
        }
        try place.tree.remove(place.path)
        return .changed(
            "removed link \(link)",
            ["action": .string("del"), "link": .string(link), "side": .string(place.tree.side.rawValue)],
            options)
    }
}

/// Links as tables and documents.
private enum LinkReport {
    static func all(_ trees: Trees, _ options: GlobalOptions) throws(Failure) -> Output {
        var rows: [[String]] = []
        var documents: [JSONValue] = []
        for link in try trees.links {
            let attributes = try AttributeList(of: link.path, in: link.tree)
            let devices = try link.devices
            rows.append([
                link.name, link.tree.side.rawValue, attributes["kind"] ?? "", attributes["state"] ?? "",
                "\(devices.count)", Tables.size(attributes["window_bytes"] ?? ""), attributes["socket"] ?? "",
            ])
            documents.append(try document(link, attributes))
        }
        let text = Tables.text(
            [
                .left("LINK"), .left("SIDE"), .left("KIND"), .left("STATE"), .right("DEVICES"),
                .right("WINDOW"),
                .left("SOCKET"),
            ], rows, options, ifEmpty: "there are no links; make one with vopctl link add")
        return Output(text, .document(["links": .array(documents)]))
    }

    static func one(_ link: LinkPlace, _ options: GlobalOptions) throws(Failure) -> Output {
        let attributes = try AttributeList(of: link.path, in: link.tree)
        var text = Tables.attributes("LINK \(link.name)", attributes, options)
        var parts: [String] = []
        if options.statistics || options.details { parts.append("counters") }
        if options.details { parts.append("timeouts") }
        for part in parts {
            let list = try AttributeList(of: "\(link.path)/\(part)", in: link.tree)
            text += "\n" + Tables.attributes(part.uppercased(), list, options)
        }
        let names = try link.devices.map(\.name)
        text += "\nDEVICES  \(names.isEmpty ? "-" : names.joined(separator: " "))\n"
        return Output(text, .document(["links": .array([try document(link, attributes)])]))
    }

    private static func document(_ link: LinkPlace, _ attributes: AttributeList) throws(Failure) -> JSONValue
    {
        .object([
            "name": .string(link.name), "side": .string(link.tree.side.rawValue),
            "attributes": attributes.json,
            "counters": try AttributeList(of: "\(link.path)/counters", in: link.tree).json,
            "timeouts": try AttributeList(of: "\(link.path)/timeouts", in: link.tree).json,
            "devices": .array(try link.devices.map { .string($0.name) }),
        ])
    }
}
