import Foundation
import FuzzTargets
import Testing

/// Every input that a fuzzer kept, and every one that once broke something, holds.
@Suite("Fuzz corpora", .serialized)
struct CorpusTests {
    @Test("a target holds for its whole corpus", arguments: FuzzTarget.all.map(\.name))
    func corpus(_ name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let directory = try #require(Bundle.module.resourceURL).appending(path: "corpus/\(name)")
        let files = try FileManager.default.contentsOfDirectory(
            at: directory, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty, "\(name) has inputs to begin with")
        for file in files { target.run(Array(try Data(contentsOf: file))) }
    }

    @Test("a target holds for nothing at all", arguments: FuzzTarget.all.map(\.name))
    func nothing(_ name: String) throws { try #require(FuzzTarget.named(name)).run([]) }
}
