/// One line of the result: a work, what it was held against in the same run, and what the ratio should be.
struct Row {
    enum Aim {
        case atMost(Double)
        case atLeast(Double)
        /// Printed for people to know.
        case stated

        var text: String {
            switch self {
            case .atMost(let bound): "≤ \(Row.text(bound))"
            case .atLeast(let bound): "≥ \(Row.text(bound))"
            case .stated: "stated"
            }
        }

        func isMet(by ratio: Double) -> Bool? {
            switch self {
            case .atMost(let bound): ratio <= bound
            case .atLeast(let bound): ratio >= bound
            case .stated: nil
            }
        }
    }

    let work: String
    let against: String
    let unit: String
    let ours: Double
    /// `nil` where the aim is a number by itself.
    let floor: Double?
    let aim: Aim
    var note = ""

    /// What the aim is held against: ours by theirs, or ours alone.
    var value: Double { floor.map { ours / $0 } ?? ours }
    var isMet: Bool? { aim.isMet(by: value) }

    static func text(_ number: Double) -> String {
        let digits = number == number.rounded() && number < 1e6 ? 0 : number < 10 ? 3 : number < 1000 ? 1 : 0
        return number.text(digits: digits)
    }
}

extension Double {
    /// With so many digits behind the point.
    func text(digits: Int) -> String {
        guard isFinite else { return "-" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (magnitude * scale).rounded()
        guard scaled < 1e18 else { return "\(self)" }
        let (whole, part) = UInt64(scaled).quotientAndRemainder(dividingBy: UInt64(scale))
        let fraction =
            digits == 0 ? "" : "." + String(repeating: "0", count: digits - "\(part)".count) + "\(part)"
        return (self < 0 && scaled != 0 ? "-" : "") + "\(whole)\(fraction)"
    }
}
