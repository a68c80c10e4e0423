import LinuxSystem
public import SystemPackage

/// Rules of this machine's administrator.
public enum RuleFile {
    /// Looked at where no other is named; it need not be there.
    public static let standardPath = "/etc/vop/pci-rules"

    /// Those of the file at `path` (`nil`: of the standard one, if there is any), and behind them the built-in ones.
    ///
    /// - Throws: that it cannot be read, or its first wrong line.
    public static func table(_ path: String? = nil) throws(RuleFileError) -> RuleTable {
        let place = path ?? standardPath
        let bytes: [UInt8]
        do throws(Errno) { bytes = try WholeFile.contents(of: place) } catch {
            if path == nil, error == .noSuchFileOrDirectory { return .builtIn }
            throw .unreadable(place, error)
        }
        do throws(RuleFault) { return try RuleTable(extending: String(decoding: bytes, as: UTF8.self)) } catch
        {
            throw .wrong(place, error)
        }
    }
}

/// Why a file's rules do not hold: its owner's fault.
public enum RuleFileError: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable(String, Errno)
    case wrong(String, RuleFault)

    public var description: String {
        switch self {
        case .unreadable(let path, let errno): "\(path): \(errno)"
        case .wrong(let path, let fault): "\(path), \(fault)"
        }
    }
}
