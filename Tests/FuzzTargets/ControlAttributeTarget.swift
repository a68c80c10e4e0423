import ControlTree
import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage

extension FuzzTarget {
    /// Values written to attributes of every form, whole, by halves and at offsets.
    ///
    /// Input: steps, each an attribute, an offset and a value.
    static let controlAttribute = FuzzTarget(name: "control-attribute") { bytes in
        var input = FuzzInput(bytes)
        let tree = FuzzTree()
        while !input.isEmpty {
            let node = tree.nodes[Int(input.byte()) % tree.nodes.count]
            let offset = input.byte() & 0x80 == 0 ? 0 : input.number64()
            tree.write(input.block(), to: node, at: offset)
        }
    }
}

/// An attribute of each form.
private final class FuzzTree {
    private(set) var nodes: [Attribute] = []
    private let root = Directory()
    private let tree: Tree
    private let requester = Requester(user: 1000, group: 1000, process: 1)

    init() {
        tree = Tree(root: root)
        add("number", .unsigned(in: 1...32768), 1)
        add("bytes", .byteCount(in: 4096...(1 << 40)), 4096)
        add("mask", .mask, 0)
        add("boolean", .boolean, false)
        add("duration", .duration(in: .milliseconds(1)...(.seconds(3600))), .seconds(1))
        add("name", .name, "a")
        add("optional", .optionalName, "")
        add("path", .absolutePath(), "/a")
        add("choice", .choice(["copy", "builtin"]), "copy")
        add("text", .text(byteCountAtMost: 64), "")
        add("mac", .macAddress, [2, 0, 0, 0, 0, 1])
    }

    /// A value that is taken prints as what it is, and what it prints is taken again.
    private func add<Value: Equatable>(_ name: String, _ format: ValueFormat<Value>, _ first: Value) {
        var value = first
        let attribute = Attribute(
            format, get: { value },
            set: { new, _ in
                value = new
                guard let again = try? format.parse(format.print(new)) else {
                    fatalError("does not hold: \(name) takes what it prints, \(format.print(new))")
                }
                require(again == new, "\(name) prints what it is")
            })
        nodes.append(attribute)
        root.add(name, attribute)
    }

    func write(_ bytes: [UInt8], to node: Attribute, at offset: UInt64) {
        guard let open = try? node.open(Opening(.both, by: requester, Silence())) else {
            fatalError("does not hold: an attribute that can be set opens")
        }
        let before = read(open)
        let refusal = Mutex<Refusal?>(nil)
        let answers = Mutex(0)
        _ = unsafe open.write(bytes.span.bytes, at: offset, isNonBlocking: false) {
            PendingChange(requester) { answer in
                answers.withLock { $0 += 1 }
                refusal.withLock { $0 = answer }
            }
        }
        require(answers.withLock { $0 } == 1, "a write is answered once")
        guard let refusal = refusal.withLock({ $0 }) else { return }
        require(!refusal.message.isEmpty, "a refusal has a sentence")
        open.close()
        guard let fresh = try? node.open(Opening(.reading, by: requester, Silence())) else {
            fatalError("does not hold: an attribute opens again")
        }
        require(read(fresh) == before, "what was refused has changed nothing")
        fresh.close()
    }

    private func read(_ open: any OpenNode) -> [UInt8] {
        let read = WholeRead()
        open.read(read, at: 0)
        return read.bytes
    }
}

private final class Silence: ReadinessSignal {
    func changed() {}
}

private final class WholeRead: PendingRead {
    let byteCount = 65536
    let isNonBlocking = true
    let requester = Requester(user: 1000, group: 1000, process: 1)
    private let answer = Mutex<[UInt8]?>(nil)

    var bytes: [UInt8] { answer.withLock { $0 ?? [] } }
    var isOver: Bool { answer.withLock { $0 != nil } }

    func reply(_ bytes: RawSpan) -> Bool { reply(bytes.copied) }
    func reply(_ bytes: [UInt8]) -> Bool {
        answer.withLock { $0 = bytes }
        return true
    }
    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool { reply(header) }
    func fail(_ errno: Errno) -> Bool { reply([]) }
    func onInterrupt(_ body: @escaping @Sendable () -> Void) {}
}
