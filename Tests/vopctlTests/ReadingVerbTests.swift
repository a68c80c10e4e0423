import TestSupport
import Testing

/// Both sides of one link as their trees show them, in ordinary files.
private func makeTree(_ side: String) throws -> TemporaryDirectory {
    let tree = try TemporaryDirectory()
    try tree.write("\(side) 0.1.0", to: "version")
    let link = [
        "kind": "shm", "socket": "/run/vop/ep0.sock", "up": "1", "state": "up", "window_bytes": "67108864",
        "counters/reads": "12", "counters/written_bytes": "4096", "timeouts/reset": "10s", "page": "a table",
        "page.json": "{}",
    ]
    for (name, value) in link { try tree.write(value, to: "links/ep0/\(name)") }
    try tree.write([], to: "links/ep0/page.bin")
    let device = [
        "type": "9p", "offered": "0x0000000100000001", "negotiated": "0x0000000100000001",
        "status": "acknowledge+driver+driver-ok+features-ok", "state": "running", "slot": "24", "tag": "0123",
        "queues/0/size": "128", "queues/0/state": "running", "queues/0/vring": "size 128\nused_index 7",
        "queues/0/stats": "chains_taken 3\nchains_completed 2",
    ]
    for (name, value) in device { try tree.write(value, to: "links/ep0/devices/share/\(name)") }
    try tree.write([4, 0, 0x30, 0x31, 0x32, 0x33], to: "links/ep0/devices/share/config.bin")
    if side == "host" {
        try tree.write("copy", to: "links/ep0/devices/share/backend")
        try tree.write("1", to: "links/ep0/devices/share/published")
        try tree.write("1044480", to: "links/ep0/devices/share/queues/0/copy_max")
    } else {
        try tree.write("9p", to: "links/ep0/devices/share/driver")
        try tree.write("", to: "links/ep0/devices/share/mount")
    }
    return tree
}

@Suite("Verbs that look")
struct ReadingVerbTests {
    @Test(
        "tables are at most 100 columns wide, however long the values, and whole with -d",
        arguments: [
            ["link"], ["device"], ["device", "show", "ep0/share"], ["queue", "show", "ep0/share"], ["driver"],
        ])
    func width(words: [String]) async throws {
        let tree = try makeTree("guest")
        let long = String(repeating: "x", count: 150)
        try tree.write("/\(long)", to: "links/ep0/socket")
        try tree.write(long, to: "links/ep0/devices/share/driver")
        let result = try await Command.run(words + ["--tree", tree.path])
        #expect(result.status == 0)
        for line in result.output.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
        if words == ["link"] || words == ["driver"] {
            #expect(try await Command.run(words + ["-d", "--tree", tree.path]).output.contains(long))
        }
    }

    @Test(
        "every verb that looks prints one JSON document with its schema",
        arguments: [
            ["link", "show"], ["link", "list"], ["link", "show", "ep0"], ["device", "show"],
            ["device", "list"],
            ["device", "list", "ep0"], ["device", "show", "ep0/share"], ["queue", "show", "ep0/share"],
            ["queue", "dump", "ep0/share"], ["queue", "dump", "ep0/share", "0"], ["driver", "list"],
        ])
    func json(words: [String]) async throws {
        let tree = try makeTree("guest")
        for option in ["-j", "-p"] {
            let result = try await Command.run(words + [option, "--tree", tree.path])
            #expect(result.status == 0 && result.complaint.isEmpty)
            #expect(try result.json()["schema"] == .number(1))
        }
    }

    @Test(
        "numbers are numbers, switches are true or false, masks and digits in names stay text, nothing is null"
    )
    func forms() async throws {
        let tree = try makeTree("host")
        let link = try await Command.run("link", "-j", "--tree", tree.path).json()["links"]?[0]
        #expect(link?["attributes"]?["window_bytes"] == .number(67_108_864))
        #expect(link?["attributes"]?["up"] == .bool(true))
        #expect(link?["counters"]?["written_bytes"] == .number(4096))
        #expect(link?["devices"] == .array([.string("share")]))
        let device = try await Command.run("device", "-j", "--tree", tree.path).json()["devices"]?[0]
        #expect(device?["name"] == .string("ep0/share") && device?["side"] == .string("host"))
        #expect(device?["attributes"]?["offered"] == .string("0x0000000100000001"))
        #expect(device?["attributes"]?["slot"] == .number(24))
        #expect(device?["attributes"]?["tag"] == .string("0123"))
        #expect(device?["config"] == .string("040030313233"))
        #expect(device?["queues"]?[0]?["copy_max_bytes"] == .number(1_044_480))
        #expect(device?["queues"]?[0]?["stats"]?["chains_taken"] == .number(3))
        let guest = try makeTree("guest")
        let other = try await Command.run("device", "-j", "--tree", guest.path).json()["devices"]?[0]
        #expect(other?["attributes"]?["mount"] == .null)
    }

    @Test("a queue's dump says of which side, a list of drivers says why one failed")
    func whole() async throws {
        let tree = try makeTree("guest")
        let dump = try await Command.run("queue", "dump", "ep0/share", "-j", "--tree", tree.path).json()
        #expect(dump["side"] == .string("guest") && dump["queues"]?[0]?["index"] == .number(0))
        let list = ["driver", "list", "-j", "--tree", tree.path]
        #expect(try await Command.run(list).json()["devices"]?[0]?["failure"] == .null)
        try tree.write("the host broke a rule", to: "links/ep0/devices/share/failure")
        let failed = try await Command.run(list).json()["devices"]?[0]
        #expect(failed?["failure"] == .string("the host broke a rule"))
    }

    @Test("an unknown device, queue or link is not found, and what there is is named")
    func unknown() async throws {
        let tree = try makeTree("host")
        for words in [
            ["device", "show", "ep0/x"], ["queue", "show", "ep0/x"], ["device", "reset", "nowhere/share"],
        ] {
            let result = try await Command.run(words + ["--tree", tree.path])
            #expect(result.status == 4 && result.complaint.contains("devices are ep0/share"))
        }
        let queue = try await Command.run("queue", "dump", "ep0/share", "3", "--tree", tree.path)
        #expect(queue.status == 4 && queue.complaint.contains("its queues are 0"))
        let list = try await Command.run("device", "list", "nowhere", "--tree", tree.path)
        #expect(list.status == 4 && list.complaint.contains("links are ep0"))
    }

    @Test("drivers are looked for on the guest's side alone")
    func driversOfHost() async throws {
        let tree = try makeTree("host")
        let result = try await Command.run("driver", "list", "--tree", tree.path)
        #expect(result.status == 1 && result.complaint.contains("guest's side"))
    }

    @Test("without a tree the line says what to start")
    func noTree() async throws {
        for words in [["link"], ["device", "show"], ["monitor"], ["driver", "list"]] {
            let result = try await Command.run(words + ["--tree", "/nonexistent"])
            #expect(result.status == 1 && result.complaint.contains("start vophostd or vopguestd"))
        }
    }

    @Test("monitor --retained prints what is retained, as lines or as JSON documents")
    func monitor() async throws {
        let tree = try makeTree("host")
        let line =
            #"{"event":"published","object":"links/ep0/devices/share","sequence":1,"time_ns":1700000000000000000}"#
        try tree.write(line, to: "events")
        let text = try await Command.run("monitor", "--retained", "--tree", tree.path)
        #expect(text.output == "22:13:20Z  published  links/ep0/devices/share\n")
        let json = try await Command.run("monitor", "--retained", "-j", "--tree", tree.path)
        #expect(json.output == line + "\n")
    }

    @Test(
        "what cannot be printed is a failure",
        arguments: [
            ["monitor", "--retained"], ["monitor", "--retained", "-j"], ["link", "list"],
        ])
    func fullDisk(words: [String]) async throws {
        let tree = try makeTree("host")
        try tree.write(#"{"event":"published","object":"links/ep0","sequence":1,"time_ns":1}"#, to: "events")
        let result = try await Command.run(words + ["--tree", tree.path], printingTo: "/dev/full")
        #expect(result.status == 1 && result.complaint.contains("standard output: No space left on device"))
    }
}
