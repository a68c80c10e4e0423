import ControlTree
import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage
import Testing

/// A reader and its answer, without a kernel between.
private final class ScriptedRead: PendingRead {
    let byteCount: Int
    let isNonBlocking: Bool
    let requester = Requester(user: 0, group: 0, process: 1)
    private let answer = Mutex<Result<[UInt8], Errno>?>(nil)

    init(byteCount: Int = 4096, isNonBlocking: Bool = false) {
        self.byteCount = byteCount
        self.isNonBlocking = isNonBlocking
    }

    var result: Result<[UInt8], Errno>? { answer.withLock { $0 } }
    var text: String? { (try? result?.get()).map { String(decoding: $0, as: UTF8.self) } }
    var isOver: Bool { result != nil }

    private func finish(_ result: Result<[UInt8], Errno>) -> Bool {
        answer.withLock { answer in
            defer { answer = answer ?? result }
            return answer == nil
        }
    }

    func reply(_ bytes: RawSpan) -> Bool { finish(.success(bytes.copied)) }
    func reply(_ bytes: [UInt8]) -> Bool { finish(.success(bytes)) }
    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool {
        finish(.success(header))
    }
    func fail(_ errno: Errno) -> Bool { finish(.failure(errno)) }
    func onInterrupt(_ body: @escaping @Sendable () -> Void) {}
}

private final class CountingSignal: ReadinessSignal {
    let count = Atomic<Int>(0)
    func changed() { count.add(1, ordering: .relaxed) }
}

@Suite("Nodes of a control tree")
struct NodeTests {
    private let requester = Requester(user: 5, group: 6, process: 7)

    private func opening(_ access: Opening.Access, _ signal: CountingSignal = CountingSignal()) -> Opening {
        Opening(access, by: requester, signal)
    }

    @Test("a directory lists its children in the order in which they came, and forgets none when others go")
    func order() {
        let root = Directory()
        for name in ["b", "a", "c"] { root.addDirectory(name) }
        let positions = root.children.map(\.position)
        root.remove("a")
        #expect(root.children.map(\.name) == ["b", "c"])
        #expect(root.children.map(\.position) == [positions[0], positions[2]])
        root.addDirectory("a")
        #expect(root.children.map(\.name) == ["b", "c", "a"])
        #expect(root["c"]?.path == "c")
    }

    @Test("an object that is made again has another number and another generation")
    func numbers() throws {
        let root = Directory()
        root.maker = { _, _ in Directory() }
        let first = try root.make("x", for: requester)
        #expect(first.ownership.user == 5 && first.ownership.group == 6)
        root.remove("x")
        #expect(!first.isAttached)
        let second = try root.make("x", for: requester)
        #expect(first.number != second.number && first.generation != second.generation)
    }

    @Test("a name with blanks around it is refused: its maker would know the object by another")
    func blanks() throws {
        let root = Directory()
        let made = Mutex<[String]>([])
        root.maker = { name, _ in
            made.withLock { $0.append(name) }
            return Directory()
        }
        _ = try root.make("x", for: requester)
        for name in [" x", "x ", "\tx", "x\n"] {
            let refusal = #expect(throws: Refusal.self) { try root.make(name, for: requester) }
            #expect(refusal?.errno == .invalidArgument)
        }
        #expect(made.withLock { $0 } == ["x"])
        #expect(root.children.map(\.name) == ["x"])
    }

    @Test("a change that nobody answers is EIO, and a second answer is none")
    func changes() {
        let answers = Mutex<[Refusal?]>([])
        func change() -> PendingChange {
            PendingChange(requester) { refusal in answers.withLock { $0.append(refusal) } }
        }
        _ = change()
        let answered = change()
        answered.succeed()
        answered.refuse(Refusal(.invalidArgument, "late"))
        #expect(answers.withLock { $0.map { $0?.errno } } == [.ioError, nil])
    }

    @Test("an attribute says that it changed: to its watchers, by POLLPRI until it is read, and in its time")
    func attributeChanges() throws {
        let root = Directory()
        let tree = Tree(root: root)
        let attribute = root.add("state", Attribute(.choice(["up", "down"]), get: { "down" }))
        let signal = CountingSignal()
        let file = try attribute.open(opening(.reading, signal))
        #expect(file.poll() == [.readable, .writable])
        let before = attribute.changeTime
        attribute.noteChange()
        #expect(signal.count.load(ordering: .relaxed) == 1)
        #expect(attribute.changeTime != before)
        #expect(file.poll().contains(.priority))
        file.read(ScriptedRead(), at: 0)
        #expect(!file.poll().contains(.priority))
        file.close()
        attribute.noteChange()
        #expect(signal.count.load(ordering: .relaxed) == 1)
        #expect(tree.path(of: attribute) == "state")
    }

    @Test("a text longer than a page is read whole, and stat shows the room it took")
    func longText() throws {
        let text = String(repeating: "line\n", count: 2000)
        let attribute = Attribute(mode: 0o444, show: { text })
        #expect(attribute.byteCount == 4096)
        let file = try attribute.open(opening(.reading))
        let (first, second) = (ScriptedRead(byteCount: 8192), ScriptedRead(byteCount: 8192))
        file.read(first, at: 0)
        file.read(second, at: 8192)
        #expect((first.text ?? "") + (second.text ?? "") == text)
        #expect(attribute.byteCount == 12288)
    }

    @Test("binary bytes are written where the writer says, inside the file only")
    func binary() throws {
        let root = Directory()
        let tree = Tree(root: root)
        let written = Mutex<[String]>([])
        let node = root.add(
            "config.bin",
            BinaryAttribute(mode: 0o644, count: { 8 }, show: { [1, 2, 3, 4, 5, 6, 7, 8] }) {
                bytes, offset, change in
                written.withLock { $0.append("\(bytes) at \(offset)") }
                change.succeed()
            })
        let file = try node.open(opening(.both))
        let refused = Mutex<[Errno?]>([])
        for offset in [UInt64(6), 7] {
            let bytes: [UInt8] = [9, 9]
            let outcome = unsafe file.write(bytes.span.bytes, at: offset, isNonBlocking: false) {
                PendingChange(requester) { refusal in refused.withLock { $0.append(refusal?.errno) } }
            }
            #expect(outcome == .later)
        }
        #expect(written.withLock { $0 } == ["[9, 9] at 6"])
        #expect(refused.withLock { $0 } == [nil, .invalidArgument])
        withExtendedLifetime(tree) {}
    }

    @Test("several follow the events, each at its own pace, and from any thread")
    func followers() throws {
        let log = EventLog(capacity: 100)
        let node = EventsNode(log)
        let (slow, quick) = (try node.open(opening(.both)), try node.open(opening(.both)))
        let waiting = ScriptedRead()
        quick.read(waiting, at: 0)
        #expect(!waiting.isOver && slow.poll().isEmpty)
        let thread = try Thread("recorder") { log.record(Event("a", object: "x")) }
        thread.join()
        #expect(waiting.text?.contains("\"event\":\"a\"") == true)
        #expect(slow.poll() == .readable)
        let piece = ScriptedRead(byteCount: 10)
        slow.read(piece, at: 0)
        let rest = ScriptedRead()
        slow.read(rest, at: 0)
        #expect((piece.text ?? "") + (rest.text ?? "") == waiting.text)
        let empty = ScriptedRead(isNonBlocking: true)
        slow.read(empty, at: 0)
        #expect(empty.result == .failure(.wouldBlock))
        slow.close()
        quick.close()
    }

    @Test("what is retained is read in pieces, from anywhere in it, and ends")
    func retainedInPieces() throws {
        let log = EventLog()
        for number in 0..<3 { log.record(Event("a", object: "\(number)")) }
        let open = try EventsNode(log).open(opening(.reading))
        log.record(Event("later", object: "x"))
        func piece(_ byteCount: Int, at offset: Int) -> String {
            let read = ScriptedRead(byteCount: byteCount)
            open.read(read, at: UInt64(offset))
            return read.text ?? "-"
        }
        let whole = piece(1 << 20, at: 0)
        #expect(whole.split(separator: "\n").count == 3 && !whole.contains("later"))
        #expect((0..<whole.utf8.count).map { piece(1, at: $0) }.joined() == whole)
        #expect(piece(9, at: 0) + piece(1 << 20, at: 9) == whole)
        #expect(piece(9, at: whole.utf8.count) == "" && piece(9, at: .max) == "")
    }

    @Test("whoever may read the events may open them two thousand times: the lines are there once")
    func manyRetained() throws {
        let log = EventLog()
        let long = String(repeating: "x", count: 1000)
        for _ in 0..<1024 { log.record(Event("a", object: long)) }
        let node = EventsNode(log)
        let before = try residentPageCount()
        let open = try (0..<2000).map { _ in try node.open(opening(.reading)) }
        // A copy each would be two gigabytes; half of one is left to the tests that run meanwhile.
        #expect(try residentPageCount() - before < 512 << 8)
        withExtendedLifetime(open) {}
    }

    private func residentPageCount() throws -> Int {
        let text = String(decoding: try ValueFile(reading: "/proc/self/statm").contents(), as: UTF8.self)
        return try #require(Int(text.split(separator: " ")[1]))
    }

    @Test(
        "one file may be opened by everybody, without end: one more costs what the first did",
        .timeLimit(.minutes(5)))
    func manyOpenings() throws {
        let attribute = Attribute(mode: 0o444, show: { "1" })
        let signals = (0..<100_000).map { _ in CountingSignal() }
        // Looking through all the others, for each, would take minutes.
        let open = try signals.map { try attribute.open(opening(.reading, $0)) }
        attribute.noteChange()
        #expect(signals.allSatisfy { $0.count.load(ordering: .relaxed) == 1 })
        open.forEach { $0.close() }
        attribute.noteChange()
        #expect(signals.allSatisfy { $0.count.load(ordering: .relaxed) == 1 })
    }
}
