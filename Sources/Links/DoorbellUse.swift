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

    mutating func release(_ number: DoorbellNumber) {
        let index = Int(number.rawValue)
        guard users.indices.contains(index), users[index] > 0 else { return }
        users[index] -= 1
    }
}
