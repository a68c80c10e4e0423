/// How much of everything: a whole measurement, or just enough to see that each line can be printed.
struct Extent {
    let isSmoke: Bool

    /// Rounds, of which the best counts.
    var rounds: Int { isSmoke ? 2 : 40 }
    func count(_ whole: Int, smoke: Int) -> Int { isSmoke ? smoke : whole }
}

struct BenchFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

enum Measure {
    /// Nanoseconds that `body` takes.
    static func time(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start).inNanoseconds
    }

    /// A time from C.
    static func checked(_ nanoseconds: Int64, _ what: String) throws -> Double {
        guard nanoseconds >= 0 else { throw BenchFailure("\(what): errno \(-nanoseconds)") }
        return Double(nanoseconds)
    }

    /// The least of each of several works, done in turn so that all meet the same machine.
    static func interleaved(_ rounds: Int, _ works: [() throws -> Double]) throws -> [Double] {
        var least = [Double](repeating: .infinity, count: works.count)
        for _ in 0..<rounds {
            for (index, work) in works.enumerated() { least[index] = min(least[index], try work()) }
        }
        return least
    }
}

extension Duration {
    var inNanoseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1e9 + Double(attoseconds) / 1e9
    }
}
