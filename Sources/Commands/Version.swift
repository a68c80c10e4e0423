/// The version of all programs, as one: `--version`, and what a tree's `version` shows.
public enum Version {
    public static let text = "0.1.0"

    /// What `--version` prints.
    public static func line(of program: String) -> String { "\(program) \(text)" }
}
