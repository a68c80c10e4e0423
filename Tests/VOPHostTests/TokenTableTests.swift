import TestSupport
import Testing

@testable import VOPHost

@Suite struct TokenTableTests {
    @Test("a table holds what a dictionary holds, whatever is held for long", arguments: 0..<20)
    func agreesWithDictionary(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = TokenTable<Int>()
        var model: [UInt64: Int] = [:]
        var nextToken: UInt64 = .random(in: 1...1000, using: &generator)
        for step in 0..<5000 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0,
                1 where model.count < 300:
                (table[nextToken], model[nextToken]) = (step, step)
                nextToken += 1
            case 2:
                guard let token = model.keys.sorted().randomElement(using: &generator) else { continue }
                (table[token], model[token]) = (-step, -step)
            default:
                // The older ones go less often, so that some stay while the tokens run away from them.
                let tokens = model.keys.sorted().suffix(12)
                guard let token = tokens.randomElement(using: &generator) else { continue }
                #expect(table.take(token) == model.removeValue(forKey: token))
                #expect(table.take(token) == nil)
            }
        }
        #expect(table.count == model.count)
        #expect(Set(table.tokens { _ in true }) == Set(model.keys))
        for (token, value) in model { #expect(table[token] == value) }
        #expect(table[nextToken] == nil && table[0] == nil)
        table.removeAll()
        #expect(table.count == 0 && model.keys.allSatisfy { table[$0] == nil })
    }
}
