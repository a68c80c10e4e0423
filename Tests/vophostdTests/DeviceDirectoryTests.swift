import ControlTree
import Links
import SystemPackage
import Testing
import VOPHost
import Virtio

@testable import vophostd

@Suite struct DeviceDirectoryTests {
    private func share(isMet: Bool = true) throws -> TreeBench {
        let bench = try TreeBench(isMet: isMet)
        try bench.mkdir("share")
        #expect(try bench.echo("9p", "share/type").isDone)
        #expect(try bench.echo("export", "share/tag").isDone)
        return bench
    }

    /// A device that the guest drives.
    private func driven() throws -> TreeBench {
        let bench = try share()
        #expect(try bench.echo("1", "share/published").isDone)
        #expect(try bench.run { try bench.cat("share/state") == "running" })
        return bench
    }

    @Test("mkdir stages a device: nothing reaches the page")
    func staged() throws {
        let bench = try share()
        try bench.run()
        #expect(bench.backend.snapshots.isEmpty)
        #expect(try bench.cat("share/state") == "staged")
        #expect(try bench.cat("share/published") == "0")
        #expect(try bench.cat("share/status") == "none")
        #expect(try bench.cat("share/slot") == "")
        #expect(try bench.cat("share/backend") == "copy")
        #expect(try bench.cat("share/offered") == "0x0000000120000001")
        #expect(try bench.bytes("share/config.bin") == [6, 0] + Array("export".utf8))
        #expect(try bench.cat("share/queues/0/size") == "128")
        #expect(try bench.cat("share/queues/0/copy_max") == "1044480")
    }

    @Test("a type brings its attributes and queues; another type takes them away")
    func type() throws {
        let bench = try share()
        #expect(try bench.echo("net", "share/type").isDone)
        #expect(!bench.exists("share/tag"))
        #expect(bench.exists("share/mac") && bench.exists("share/queues/1/copy"))
        #expect(try bench.echo("77", "share/type").isDone)
        #expect(!bench.exists("share/mac") && !bench.exists("share/queues/0"))
        #expect(bench.exists("share/config_size"))
        #expect(try bench.echo("9p", "share/type").isDone)
        #expect(!bench.exists("share/config_size"))
        #expect(try bench.cat("share/tag") == "")
    }

    @Test("what an object brings belongs to whoever made it")
    func ownership() throws {
        let bench = try share()
        for path in [
            "share", "share/type", "share/tag", "share/queues", "share/queues/0", "share/queues/0/copy",
        ] {
            #expect(bench.node(path)?.ownership.user == 1000)
        }
    }

    @Test(
        "publishing an incomplete device is refused, and the sentence says what to write",
        arguments: [
            ("", "type"), ("9p", "tag"), ("block", "capacity"), ("77", "queues/0"),
        ])
    func incomplete(type: String, missing: String) throws {
        let bench = try TreeBench()
        try bench.mkdir("new")
        if !type.isEmpty { try bench.echo(type, "new/type") }
        let answer = try bench.echo("1", "new/published")
        #expect(answer.errno == .invalidArgument)
        #expect(answer.message.contains(missing))
        #expect(try bench.cat("new/published") == "0")
        #expect(bench.backend.snapshots.isEmpty)
    }

    @Test("published, driven, served through the stream")
    func served() throws {
        let bench = try driven()
        #expect(try bench.cat("share/status") == "acknowledge+driver+driver-ok+features-ok")
        #expect(try bench.cat("share/negotiated") == "0x0000000120000001")
        #expect(try bench.cat("share/slot") == "24")
        #expect(try bench.cat("share/queues/0/state") == "running")
        let stream = try bench.open("share/queues/0/stream", .both)
        let read = TestRead()
        stream.read(read, at: 0)
        #expect(!read.isOver)
        try bench.client?.send("ping")
        #expect(try bench.run { read.isOver })
        #expect(try read.result() == Array("ping".utf8))
        let answer = Array("pong".utf8)
        let outcome = unsafe stream.write(answer.span.bytes, at: 0, isNonBlocking: false) {
            PendingChange(TreeBench.requester) { _ in }
        }
        #expect(outcome == .taken(4))
        #expect(try bench.run { bench.client?.answers == ["pong"] })
        let stats = try bench.cat("share/queues/0/stats").split(separator: "\n")
        #expect(stats.contains("chains_taken 1") && stats.contains("chains_completed 1"))
        #expect(stats.contains("bytes_read 4") && stats.contains("bytes_written 4"))
        let vring = try bench.cat("share/queues/0/vring").split(separator: "\n")
        #expect(vring.contains("available_index 1") && vring.contains("used_index 1"))
    }

    @Test("files that consume are opened for both, or not at all")
    func consuming() throws {
        let bench = try share()
        for name in ["copy", "stream"] {
            #expect(throws: Refusal.self) { try bench.open("share/queues/0/\(name)", .reading) }
        }
    }

    @Test("a reader that gives up takes nothing with it")
    func interrupted() throws {
        let bench = try driven()
        let stream = try bench.open("share/queues/0/stream", .both)
        let first = TestRead()
        stream.read(first, at: 0)
        first.giveUp()
        try bench.client?.send("late")
        let second = TestRead()
        stream.read(second, at: 0)
        #expect(try bench.run { second.isOver })
        #expect(try second.result() == Array("late".utf8))
    }

    @Test(
        "once published, what the page already says cannot change",
        arguments: [
            ("share/type", "net"), ("share/offered", "0x100000000"), ("share/queues/0/size", "64"),
            ("share/tag", "other-length"),
        ])
    func busy(path: String, value: String) throws {
        let bench = try driven()
        let before = try bench.cat(path)
        #expect(try bench.echo(value, path).errno == .resourceBusy)
        #expect(try bench.cat(path) == before)
    }

    @Test("a config change reaches the driver, and is answered when it has")
    func configChange() throws {
        let bench = try driven()
        let answer = try bench.echo("import", "share/tag")
        #expect(try bench.run { answer.isAnswered })
        #expect(answer.isDone)
        #expect(bench.client?.configChanges == [[6, 0] + Array("import".utf8)])
        let bytes = try bench.write(Array("XY".utf8), "share/config.bin", at: 2)
        #expect(try bench.run { bytes.isAnswered })
        #expect(bytes.isDone)
        #expect(try bench.cat("share/tag") == "XYport")
    }

    @Test("published = 0 takes it off the page once the driver has let go; 1 publishes it again")
    func offAndOn() throws {
        let bench = try driven()
        let stream = try bench.open("share/queues/0/stream", .both)
        let read = TestRead()
        stream.read(read, at: 0)
        let off = try bench.echo("0", "share/published")
        #expect(try bench.run { off.isAnswered })
        #expect(off.isDone)
        #expect(bench.client?.isStopped == true)
        // The driver resets on its way out; then there is no device any more.
        #expect(throws: Errno.staleNFSFileHandle) { try read.result() }
        let after = TestRead()
        stream.read(after, at: 0)
        #expect(throws: Errno.operationNotSupportedByDevice) { try after.result() }
        #expect(try bench.cat("share/state") == "staged")
        #expect(try bench.echo("64", "share/queues/0/size").isDone)
        #expect(try bench.echo("1", "share/published").isDone)
        #expect(try bench.run { try bench.cat("share/state") == "running" })
        #expect(bench.clientCount == 2)
        // New opens belong to the new life.
        let next = try bench.open("share/queues/0/stream", .both)
        let request = TestRead()
        next.read(request, at: 0)
        try bench.client?.send("again")
        #expect(try bench.run { request.isOver })
        #expect(try request.result() == Array("again".utf8))
    }

    @Test("published = 1 is refused while the device is being taken off: it would be taken off all the same")
    func offAndOnAtOnce() throws {
        let bench = try driven()
        let off = try bench.echo("0", "share/published")
        #expect(!off.isAnswered)
        #expect(try bench.echo("1", "share/published").errno == .resourceBusy)
        #expect(try bench.run { off.isAnswered })
        #expect(try bench.cat("share/published") == "0")
        #expect(try bench.echo("1", "share/published").isDone)
    }

    @Test("two published devices never have one tag, however it is set")
    func ownTag() throws {
        let bench = try driven()
        try bench.mkdir("other")
        try bench.echo("9p", "other/type")
        try bench.echo("export", "other/tag")
        #expect(try bench.echo("1", "other/published").errno == .fileExists)
        try bench.echo("import", "other/tag")
        #expect(try bench.echo("1", "other/published").isDone)
        #expect(try bench.echo("export", "other/tag").errno == .fileExists)
        #expect(try bench.write(Array("ex".utf8), "other/config.bin", at: 2).errno == .fileExists)
        #expect(try bench.cat("other/tag") == "import")
    }

    @Test("a reader whose file is closed under it is let go of, and not kept unanswered")
    func droppedReader() throws {
        let bench = try driven()
        weak var dropped: TestRead?
        do {
            let stream = try bench.open("share/queues/0/stream", .both)
            let read = TestRead()
            dropped = read
            stream.read(read, at: 0)
            stream.close()
        }
        #expect(dropped == nil)
    }

    @Test("rmdir retires a running device, and is answered when it is gone")
    func remove() throws {
        let bench = try driven()
        let gone = try bench.rmdir("share")
        let again = try bench.rmdir("share")
        #expect(try bench.run { gone.isAnswered && again.isAnswered })
        #expect(gone.isDone && again.isDone)
        #expect(!bench.exists("share"))
        #expect(bench.backend.snapshots.isEmpty)
        try bench.mkdir("share")
        #expect(try bench.cat("share/type") == "")
    }

    @Test(
        "reset takes the device off and publishes it again: the driver starts anew, its old requests are gone"
    )
    func reset() throws {
        let bench = try driven()
        let stream = try bench.open("share/queues/0/stream", .both)
        let told = TestRead()
        stream.read(told, at: 0)
        #expect(try bench.echo("1", "share/reset").isDone)
        #expect(try bench.run { bench.clientCount == 2 })
        // Told once, then it waits for the next life.
        #expect(throws: Errno.staleNFSFileHandle) { try told.result() }
        #expect(try bench.run { try bench.cat("share/state") == "running" })
        let next = TestRead()
        stream.read(next, at: 0)
        try bench.client?.send("new")
        #expect(try bench.run { next.isOver })
        #expect(try next.result() == Array("new".utf8))
        #expect(try bench.cat("share/fault") == "a reset was asked for")
    }

    @Test("reset of what is not published is refused, and so is anything but 1")
    func resetRefused() throws {
        let bench = try share()
        #expect(try bench.echo("1", "share/reset").errno == .invalidArgument)
        #expect(try bench.echo("now", "share/reset").errno == .invalidArgument)
        #expect(throws: Refusal.self) { try bench.open("share/reset", .reading) }
    }

    @Test("a numbered type: its queues are made, its config space has a size that is set")
    func numbered() throws {
        let bench = try TreeBench()
        try bench.mkdir("mine")
        try bench.echo("virtio-42", "mine/type")
        for index in 0..<4 { try bench.mkdir("mine/queues/\(index)") }
        #expect(throws: Refusal.self) { try bench.mkdir("mine/queues/4") }
        #expect(throws: Refusal.self) { try bench.mkdir("mine/queues/00") }
        #expect(try bench.rmdir("mine/queues/3").isDone)
        #expect(try bench.echo("16", "mine/queues/2/size").isDone)
        #expect(try bench.echo("129", "mine/queues/2/size").errno == .outOfRange)
        #expect(try bench.echo("3", "mine/config_size").isDone)
        #expect(try bench.write([1, 2, 3], "mine/config.bin").isDone)
        #expect(try bench.write([4], "mine/config.bin", at: 3).errno == .invalidArgument)
        #expect(try bench.echo("0x100000005", "mine/offered").isDone)
        #expect(try bench.echo("1", "mine/published").isDone)
        let snapshot = try bench.backend.snapshot(of: "mine")
        #expect(snapshot.type.rawValue == 42)
        #expect(snapshot.queues.map(\.size.rawValue) == [128, 128, 16])
        #expect(snapshot.configSpace == [1, 2, 3])
        #expect(snapshot.offered.rawValue == 0x1_0000_0005)
    }

    @Test("a known type keeps its queues")
    func knownQueues() throws {
        let bench = try share()
        #expect(throws: Refusal.self) { try bench.mkdir("share/queues/1") }
        #expect(try bench.rmdir("share/queues/0").errno == .notPermitted)
        #expect(bench.exists("share/queues/0"))
    }

    @Test("a full page refuses with ENOSPC and leaves the device staged")
    func pageFull() throws {
        let bench = try TreeBench()
        var refused: Answer?
        for index in 0..<80 where refused == nil {
            try bench.mkdir("d\(index)")
            try bench.echo("rng", "d\(index)/type")
            let answer = try bench.echo("1", "d\(index)/published")
            if !answer.isDone { refused = answer }
        }
        #expect(refused?.errno == .noSpace)
    }

    @Test(
        "published before the peer is there, it waits; with the peer it is driven; without it, it waits again"
    )
    func waits() throws {
        let bench = try share(isMet: false)
        #expect(try bench.echo("1", "share/published").isDone)
        #expect(try bench.cat("share/state") == "waiting")
        try bench.meet()
        #expect(try bench.run { try bench.cat("share/state") == "running" })
        try bench.replaceGuest()
        #expect(try bench.run { try bench.cat("share/state") == "waiting" })
        #expect(try bench.cat("share/published") == "1")
        try bench.meet()
        #expect(try bench.run { try bench.cat("share/state") == "running" })
    }

    @Test("many devices and many lives: publish, drive, take off, over and over")
    func manyLives() throws {
        let bench = try share()
        for round in 0..<30 {
            #expect(try bench.echo("1", "share/published").isDone)
            #expect(try bench.run { try bench.cat("share/state") == "running" })
            let stream = try bench.open("share/queues/0/stream", .both)
            let read = TestRead()
            stream.read(read, at: 0)
            try bench.client?.send("round \(round)")
            #expect(try bench.run { read.isOver })
            stream.close()
            let off = try bench.echo("0", "share/published")
            #expect(try bench.run { off.isAnswered })
        }
        #expect(bench.clientCount == 30)
        #expect(bench.backend.quarantinedByteCount == 0)
    }

    @Test("both sides go down: the host lets go of everything by itself")
    func shutDown() throws {
        let bench = try driven()
        var isDone = false
        bench.backend.shutDown { isDone = true }
        #expect(try bench.run { isDone })
        #expect(bench.client?.isStopped == true)
        #expect(try bench.cat("share/state") == "staged")
    }
}
