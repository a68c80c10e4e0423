import Commands
import LinuxSystem
import NinePClient
import SystemPackage

/// Where the server is connected to: an address, looked up.
enum ServerPlace: Sendable {
    case unix(path: String)
    /// In the order in which they are tried.
    case tcp([TCPPlace])
    case descriptors(input: CInt, output: CInt)

    /// - Throws: what is wrong with a name that nobody knows.
    init(_ address: ServerAddress) throws(MountFailure) {
        switch address {
        case .unix(let path): self = .unix(path: path)
        case .descriptors(let input, let output): self = .descriptors(input: input, output: output)
        case .tcp(let address):
            do throws(Errno) { self = .tcp(try TCPPlace.all(of: address)) } catch {
                throw MountFailure(
                    .local,
                    "tcp:\(address): no address is known for '\(address.host)': \(error); check the name, or give a number",
                    errno: error)
            }
        }
    }

    /// - Parameter limit: for all places it may be at.
    func connect(within limit: Duration) throws(SessionError) -> ByteStream {
        do throws(Errno) {
            switch self {
            case .unix(let path): return try .connected(to: path)
            case .tcp(let places):
                return ByteStream(over: try ServerPlace.connect(places, within: limit))
            case .descriptors(let input, let output) where input == output:
                return ByteStream(owning: try .inherited(input))
            case .descriptors(let input, let output):
                return ByteStream(reading: try .inherited(input), writing: try .inherited(output))
            }
        } catch { throw .ended(.system(error)) }
    }

    /// Each has an equal share of the time that is left.
    private static func connect(_ places: [TCPPlace], within limit: Duration) throws(Errno) -> Socket {
        let deadline = ContinuousClock.now + limit
        var failure = Errno.noSuchFileOrDirectory
        for (index, place) in places.enumerated() {
            do throws(Errno) {
                return try place.connected(
                    within: max(.milliseconds(100), deadline - .now) / (places.count - index))
            } catch { failure = error }
        }
        throw failure
    }
}
