/// Values by token, for tokens that mostly follow one another: a token's lowest bits are its place, and where that is
/// taken the next free one. A dictionary would spend more on its hash than a chain costs in all.
///
/// Nobody else chooses the tokens, so nobody can make them collide; they collide when some are held for long, and then
/// the places in between are searched, as many as there are values at most.
struct TokenTable<Value> {
    private var places: [(token: UInt64, value: Value)?]
    private(set) var count = 0

    init() { places = Array(repeating: nil, count: 16) }

    subscript(_ token: UInt64) -> Value? {
        get {
            let place = find(token)
            return places[place]?.value
        }
        set {
            let place = find(token)
            switch (places[place] != nil, newValue) {
            case (true, nil): remove(at: place)
            case (false, nil): return
            case (true, let value?): places[place]?.value = value
            case (false, let value?):
                places[place] = (token, value)
                count += 1
                if count * 2 > places.count { grow() }
            }
        }
    }

    /// Takes a value out.
    mutating func take(_ token: UInt64) -> Value? {
        let place = find(token)
        guard let found = places[place] else { return nil }
        remove(at: place)
        return found.value
    }

    mutating func removeAll() {
        guard count > 0 else { return }
        for place in places.indices { places[place] = nil }
        count = 0
    }

    /// The tokens whose values are `included`, in no order.
    func tokens(where included: (Value) -> Bool) -> [UInt64] {
        places.compactMap { entry in entry.flatMap { included($0.value) ? $0.token : nil } }
    }

    private var mask: Int { places.count &- 1 }

    private func home(of token: UInt64) -> Int { Int(truncatingIfNeeded: token) & mask }

    /// Where it is, or the free place where it belongs. At least half of all places are free.
    private func find(_ token: UInt64) -> Int {
        var place = home(of: token)
        while let entry = places[place], entry.token != token { place = (place &+ 1) & mask }
        return place
    }

    /// Frees a place, and moves those behind it that would not be found any more.
    private mutating func remove(at place: Int) {
        places[place] = nil
        count -= 1
        var hole = place
        var next = (hole &+ 1) & mask
        while let entry = places[next] {
            let distance = (next &- home(of: entry.token)) & mask
            if distance >= (next &- hole) & mask {
                places[hole] = entry
                places[next] = nil
                hole = next
            }
            next = (next &+ 1) & mask
        }
    }

    private mutating func grow() {
        let old = places
        places = Array(repeating: nil, count: old.count * 2)
        for case let entry? in old { places[find(entry.token)] = entry }
    }
}
