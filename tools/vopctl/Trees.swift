import LinuxSystem
import SystemPackage
import Virtio

/// The control trees to work with, the host's first: the one that was named, or those in the first default place that has any.
struct Trees {
    let clients: [ControlTreeClient]

    init(_ options: GlobalOptions) throws(Failure) {
        let actions = ControlTreeClient.Actions(isDryRun: options.dryRun, isVerbose: options.verbose)
        if let tree = options.tree {
            let side = try Self.side(of: tree)
            guard options.side == nil || options.side == side else {
                throw Failure(
                    .local, "\(tree) is the \(side.rawValue)'s tree; leave --side out", object: tree)
            }
            clients = [ControlTreeClient(side: side, path: tree, actions: actions)]
            return
        }
        let sides = Side.allCases.filter { options.side == nil || options.side == $0 }
        let places = RuntimeDirectory.places("vop")
        var fault: Failure?
        for place in places {
            let found = sides.compactMap { side -> ControlTreeClient? in
                let path = "\(place)/\(side.rawValue)"
                do throws(Failure) {
                    return try Self.side(of: path) == side
                        ? ControlTreeClient(side: side, path: path, actions: actions) : nil
                } catch {
                    // What is there and cannot be used says more than that nothing is there.
                    if error.errno != .noSuchFileOrDirectory { fault = fault ?? error }
                    return nil
                }
            }
            guard found.isEmpty else {
                clients = found
                return
            }
        }
        throw fault ?? Self.nothing(in: places, of: sides)
    }

    private static func nothing(in places: [String], of sides: [Side]) -> Failure {
        let paths = places.flatMap { place in sides.map { "\(place)/\($0.rawValue)" } }
        let daemons = sides.map { $0 == .host ? "vophostd" : "vopguestd" }
        return Failure(
            .local,
            "no control tree is at \(paths.joined(separator: " or ")); start \(daemons.joined(separator: " or ")), "
                + "or give --tree PATH")
    }

    private init(clients: [ControlTreeClient]) { self.clients = clients }

    /// Those of the guest's side.
    var guests: Trees { Trees(clients: clients.filter { $0.side == .guest }) }

    /// Which side serves a tree; its `version` begins with that.
    private static func side(of path: String) throws(Failure) -> Side {
        let version: [UInt8]
        do throws(Errno) { version = try ValueFile(reading: "\(path)/version").contents() } catch {
            let reason =
                switch error {
                case .socketNotConnected:
                    "is a dead mount: the daemon that served it has ended; start it again"
                case .noSuchFileOrDirectory, .notDirectory:
                    "is no control tree; start vophostd or vopguestd with --tree \(path)"
                default: "cannot be read: \(error)"
                }
            throw Failure(.local, "\(path) \(reason)", errno: error, object: path)
        }
        let word = String(decoding: version, as: UTF8.self).split { $0.isWhitespace }.first.map(String.init)
        guard let side = word.flatMap(Side.init(rawValue:)) else {
            throw Failure(
                .local, "\(path)/version says neither host nor guest; is this a control tree?", object: path)
        }
        return side
    }

    // MARK: Links and devices

    var links: [LinkPlace] {
        get throws(Failure) {
            var places: [LinkPlace] = []
            for tree in clients {
                for name in try tree.names(in: "links") ?? [] {
                    places.append(LinkPlace(tree: tree, name: name))
                }
            }
            return places
        }
    }

    var devices: [DevicePlace] {
        get throws(Failure) {
            var places: [DevicePlace] = []
            for link in try links { places += try link.devices }
            return places
        }
    }

    /// The link of that name, on the host's side if both have it.
    func link(_ name: String) throws(Failure) -> LinkPlace {
        try ObjectName.check(name, of: "link")
        let links = try links
        if let link = links.first(where: { $0.name == name }) { return link }
        let known = links.map(\.name)
        throw Failure(
            .notFound, "there is no link '\(name)'; \(Self.listing(known, of: "links"))",
            errno: .noSuchFileOrDirectory,
            object: name)
    }

    /// `link/name`, on the host's side if both have it.
    func device(_ text: String) throws(Failure) -> DevicePlace {
        let name = try DeviceName(text)
        let devices = try devices
        if let device = devices.first(where: { $0.link.name == name.link && $0.name == name.device }) {
            return device
        }
        throw Failure(
            .notFound, "there is no device '\(text)'; \(Self.listing(devices.map(\.text), of: "devices"))",
            errno: .noSuchFileOrDirectory, object: text)
    }

    /// Where links are made: the only tree, or the host's.
    var makerOfLinks: ControlTreeClient {
        get throws(Failure) {
            guard let tree = clients.first else { throw Failure(.local, "no control tree is mounted") }
            return tree
        }
    }

    /// Where devices are made: the host's tree.
    var makerOfDevices: ControlTreeClient {
        get throws(Failure) {
            if let tree = clients.first(where: { $0.side == .host }) { return tree }
            throw Failure(
                .local,
                "devices are made on the host's side, whose tree is not here; start vophostd, or give its --tree"
            )
        }
    }

    private static func listing(_ names: [String], of objects: String) -> String {
        guard !names.isEmpty else { return "there are no \(objects)" }
        var unique: [String] = []
        for name in names where !unique.contains(name) { unique.append(name) }
        let shown = unique.prefix(8).joined(separator: ", ")
        return "\(objects) are \(shown)\(unique.count > 8 ? " and \(unique.count - 8) more" : "")"
    }
}

/// A link in a tree.
struct LinkPlace {
    let tree: ControlTreeClient
    let name: String

    var path: String { "links/\(name)" }

    var devices: [DevicePlace] {
        get throws(Failure) {
            try (tree.names(in: "\(path)/devices") ?? []).map { DevicePlace(link: self, name: $0) }
        }
    }
}

/// A device in a tree.
struct DevicePlace {
    let link: LinkPlace
    let name: String

    var tree: ControlTreeClient { link.tree }
    var path: String { "\(link.path)/devices/\(name)" }
    var text: String { "\(link.name)/\(name)" }

    var queues: [Int] {
        get throws(Failure) { try (tree.names(in: "\(path)/queues") ?? []).compactMap { Int($0) }.sorted() }
    }
}

/// `LINK/NAME`, as it was given.
struct DeviceName {
    let link: String
    let device: String

    init(_ text: String) throws(Failure) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw Failure(.local, "'\(text)' names no device; give LINK/NAME, such as ep0/net0", object: text)
        }
        link = parts[0]
        device = parts[1]
        try ObjectName.check(link, of: "link")
        try ObjectName.check(device, of: "device")
    }
}

/// What may be a name in a tree's directory; the tree has the same rule, and the last word.
enum ObjectName {
    static func check(_ name: String, of object: String) throws(Failure) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard isPlain, (1...63).contains(name.utf8.count), let first = name.first,
            first.isLetter || first.isNumber
        else {
            throw Failure(
                .local,
                "'\(name)' is no name of a \(object); give a letter or digit, then at most 62 letters, digits, dots, "
                    + "underscores or hyphens", object: name)
        }
    }
}
