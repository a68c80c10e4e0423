import TestSupport
import Testing

/// Through a mounted tree, as people use it.
@Suite("Verbs that change", .serialized)
struct ChangingVerbTests {
    private func withTree(
        side: String = "host",
        _ body: (ServedTree, (String) async throws -> Command.Result) async throws -> Void
    ) async throws {
        let tree = try ServedTree(side: side)
        defer { tree.end() }
        let path = tree.path
        try await body(tree) { line in
            try await Command.run(line.split(separator: " ").map(String.init) + ["--tree", path])
        }
    }

    @Test("link add and device add are mkdir, attributes and the switch, in that order; del is rmdir")
    func addAndDelete() async throws {
        try await withTree { tree, run in
            #expect(try await run("link add ep0 kind=shm").status == 0)
            let added = try await run("add-device ep0/share tag=t type=9p -j")
            #expect(added.status == 0)
            let echo = try added.json()
            #expect(echo["device"] == .string("ep0/share") && echo["action"] == .string("add"))
            #expect(try await run("device del ep0/share").output == "removed device ep0/share\n")
            #expect(try await run("link del ep0 -q").output.isEmpty)
            #expect(
                tree.log.lines == [
                    "mkdir ep0", "kind=shm", "up=1", "mkdir share", "type=9p", "tag=t", "published=1",
                    "rmdir share",
                    "up=0", "rmdir ep0",
                ])
        }
    }

    @Test("a refused attribute is said in the tree's own sentence, and what was made is removed again")
    func rollBack() async throws {
        try await withTree { tree, run in
            let link = try await run("-j link add ep0 kind=smoke")
            #expect(link.status == 2)
            #expect(link.complaint == "vopctl: link add: links/ep0/kind: 'smoke' is no kind; write shm\n")
            #expect(try link.json()["error"]?["errno"] == .string("EINVAL"))
            #expect(tree.log.lines == ["mkdir ep0", "kind=smoke", "rmdir ep0"])
            _ = try await run("link add ep0")
            let device = try await run("device add ep0/share type=9p")
            #expect(device.status == 2 && device.complaint.contains("tag is missing; write one first"))
            #expect(tree.log.lines.last == "rmdir share")
            #expect(try await run("device add ep0/share type=9p published=0").status == 0)
        }
    }

    @Test("what cannot be removed again after a refusal is said to be still there")
    func failedRollBack() async throws {
        try await withTree { tree, run in
            let link = try await run("link add held kind=smoke")
            #expect(link.status == 2)
            #expect(link.complaint.contains("'smoke' is no kind; write shm"))
            #expect(link.complaint.contains("links/held was made for this and is still there"))
            #expect(link.complaint.contains("is up; write 0 to up first"), "\(link.complaint)")
            _ = try await run("link add ep0")
            let device = try await run("-j device add ep0/held type=9p")
            #expect(device.status == 2 && device.complaint.contains("tag is missing; write one first"))
            #expect(device.complaint.contains("links/ep0/devices/held was made for this and is still there"))
            #expect(tree.log.lines.suffix(1) == ["rmdir held"])
        }
    }

    @Test("a refused mkdir or rmdir is explained from the events")
    func refusedDirectories() async throws {
        try await withTree { tree, run in
            let link = try await run("link add forbidden")
            #expect(link.status == 2 && link.complaint.contains("is no link of ours; choose another name"))
            _ = try await run("link add ep0")
            let again = try await run("link add ep0 -j")
            #expect(again.status == 2 && again.complaint.contains("exists already"))
            #expect(try again.json()["error"]?["errno"] == .string("EEXIST"))
            _ = try await run("device add ep0/held tag=t")
            let held = try await run("device del ep0/held")
            #expect(held.status == 2 && held.complaint.contains("is held by its backend; end that first"))
            let queues = try await run("device add ep0/many queues=5")
            #expect(queues.status == 2 && queues.complaint.contains("a device has 4 queues at most"))
            #expect(tree.log.lines.last == "rmdir many")
        }
    }

    @Test("set writes attributes in the order given; binary ones take hexadecimal digits or a file")
    func set() async throws {
        try await withTree { tree, run in
            _ = try await run("link add ep0")
            _ = try await run("device add ep0/d tag=t")
            let before = tree.log.lines.count
            let file = try TemporaryDirectory()
            try file.write([9, 8, 7, 6] as [UInt8], to: "config")
            #expect(try await run("device set ep0/d tag=x type=2 config.bin=01:02ff00").status == 0)
            #expect(try await run("device set ep0/d config.bin=@\(file.file("config"))").status == 0)
            #expect(try await run("device reset ep0/d").status == 0)
            #expect(
                Array(tree.log.lines.dropFirst(before)) == [
                    "tag=x", "type=2", "config.bin@0=[1, 2, 255, 0]", "config.bin@0=[9, 8, 7, 6]", "reset=1",
                ])
            let unknown = try await run("device set ep0/d colour=red")
            #expect(unknown.status == 4 && unknown.complaint.contains("it has config.bin"))
            #expect(try await run("device set ep0/d config.bin=xyz").status == 1)
            #expect(try await run("device set ep0/d ../../kind=shm").status == 1)
        }
    }

    @Test("drivers are bound and unbound on the guest's side; a refusal for time is exit 3")
    func drivers() async throws {
        try await withTree(side: "guest") { tree, run in
            _ = try await run("link add ep0")
            // The scripted guest's tree lets devices be made by hand.
            #expect(try await run("device add ep0/share").status == 1)
            try makeDirectory("\(tree.path)/links/ep0/devices/share")
            #expect(try await run("driver bind ep0/share 9p").status == 0)
            #expect(try await run("driver unbind ep0/share").status == 0)
            #expect(Array(tree.log.lines.suffix(2)) == ["driver=9p", "driver="])
            #expect(try await run("driver bind ep0/share slow").status == 3)
        }
    }

    @Test("a service that does not answer is given up after --timeout, with exit 3")
    func timeout() async throws {
        try await withTree { _, run in
            let result = try await run("-j --timeout 300ms link add stuck")
            #expect(result.status == 3 && result.complaint.contains("has not answered within"))
            #expect(try result.json()["error"]?["errno"] == .string("ETIMEDOUT"))
        }
    }

    @Test("a dry run says what it would do and does nothing")
    func dryRun() async throws {
        try await withTree { tree, run in
            let result = try await run("-n link add ep0 kind=shm")
            #expect(result.status == 0 && result.output.isEmpty)
            #expect(
                result.complaintLines.map { $0.split(separator: " ")[1] } == ["mkdir", "write", "write"])
            #expect(tree.log.lines.isEmpty)
            #expect(try await run("-nj link add ep0").json()["dry_run"] == .bool(true))
        }
    }
}
