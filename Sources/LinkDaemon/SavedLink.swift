import ControlTree
import LinuxSystem
import Logging
import SystemPackage

/// What is saved of one link: its settings, and whether it is up. Saved anew with every change.
final class SavedLink {
    struct Contents {
        let settings: [SavedSettings.Setting]
        let isUp: Bool
    }

    private let node: Directory
    private let path: String
    private let reporter: LinkReporter
    private var isUp = false

    init(_ node: Directory, in path: String, _ reporter: LinkReporter) {
        self.node = node
        self.path = path
        self.reporter = reporter
    }

    /// Saves what its files say now; a failure is an event and a line in the log, and what was saved stays.
    func save(isUp: Bool? = nil) {
        if let isUp { self.isUp = isUp }
        let settings = Self.names(in: node).compactMap { name in
            Self.attribute(name, in: node).map { SavedSettings.Setting(name, $0.valueText) }
        }
        let object = SavedSettings.Object(
            "link", settings + [SavedSettings.Setting("up", self.isUp ? "1" : "0")])
        do throws(Errno) {
            try RuntimeDirectory.make(path, mode: 0o700)
            try SavedSettings([object]).write(to: Self.file(in: path))
        } catch {
            reporter.report(
                "not-saved",
                "\(Self.file(in: path)): \(error); the link will come back as it was saved before, and not at all if it never was",
                level: .error)
        }
    }

    static func read(from path: String) throws(SavedSettings.Failure) -> Contents? {
        guard let object = try SavedSettings.read(from: file(in: path))?.objects.first else { return nil }
        return Contents(
            settings: object.settings.filter { $0.name != "up" },
            isUp: object.settings.contains(SavedSettings.Setting("up", "1")))
    }

    /// A file of the link, by its path in the link's directory.
    static func attribute(_ name: String, in node: Directory) -> Attribute? {
        let parts = name.split(separator: "/")
        var current: Node? = node
        for part in parts { current = (current as? Directory)?[String(part)] }
        return current as? Attribute
    }

    private static func file(in path: String) -> String { "\(path)/link" }

    private static func names(in node: Directory) -> [String] {
        let timeouts = (node["timeouts"] as? Directory)?.children.map { "timeouts/\($0.name)" } ?? []
        return ["kind", "socket", "socket_mode", "window_bytes", "serve", "vectors", "pci", "pci_access"]
            + timeouts
    }
}
