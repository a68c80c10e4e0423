import ArgumentParser
import Logging
import NinePServer
import SystemPackage

/// `[NAME=]PATH[,ro][,cross-mounts][,devices]`; without a name the path is the name.
struct ExportArgument: ExpressibleByArgument {
    let name: String
    let path: String
    private let policy: Export.Policy

    init?(argument: String) {
        var policy = Export.Policy()
        var rest = argument[...]
        while let comma = rest.lastIndex(of: ",") {
            switch rest[rest.index(after: comma)...] {
            case "ro": policy.isReadOnly = true
            case "cross-mounts": policy.crossesMounts = true
            case "devices": policy.allowsDeviceNodes = true
            default:
                // No option: a comma of the path's own.
                self.init(rest, policy)
                return
            }
            rest = rest[..<comma]
        }
        self.init(rest, policy)
    }

    private init?(_ text: Substring, _ policy: Export.Policy) {
        let equals = text.firstIndex(of: "=")
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        if let equals, equals < slash || text[..<equals] == "/" {
            (name, path) = (String(text[..<equals]), String(text[text.index(after: equals)...]))
        } else {
            (name, path) = (String(text), String(text))
        }
        self.policy = policy
        guard !name.isEmpty, !path.isEmpty, path.utf8.count < 4096, name.utf8.count < 4096 else { return nil }
    }

    func open(readOnly: Bool, crossMounts: Bool) throws -> Export {
        var policy = policy
        if readOnly { policy.isReadOnly = true }
        if crossMounts { policy.crossesMounts = true }
        do throws(Errno) {
            return try Export(name: name, path: path, policy: policy)
        } catch {
            let advice =
                switch error {
                case .noSuchFileOrDirectory: "make that directory, or name one that exists"
                case .notDirectory: "name a directory"
                default: "name a directory you may enter"
                }
            throw Failure("--export \(path): \(error); \(advice)")
        }
    }
}

/// `unix:PATH`
struct ListenArgument {
    let path: String

    init(_ argument: String) throws(ValidationError) {
        guard argument.hasPrefix("unix:"), argument.count > 5 else {
            throw ValidationError("clients connect to unix sockets only; give unix:PATH")
        }
        path = String(argument.dropFirst(5))
    }
}

struct OctalArgument {
    let value: UInt32

    init(value: UInt32) { self.value = value }

    init(_ argument: String) throws(ValidationError) {
        guard let value = UInt32(argument, radix: 8), value <= 0o777 else {
            throw ValidationError("give permission bits in octal, 0 to 0777")
        }
        self.value = value
    }
}

/// Whom the squash user stands in for.
struct SquashArgument: ExpressibleByArgument {
    let value: Accounts.Squash

    init(value: Accounts.Squash) { self.value = value }

    init?(argument: String) {
        guard let value = Accounts.Squash(rawValue: argument) else { return nil }
        self.value = value
    }

    static var allValueStrings: [String] { Accounts.Squash.allCases.map(\.rawValue) }
    var defaultValueDescription: String { value.rawValue }
}

struct LogLevelArgument: ExpressibleByArgument {
    let value: Logger.Level

    init(value: Logger.Level) { self.value = value }

    init?(argument: String) {
        guard let value = Logger.Level(rawValue: argument) else { return nil }
        self.value = value
    }

    static var allValueStrings: [String] { Logger.Level.allCases.map(\.rawValue) }
    var defaultValueDescription: String { value.rawValue }
}
