import Glibc
import LinuxSystem
import NineP
import SystemPackage
import TestSupport
import Testing

@testable import NinePServer

@Suite("the journal: what is in it after its process was killed")
struct JournalTests {
    let top: TestDirectory
    var path: String { top.path + "/journal" }

    init() throws { top = try TestDirectory() }

    private static func key(_ number: UInt64) -> Journal.Key { Journal.Key(7, number) }

    /// The journal, opened anew after it was closed: a process that another test is just starting holds our descriptors
    /// until its exec, and the journal's lock with them.
    private func reopened() throws -> Journal {
        var journal: Journal?
        try eventually("the journal's lock") {
            do throws(Errno) { journal = try Journal(at: path) } catch .wouldBlock {}
            return journal != nil
        }
        return try #require(journal)
    }

    @Test("it is as it was, through rewriting as well, and does not grow with what was deleted")
    func keeps() throws {
        defer { top.remove() }
        do {
            let journal = try Journal(at: path)
            for round in UInt64(0)..<5000 {
                try journal.apply([
                    .put(JournalTests.key(round % 10), [UInt8](repeating: UInt8(round % 251), count: 200)),
                    .delete(JournalTests.key(round % 10 + 100)),
                    .put(JournalTests.key(round % 10 + 100), [1]),
                ])
            }
            #expect(journal.byteCount == Journal.minimumByteCount)
        }
        let again = try reopened()
        #expect(again.keys(ofKind: 7) == Array(0..<10) + Array(100..<110))
        for number in UInt64(0)..<10 {
            let last = UInt8((4990 + number) % 251)
            #expect(again.value(JournalTests.key(number)) == [UInt8](repeating: last, count: 200))
        }
    }

    @Test("cut, or spoilt, at any byte of its last record: that record is not there, all before it are")
    func torn() throws {
        defer { top.remove() }
        let start = Journal.headerByteCount
        var ends: [Int] = []
        do {
            let journal = try Journal(at: path)
            try journal.apply([.put(JournalTests.key(1), Array("first".utf8))])
            ends.append(start + 32)
            try journal.apply([
                .put(JournalTests.key(1), Array("second".utf8)), .put(JournalTests.key(2), [9]),
            ])
        }
        let whole = try bytes()
        for place in ends[0]..<ends[0] + 48 {
            var spoilt = whole
            spoilt[place] ^= 0x55
            try replace(by: spoilt)
            let journal = try reopened()
            let value = try #require(journal.value(JournalTests.key(1)))
            let isOld = value == Array("first".utf8) && journal.value(JournalTests.key(2)) == nil
            // Its padding is checked as well, so no byte is without effect.
            #expect(isOld, "byte \(place)")
        }
    }

    @Test("one process has it at a time")
    func alone() throws {
        defer { top.remove() }
        let journal = try Journal(at: path)
        #expect(throws: Errno.wouldBlock) { try Journal(at: path) }
        _ = journal
    }

    @Test(
        "what does not fit is refused before it is written, and what is there stays; room for endings is kept"
    )
    func full() throws {
        defer { top.remove() }
        let journal = try Journal(at: path, maximumByteCount: Journal.minimumByteCount)
        var count: UInt64 = 0
        do throws(Errno) {
            while count < 10000 {
                try journal.reserve(1000)
                try journal.apply(
                    [.put(JournalTests.key(count), [UInt8](repeating: 1, count: 900))], reserved: 1000)
                count += 1
            }
        } catch { #expect(error == .noSpace) }
        #expect(count > 30 && count < 200)
        #expect(journal.keys(ofKind: 7) == Array(0..<count))
        try journal.reserve(1000, isLast: true)
        try journal.apply([.delete(JournalTests.key(0))], reserved: 1000)
        #expect(journal.keys(ofKind: 7) == Array(1..<count))
    }

    @Test(
        "it is written anew as whoever made it, whom the thread acts as that finds it full",
        .enabled(if: getuid() == 0, "needs root"))
    func fullUnderAnother() throws {
        top.remove()
        let killed = try KilledServer(.root)
        try killed.client.attach(10, as: 4242)
        // A fid is 100 bytes and more of the journal's least 128 KiB.
        for fid in UInt32(11)..<2011 { try killed.client.walk(10, to: fid) }
        try killed.kill()
        _ = try killed.restart()
        for fid in [UInt32(10), 11, 2010] { _ = try killed.client.attributes(fid) }
        #expect(try killed.counts()["resumed_fids"] == 2002)
        let journals = try DirectoryPath.names(at: killed.top.path + "/journal")
        #expect(journals.allSatisfy { $0.hasSuffix(".journal") })
    }

    private func bytes() throws -> [UInt8] {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        return try file.closeAfter {
            var bytes = [UInt8](repeating: 0, count: Journal.minimumByteCount)
            _ = try unsafe bytes.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
            return bytes
        }
    }

    private func replace(by bytes: [UInt8]) throws {
        let file = try FileDescriptor.open(FilePath(path), .writeOnly, options: .truncate)
        try file.closeAfter { _ = try file.writeAll(bytes) }
    }
}
