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

/// `[u:|g:|b:]CLIENT:SERVER:COUNT`, as mount(8) has it for idmapped mounts; without a letter both users and groups.
struct IdentityMapArgument {
    let isForUsers: Bool
    let isForGroups: Bool
    let range: IdentityMap.Range

    init(_ argument: String) throws(ValidationError) {
        var words = argument.split(separator: ":", omittingEmptySubsequences: false)
        let kind = words.count == 4 ? words.removeFirst() : "b"
        let numbers = words.compactMap { UInt32($0) }
        guard ["u", "g", "b"].contains(kind), words.count == 3, numbers.count == 3,
            let range = IdentityMap.Range(client: numbers[0], server: numbers[1], count: numbers[2])
        else {
            throw ValidationError(
                "give CLIENT:SERVER:COUNT, with u: or g: before it, of a count from 1 and numbers up to 4294967294"
            )
        }
        (isForUsers, isForGroups, self.range) = (kind != "g", kind != "u", range)
    }
}

extension IdentityMap {
    /// - Returns: `nil` when two ranges overlap.
    init?(_ arguments: [IdentityMapArgument]) {
        self.init(
            users: arguments.filter(\.isForUsers).map(\.range),
            groups: arguments.filter(\.isForGroups).map(\.range))
    }
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
