import LinuxSystem
public import SystemPackage

/// Configuration as it is saved: for each object its settings, in the order in which they are to be made again. What is
/// saved is what one would write to the files of the control tree; a person may read it, and change it while the daemon
/// is not running.
///
/// ```
/// vop-settings 1
/// [ep0]
/// kind shm
/// socket /run/vop/ep0.sock
/// up 1
/// ```
/// A line is a file's name and its value, up to the line's end; a newline in a value is `\\n`, a backslash `\\\\`.
public struct SavedSettings: Sendable, Equatable {
    public struct Object: Sendable, Equatable {
        public let name: String
        public var settings: [Setting]

        public init(_ name: String, _ settings: [Setting]) {
            self.name = name
            self.settings = settings
        }
    }

    public struct Setting: Sendable, Equatable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Why saved settings cannot be used: nothing of them was changed.
    public struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        public let description: String
    }

    public var objects: [Object]

    public init(_ objects: [Object] = []) { self.objects = objects }

    private static let firstLine = "vop-settings 1"

    /// - Returns: `nil` when nothing was saved.
    /// - Throws: what is wrong with the file, and what to do.
    public static func read(from path: String) throws(Failure) -> SavedSettings? {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try WholeFile.contents(of: path) } catch {
            guard error != .noSuchFileOrDirectory else { return nil }
            throw Failure(description: "\(path) cannot be read: \(error); make it readable, or remove it")
        }
        return try SavedSettings(text: String(decoding: bytes, as: UTF8.self), from: path)
    }

    /// Replaces what was saved, durably, or leaves it as it was.
    public func write(to path: String) throws(Errno) {
        try WholeFile.replace(path, with: [UInt8](text.utf8), isDurable: true)
    }

    public var text: String {
        var lines = [Self.firstLine]
        for object in objects {
            lines.append("[\(object.name.escaped)]")
            lines += object.settings.map { "\($0.name) \($0.value.escaped)" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// - Parameter path: for the message.
    init(text: String, from path: String) throws(Failure) {
        objects = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            if index == 0, line == Self.firstLine { continue }
            if index > 0, line.first == "[", line.last == "]" {
                objects.append(Object(line.dropFirst().dropLast().unescaped, []))
            } else if index > 0, !objects.isEmpty, let blank = line.firstIndex(of: " ") {
                objects[objects.count - 1].settings.append(
                    Setting(String(line[..<blank]), line[line.index(after: blank)...].unescaped))
            } else {
                throw Failure(
                    description:
                        "line \(index + 1) of \(path) is no saved setting: mend it, or remove the file")
            }
        }
        guard lines.first == Self.firstLine[...] else {
            throw Failure(
                description: "\(path) does not begin with '\(Self.firstLine)': mend it, or remove the file")
        }
    }
}

extension String {
    fileprivate var escaped: String {
        reduce(into: "") { $0 += $1 == "\\" ? "\\\\" : $1 == "\n" ? "\\n" : String($1) }
    }
}

extension Substring {
    fileprivate var unescaped: String {
        var text = ""
        var isEscaped = false
        for character in self {
            if isEscaped {
                text.append(character == "n" ? "\n" : character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                text.append(character)
            }
        }
        return text
    }
}
