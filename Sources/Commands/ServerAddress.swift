public import ArgumentParser
public import LinuxSystem

/// Where a 9P server is reached, as said on a command line.
public enum ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// `unix:PATH`
    case unix(path: String)
    /// `tcp:HOST[:PORT]`
    case tcp(TCPAddress)
    /// `fd:IN[,OUT]`: descriptors that this process was started with; without OUT it is IN, a socket.
    case descriptors(input: CInt, output: CInt)

    /// The port that is registered for 9P.
    public static let standardPort: UInt16 = 564

    /// - Returns: `nil` for a text with none of the three beginnings.
    /// - Throws: what is wrong with one that has.
    public init?(_ text: String) throws(ValidationError) {
        if text.hasPrefix("unix:") {
            guard text.count > 5 else { throw ValidationError("give unix:PATH, with a path") }
            self = .unix(path: String(text.dropFirst(5)))
        } else if text.hasPrefix("tcp:") {
            guard let address = TCPAddress(String(text.dropFirst(4)), standardPort: Self.standardPort) else {
                throw ValidationError(
                    "give tcp:HOST or tcp:HOST:PORT, PORT up to 65535, an IPv6 number in brackets")
            }
            self = .tcp(address)
        } else if text.hasPrefix("fd:") {
            let numbers = text.dropFirst(3).split(separator: ",", omittingEmptySubsequences: false)
                .map { CInt($0) ?? -1 }
            guard (1...2).contains(numbers.count), numbers.allSatisfy({ $0 >= 0 }) else {
                throw ValidationError("give the numbers of open descriptors: fd:IN,OUT, or fd:SOCKET")
            }
            self = .descriptors(input: numbers[0], output: numbers.count > 1 ? numbers[1] : numbers[0])
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let address): "tcp:\(address)"
        case .descriptors(let input, let output) where input == output: "fd:\(input)"
        case .descriptors(let input, let output): "fd:\(input),\(output)"
        }
    }
}
