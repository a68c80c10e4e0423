import ArgumentParser
import Commands
import LinuxSystem
import NinePServer
import SystemPackage

/// `unix:PATH`, `tcp:HOST[:PORT]`, `fd:IN[,OUT]`, `systemd`
enum ListenArgument {
    case address(ServerAddress)
    /// Every socket that systemd has opened for this process.
    case activated

    init(_ argument: String) throws(ValidationError) {
        if argument == "systemd" {
            self = .activated
        } else if let address = try ServerAddress(argument) {
            self = .address(address)
        } else {
            throw ValidationError("give unix:PATH, tcp:HOST:PORT, fd:IN,OUT or systemd")
        }
    }

    /// Whether it is a client behind two descriptors.
    var isPair: Bool {
        guard case .address(.descriptors(let input, let output)) = self else { return false }
        return input != output
    }

    /// Whether it takes standard output, which says nothing else then.
    var isStandardOutput: Bool {
        guard case .address(.descriptors(_, 1)) = self else { return false }
        return true
    }
}

/// Opens what clients come through.
struct Listening {
    let socketMode: UInt32
    /// Other machines may come too.
    let allowsNetwork: Bool
    /// Whether a client that nobody can vouch for may do anything at all.
    let takesStrangers: Bool

    /// - Parameter body: called once for each source: an address may have several, as `localhost` has.
    func open(_ argument: ListenArgument, _ body: (consuming ClientSource) throws -> Void) throws {
        switch argument {
        case .address(.unix(let path)): try body(unix(path))
        case .address(.tcp(let address)): for place in try listening(at: address) { try body(tcp(place)) }
        case .address(.descriptors(let input, let output)) where input == output:
            try body(inherited(input, name: "fd:\(input)"))
        case .address(.descriptors(let input, let output)): try body(joined(input, output))
        case .activated:
            let descriptors = ActivatedSockets.descriptors
            guard !descriptors.isEmpty else {
                throw Failure(
                    "--listen systemd: no socket was passed (LISTEN_FDS, LISTEN_PID); start it by a .socket unit"
                )
            }
            for descriptor in descriptors { try body(inherited(descriptor, name: "fd:\(descriptor)")) }
        }
    }

    private func unix(_ path: String) throws(Failure) -> ClientSource {
        do throws(Errno) {
            return try .unix(path, mode: socketMode)
        } catch {
            let advice =
                switch error {
                case .addressInUse:
                    "somebody listens there, or it is no socket; stop that server or name another path"
                case .noSuchFileOrDirectory: "its directory does not exist; make it or name another path"
                case .fileNameTooLong: "at most 107 bytes are allowed; name a shorter path"
                default: "name a path where you may create a socket"
                }
            throw Failure("--listen unix:\(path): \(error); \(advice)")
        }
    }

    // MARK: TCP

    private func listening(at address: TCPAddress) throws(Failure) -> [TCPPlace] {
        try requireStrangersWelcome("tcp:\(address)")
        let places: [TCPPlace]
        do throws(Errno) { places = try TCPPlace.all(of: address) } catch {
            throw Failure(
                "--listen tcp:\(address): no address is known for '\(address.host)': \(error); give a name or number of this machine's"
            )
        }
        guard allowsNetwork || places.allSatisfy(\.isLoopback) else {
            throw Failure(
                "--listen tcp:\(address): other machines reach it, and 9P has neither passwords nor encryption; "
                    + "listen on localhost, or give --allow-network where a firewall or a tunnel says who gets there"
            )
        }
        return places
    }

    private func tcp(_ place: TCPPlace) throws(Failure) -> ClientSource {
        do throws(Errno) { return try .tcp(place) } catch {
            let advice =
                switch error {
                case .addressInUse: "somebody listens there; stop that server or name another port"
                case .addressNotAvailable: "it is none of this machine's; name one that is"
                case .permissionDenied: "ports below 1024 are root's; name another"
                default: "name another address"
                }
            throw Failure("--listen tcp:\(place): \(error); \(advice)")
        }
    }

    /// A client whom the kernel cannot name may attach only where that does not matter, which nobody shall find out later.
    private func requireStrangersWelcome(_ place: String) throws(Failure) {
        guard !takesStrangers else { return }
        throw Failure(
            "--listen \(place): nothing says who its clients are; give --squash all, so that all act as one user, "
                + "or --trust-clients, so that each may speak for any user")
    }

    // MARK: Descriptors

    private func inherited(_ descriptor: CInt, name: String) throws(Failure) -> ClientSource {
        let socket: Socket
        do throws(Errno) { socket = try .inherited(descriptor) } catch { throw refusal(error, name) }
        if !socket.knowsPeers { try requireStrangersWelcome(name) }
        return .made(socket, name: name)
    }

    private func refusal(_ error: Errno, _ name: String) -> Failure {
        let advice =
            switch error {
            case .badFileDescriptor: "start it with that descriptor open"
            case .notSocket: "of a pair that is no socket give both: fd:IN,OUT"
            default: "give a stream socket"
            }
        return Failure("--listen \(name): \(error); \(advice)")
    }

    /// Two descriptors, pipes perhaps, as one client.
    private func joined(_ input: CInt, _ output: CInt) throws(Failure) -> ClientSource {
        let name = "fd:\(input),\(output)"
        do throws(Errno) {
            return .made(
                try Relay.start(reading: .inherited(input), writing: .inherited(output)), name: name)
        } catch { throw refusal(error, name) }
    }
}
