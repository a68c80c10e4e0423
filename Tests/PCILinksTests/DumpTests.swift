import PCILinks
import Testing

@Suite("Functions out of dumps")
struct DumpTests {
    private func function(_ dump: String, _ address: String) throws -> PCIFunction {
        let place = try #require(PCIAddress(address))
        return try Dumps.bus(dump).function(at: place)
    }

    @Test("ivshmem: its BARs, vectors and command register")
    func ivshmem() throws {
        let functions = try Dumps.bus("ivshmem.txt").functions()
        #expect(functions.map(\.identity) == ["8086:29c0", "1af4:1110"])
        let found = functions[1]
        #expect(found.fault == nil && found.classCode == 0x0500 && found.subsystemID == 0x1100)
        #expect(found.command.isSuperset(of: [.memory, .busMaster]))
        #expect(found.bars.map(\.index.rawValue) == [0, 1, 2])
        #expect(found.bars.map(\.address) == [0xfebd_5000, 0xfebd_6000, 0xfe_0000_0000])
        #expect(found.bars[2].kind == .memory(is64Bit: true, isPrefetchable: true))
        #expect(found.bars[0].kind == .memory(is64Bit: false, isPrefetchable: false))
        #expect(found.bars.allSatisfy { $0.byteCount == nil }, "a dump has no sizes")
        #expect(found.msix?.vectorCount == 4 && found.msix?.bar.rawValue == 1 && found.msix?.offset == 0)
        #expect(!functions[0].isConfigurationComplete && found.isConfigurationComplete)
    }

    @Test("a MIC card: 64-bit BARs, vectors behind two other capabilities, one of PCI Express's")
    func coprocessor() throws {
        let card = try function("mic.txt", "03:00.0")
        #expect(card.identity == "8086:225c")
        #expect(card.bars.map(\.index.rawValue) == [0, 4])
        #expect(card.bars[0].address == 0x3800_0000_0000)
        #expect(card.capabilities.filter { !$0.isExtended }.map(\.id) == [1, 0x10, 0x11])
        #expect(card.capabilities.filter(\.isExtended).map(\.id) == [1])
        #expect(card.msix?.vectorCount == 16 && card.msix?.offset == 0x17000)
        #expect(RuleTable.builtIn.rule(for: card)?.name == "mic")
    }

    @Test("NTB bridges of three makers, one in a domain of its own")
    func bridges() throws {
        let functions = try Dumps.bus("bridges.txt").functions()
        #expect(functions.map(\.identity) == ["10b5:87b0", "8086:2f0d", "11f8:8532"])
        #expect(functions.map { $0.msix?.vectorCount } == [nil, 4, 32])
        #expect(functions[2].address == PCIAddress("10000:01:00.1"))
        #expect(functions.map { RuleTable.builtIn.rule(for: $0)?.name } == [nil, "intel-ntb", nil])
    }

    @Test("what was cut off is said, function by function")
    func truncated() throws {
        let functions = try Dumps.bus("truncated.txt").functions()
        #expect(functions.map(\.address.description) == ["0000:00:04.0", "0000:00:05.0"])
        #expect(functions.allSatisfy { $0.fault == "its configuration space cannot be read" })
        #expect(functions.allSatisfy { $0.bars.isEmpty && $0.capabilities.isEmpty && $0.msix == nil })
    }

    @Test("capabilities that lead back, lie at the end or name no BAR, and all ones, are survived")
    func hostile() throws {
        let functions = try Dumps.bus("hostile.txt").functions()
        #expect(functions.map(\.msix) == [nil, nil, nil, nil])
        #expect(functions.map { $0.fault == nil } == [true, true, true, false])
        #expect(functions[0].capabilities.count <= 48)
    }

    @Test(
        "what is no dump is refused in libpci's words, and the process lives",
        arguments: ["garbage.txt", "beyond.txt", "none.txt"])
    func refused(name: String) {
        for _ in 0..<100 {
            #expect {
                try Dumps.bus(name).functions()
            } throws: { error in
                guard case .library(let text) = error as? PCIError else { return false }
                return text.hasPrefix("dump: ")
            }
        }
    }

    @Test("no such function: the error lists those there are")
    func noSuchFunction() throws {
        let place = try #require(PCIAddress("00:09.0"))
        let error = #expect(throws: PCIError.self) { try Dumps.bus("ivshmem.txt").function(at: place) }
        #expect(error?.description == "no PCI function 0000:00:09.0; there are: 0000:00:00.0, 0000:00:04.0")
    }

    @Test("this machine's own bus is read, whatever is on it")
    func thisMachine() throws {
        let (candidates, others) = try LinkCandidate.all(on: .here, by: .builtIn)
        #expect(candidates.allSatisfy { $0.binding != nil })
        #expect(others.allSatisfy { $0.vendorID != 0 })
    }
}
