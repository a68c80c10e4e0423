import SystemPackage

/// Where one-line complaints go.
enum StandardError {
    static func print(_ line: String) { _ = try? FileDescriptor.standardError.writeAll("\(line)\n".utf8) }
}
