/// Values by token, for tokens that mostly follow one another: a token's lowest bits are its place, and where that is
/// taken the next free one. A dictionary would spend more on its hash than a chain costs in all.
///
/// Nobody else chooses the tokens, so nobody can make them collide; they collide when some are held for long, and then
/// the places in between are searched, as many as there are values at most.
struct TokenTable<Value> {
    private struct Place {
        let token: UInt64
        var value: Value

        mutating func change<Failure: Error>(
            _ body: (inout Value) throws(Failure) -> Void
        ) throws(Failure) { try body(&value) }
    }

    private var places: [Place?]
    private(set) var count = 0
    /// How many are not at the place that their lowest bits name. While there are none, nothing has to be moved when
    /// one is taken out.
    private var displacedCount = 0

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
                put(token, value, at: place)
                count += 1
                if count * 2 > places.count { grow() }
            }
        }
    }

    /// Changes a value where it lies: no copy goes out and back.
    ///
    /// - Returns: whether there is one.
    mutating func change<Failure: Error>(
        _ token: UInt64, _ body: (inout Value) throws(Failure) -> Void
    ) throws(Failure) -> Bool {
        let place = find(token)
        return try places[place]?.change(body) != nil
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
        (count, displacedCount) = (0, 0)
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

    private mutating func put(_ token: UInt64, _ value: Value, at place: Int) {
        places[place] = Place(token: token, value: value)
        if place != home(of: token) { displacedCount += 1 }
    }

    /// Frees a place, and moves those behind it that would not be found any more.
    private mutating func remove(at place: Int) {
        guard let token = places[place]?.token else { return }
        places[place] = nil
        count -= 1
        if place != home(of: token) { displacedCount -= 1 }
        guard displacedCount > 0 else { return }
        var hole = place
        var next = (hole &+ 1) & mask
        while let entry = places[next] {
            let distance = (next &- home(of: entry.token)) & mask
            if distance >= (next &- hole) & mask {
                places[next] = nil
                displacedCount -= 1
                put(entry.token, entry.value, at: hole)
                hole = next
            }
            next = (next &+ 1) & mask
        }
    }

    private mutating func grow() {
        let old = places
        places = Array(repeating: nil, count: old.count * 2)
        displacedCount = 0
        for case let entry? in old { put(entry.token, entry.value, at: find(entry.token)) }
    }
}
