import ArgumentParser
import LinuxSystem
import SystemPackage

/// `ATTRIBUTE=VALUE`, as it was given: a file below an object's directory, and what to write to it.
struct Setting {
    let attribute: String
    let value: String

    init(_ attribute: String, _ value: String) {
        self.attribute = attribute
        self.value = value
    }

    /// - Throws: for the parser to say, where there is no name before a `=`.
    init(_ argument: String) throws(ValidationError) {
        guard let sign = argument.firstIndex(of: "="), sign != argument.startIndex else {
            throw ValidationError("'\(argument)' sets nothing; give ATTRIBUTE=VALUE, such as tag=share")
        }
        attribute = String(argument[..<sign])
        value = String(argument[argument.index(after: sign)...])
    }

    /// - Throws: where the attribute leads out of the object, what the value's form is not, or what the tree says.
    func apply(to directory: String, in tree: ControlTreeClient) throws(Failure) {
        let parts = attribute.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw Failure(
                .local, "'\(attribute)' is no attribute; give a name, or a path such as queues/0/size",
                object: attribute)
        }
        if attribute.hasSuffix(".bin") {
            try tree.write(try binary(), to: "\(directory)/\(attribute)")
        } else {
            try tree.write(value, to: "\(directory)/\(attribute)")
        }
    }

    /// Bytes for a binary attribute: hexadecimal digits, or `@` and a file's name.
    func binary() throws(Failure) -> [UInt8] {
        if value.hasPrefix("@") {
            let path = String(value.dropFirst())
            do throws(Errno) { return try ValueFile(reading: path).read(at: 0) } catch {
                throw Failure(
                    error == .noSuchFileOrDirectory ? .notFound : .local, "\(path): \(error)", errno: error,
                    object: path)
            }
        }
        let digits = Array(value.filter { $0 != ":" && $0 != " " })
        let bytes = stride(from: 0, to: digits.count - digits.count % 2, by: 2)
            .compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        guard digits.count == 2 * bytes.count, !bytes.isEmpty, digits.allSatisfy(\.isHexDigit) else {
            throw Failure(
                .local, "\(attribute): '\(value)' is no bytes; give pairs of hexadecimal digits, or @FILE",
                object: attribute)
        }
        return bytes
    }
}

/// Settings in the order in which a new object takes them.
struct SettingSteps {
    private var settings: [Setting]

    init(_ settings: [Setting]) { self.settings = settings }

    /// The last setting of that name, which then is none of the rest.
    mutating func take(_ attribute: String) -> Setting? {
        defer { settings.removeAll { $0.attribute == attribute } }
        return settings.last { $0.attribute == attribute }
    }

    var inOrder: [Setting] { settings }
}
