import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import CopyFile

/// The client against a scripted queue: a named pipe each test opens by path gives batches and takes them.
@Suite struct CopyFileClientTests {
    /// A named pipe in a directory of its own.
    private final class ScriptedFile {
        let directory: String
        var path: String { directory + "/copy" }

        init() throws {
            directory = "/tmp/vop-copy-\(getpid())-\(UInt64.random(in: 0 ... .max))"
            try #require(unsafe mkdir(directory, 0o700) == 0)
            try #require(unsafe mkfifo(path, 0o600) == 0)
        }

        deinit {
            unsafe _ = unlink(path)
            unsafe _ = rmdir(directory)
        }
    }

    private func delivery(_ records: [(CopyRecord, [UInt8])]) -> [UInt8] {
        var writer = BatchWriter(.toBackend)
        for (record, payload) in records { writer.append(record, payload: payload) }
        return writer.bytes()
    }

    private func chain(
        _ token: UInt64, _ flags: CopyFlags = [], readable: UInt32, writable: UInt32 = 9, offset: UInt32 = 0
    ) -> CopyRecord {
        CopyRecord(
            token: token, flags: flags, readableByteCount: readable, writableByteCount: writable,
            offset: offset)
    }

    /// What a receiver makes of batches that arrive one a read.
    private func received(_ batches: [[UInt8]], limit: Int = 1000) throws -> [ReceivedChain] {
        let file = try ScriptedFile()
        let client = try CopyFileClient(path: file.path, isNonBlocking: true)
        let script = try OwnedDescriptor(openingForReadingAndWriting: file.path)
        var receiver = ChainReceiver(callByteCount: 4096, chainByteLimit: limit)
        var chains: [ReceivedChain] = []
        for batch in batches {
            let count = try script.writeNext(batch, [])
            #expect(count == batch.count)
            let came = try client.receive(&receiver)
            #expect(came)
            chains += receiver.takeChains()
        }
        let more = try client.receive(&receiver)
        #expect(!more)
        return chains
    }

    @Test("little room is offered while batches are small, and all of it once one needs more")
    func roomOffered() throws {
        let file = try ScriptedFile()
        let client = try CopyFileClient(path: file.path, isNonBlocking: true)
        let script = try OwnedDescriptor(openingForReadingAndWriting: file.path)
        var receiver = ChainReceiver(callByteCount: 60_000)
        func receive(_ record: CopyRecord, _ byteCount: Int) throws -> Int {
            let batch = delivery([(record, [UInt8](repeating: 7, count: byteCount))])
            let written = try script.writeNext(batch, [])
            #expect(written == batch.count)
            let came = try client.receive(&receiver)
            #expect(came)
            return receiver.roomOffered
        }
        let little = receiver.roomOffered
        #expect(little < 60_000)
        #expect(try receive(chain(1, readable: 100), 100) == little)
        #expect(try receive(chain(2, .part, readable: 30_000), 10_000) == 60_000)
        #expect(try receive(chain(2, readable: 30_000, offset: 10_000), 20_000) == 60_000)
        let rooms = try (3..<20).map { try receive(chain($0, readable: 100), 100) }
        #expect(rooms.first == 60_000)
        #expect(rooms.last == little)
        #expect(receiver.takeChains().map(\.bytes.count) == [100, 30_000] + rooms.map { _ in 100 })
    }

    @Test("several chains of one batch, in order")
    func several() throws {
        let chains = try received([
            delivery([
                (chain(1, readable: 2), [1, 2]), (chain(2, .redelivered, readable: 0, writable: 77), []),
                (chain(3, readable: 1), [3]),
            ])
        ])
        #expect(chains.map(\.token) == [1, 2, 3])
        #expect(chains.map(\.bytes) == [[1, 2], [], [3]])
        #expect(chains.map(\.isRedelivered) == [false, true, false])
        #expect(chains[1].writableByteCount == 77)
    }

    @Test("a chain that comes in parts is shown once, whole")
    func parts() throws {
        let chains = try received([
            delivery([(chain(1, readable: 1), [9]), (chain(2, .part, readable: 5), [1, 2])]),
            delivery([(chain(2, .part, readable: 5, offset: 2), [3])]),
            delivery([(chain(2, readable: 5, offset: 3), [4, 5]), (chain(3, readable: 1), [6])]),
        ])
        #expect(chains.map(\.token) == [1, 2, 3])
        #expect(chains.map(\.bytes) == [[9], [1, 2, 3, 4, 5], [6]])
    }

    @Test("a chain above the limit is cut, and says so")
    func tooLong() throws {
        let chains = try received(
            [
                delivery([(chain(1, .part, readable: 5), [1, 2])]),
                delivery([(chain(1, .part, readable: 5, offset: 2), [3, 4])]),
                delivery([(chain(1, readable: 5, offset: 4), [5]), (chain(2, readable: 3), [6, 7, 8])]),
            ], limit: 3)
        #expect(chains.map(\.bytes) == [[1, 2, 3], [6, 7, 8]])
        #expect(chains.map(\.isTooLong) == [true, false])
    }

    @Test("what is no batch is the daemon's fault, and a part without its beginning too")
    func malformed() throws {
        #expect(throws: CopyFileError.malformed(.truncated(byteCount: 3, needed: 16))) {
            _ = try received([[1, 2, 3]])
        }
        #expect(throws: CopyFileError.malformed(.record(0, reason: reason(1, 3)))) {
            _ = try received([delivery([(chain(1, readable: 5, offset: 3), [4, 5])])])
        }
        #expect(throws: CopyFileError.malformed(.record(1, reason: reason(2, 3)))) {
            _ = try received([
                delivery([
                    (chain(1, .part, readable: 5), [1, 2, 3]), (chain(2, readable: 5, offset: 3), [4, 5]),
                ])
            ])
        }
    }

    private func reason(_ token: UInt64, _ offset: UInt32) -> String {
        "a part of chain \(token) at \(offset) that does not follow the last record"
    }

    @Test("a batch is sent by one call, headers first, payloads behind them")
    func send() throws {
        let file = try ScriptedFile()
        let client = try CopyFileClient(path: file.path)
        let script = try OwnedDescriptor(openingForReadingAndWriting: file.path)
        var writer = BatchWriter(.toDevice)
        try client.send(writer)
        writer.complete(1, payload: [1, 2, 3])
        writer.complete(2)
        writer.complete(3, payload: [4])
        try client.send(writer)
        var buffer = [UInt8](repeating: 0, count: 1000)
        let count = try script.readNext(into: &buffer)
        #expect(Array(buffer.prefix(count)) == writer.bytes())
    }

    @Test(
        "every errno becomes what to do next",
        arguments: [
            (Errno.staleNFSFileHandle, CopyFileError.reset), (.operationNotSupportedByDevice, .removed),
            (.connectionAbort, .disconnected), (.socketNotConnected, .disconnected),
            (.invalidArgument, .refused(.invalidArgument)), (.messageTooLong, .refused(.messageTooLong)),
            (.notPermitted, .refused(.notPermitted)), (.alreadyInProcess, .refused(.alreadyInProcess)),
            (.ioError, .system(.ioError)),
        ])
    func errnos(errno: Errno, expected: CopyFileError) {
        #expect(CopyFileError(errno) == expected)
        #expect(!expected.description.isEmpty)
    }

    @Test("a path that is not there is ENOENT")
    func missing() {
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try CopyFileClient(path: "/tmp/vop-none/copy") }
    }
}
