import ControlTree
import Links
import SystemPackage
import Testing
import VOPHost
import Virtio

@testable import vophostd

/// A published device: taken off, reset, without its peer, and gone.
@Suite struct DeviceLifeTests {
    @Test("published = 0 takes it off the page once the driver has let go; 1 publishes it again")
    func offAndOn() throws {
        let bench = try TreeBench.driven()
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
        let bench = try TreeBench.driven()
        let off = try bench.echo("0", "share/published")
        #expect(!off.isAnswered)
        #expect(try bench.echo("1", "share/published").errno == .resourceBusy)
        #expect(try bench.run { off.isAnswered })
        #expect(try bench.cat("share/published") == "0")
        #expect(try bench.echo("1", "share/published").isDone)
    }

    @Test("rmdir retires a running device, and is answered when it is gone")
    func remove() throws {
        let bench = try TreeBench.driven()
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
        let bench = try TreeBench.driven()
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
        let bench = try TreeBench.share()
        #expect(try bench.echo("1", "share/reset").errno == .invalidArgument)
        #expect(try bench.echo("now", "share/reset").errno == .invalidArgument)
        #expect(throws: Refusal.self) { try bench.open("share/reset", .reading) }
    }

    @Test(
        "published before the peer is there, it waits; with the peer it is driven; without it, it waits again"
    )
    func waits() throws {
        let bench = try TreeBench.share(isMet: false)
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
        let bench = try TreeBench.share()
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
        let bench = try TreeBench.driven()
        var isDone = false
        bench.backend.shutDown { isDone = true }
        #expect(try bench.run { isDone })
        #expect(bench.client?.isStopped == true)
        #expect(try bench.cat("share/state") == "staged")
    }
}
