import FoundationEssentials

/// A line of an `events` file, as far as this program looks into it.
struct TreeEvent: Decodable {
    let event: String
    let object: String
    let message: String?
    let process: Int32?
    let details: [String: String]?
    let time: Int64?

    private enum CodingKeys: String, CodingKey {
        case event
        case object
        case message
        case process
        case details
        case time = "time_ns"
    }

    /// `nil` for a line that is no event: of a newer daemon's, or cut off by the end of what was read.
    init?(line: some StringProtocol) {
        guard let event = try? JSONDecoder().decode(TreeEvent.self, from: Data(line.utf8)) else { return nil }
        self = event
    }

    func isRefusal(of operation: String, at place: String) -> Bool {
        event == "refused" && details?["operation"] == operation && object.hasSuffix(place)
    }

    /// One line for a person: when, what, to what, and the story.
    var text: String {
        let seconds = (time ?? 0) / 1_000_000_000
        let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60]
            .map { ($0 < 10 ? "0" : "") + "\($0)" }.joined(separator: ":")
        // A refusal's sentence begins with where it was, which is said already.
        let story =
            message.map { "  \($0.hasPrefix("\(object): ") ? $0.dropFirst(object.count + 2) : $0[...])" }
            ?? ""
        let more = (details ?? [:]).sorted { $0.key < $1.key }.map { "  \($0.key)=\($0.value)" }.joined()
        return "\(clock)Z  \(event)  \(object)\(story)\(more)"
    }
}
