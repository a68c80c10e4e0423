/// How many users each of our doorbells has. There may be fewer doorbells than devices: the least used one is given
/// next, and whoever shares one tolerates the other's rings.
struct DoorbellUse {
    private var users: [Int]

    init(count: Int) {
        precondition((1...128).contains(count), "a link has 1…128 doorbells in each direction")
        users = Array(repeating: 0, count: count)
    }

    var count: Int { users.count }

    mutating func allocate() -> DoorbellNumber {
        var least = users.startIndex
        for index in users.indices where users[index] < users[least] { least = index }
        users[least] += 1
        guard let number = DoorbellNumber(rawValue: least) else {
            preconditionFailure("a doorbell above 127")
        }
        return number
    }

    /// Counts a user of an earlier life again.
    ///
    /// - Returns: false when there is no such doorbell.
    mutating func claim(_ number: DoorbellNumber) -> Bool {
        guard users.indices.contains(Int(number.rawValue)) else { return false }
        users[Int(number.rawValue)] += 1
        return true
    }

    mutating func release(_ number: DoorbellNumber) {
        let index = Int(number.rawValue)
        guard users.indices.contains(index), users[index] > 0 else { return }
        users[index] -= 1
    }
}
