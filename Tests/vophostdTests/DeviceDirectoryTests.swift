import ControlTree
import Links
import SystemPackage
import Testing
import VOPHost
import Virtio

@testable import vophostd

/// What a device is made of: staged, set, and published or refused.
@Suite struct DeviceDirectoryTests {
    @Test("mkdir stages a device: nothing reaches the page")
    func staged() throws {
        let bench = try TreeBench.share()
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
        let bench = try TreeBench.share()
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
        let bench = try TreeBench.share()
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

    @Test(
        "once published, what the page already says cannot change",
        arguments: [
            ("share/type", "net"), ("share/offered", "0x100000000"), ("share/queues/0/size", "64"),
            ("share/tag", "other-length"),
        ])
    func busy(path: String, value: String) throws {
        let bench = try TreeBench.driven()
        let before = try bench.cat(path)
        #expect(try bench.echo(value, path).errno == .resourceBusy)
        #expect(try bench.cat(path) == before)
    }

    @Test("a config change reaches the driver, and is answered when it has")
    func configChange() throws {
        let bench = try TreeBench.driven()
        let answer = try bench.echo("import", "share/tag")
        #expect(try bench.run { answer.isAnswered })
        #expect(answer.isDone)
        #expect(bench.client?.configChanges == [[6, 0] + Array("import".utf8)])
        let bytes = try bench.write(Array("XY".utf8), "share/config.bin", at: 2)
        #expect(try bench.run { bytes.isAnswered })
        #expect(bytes.isDone)
        #expect(try bench.cat("share/tag") == "XYport")
    }

    @Test("two published devices never have one tag, however it is set")
    func ownTag() throws {
        let bench = try TreeBench.driven()
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
        let bench = try TreeBench.share()
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
}
