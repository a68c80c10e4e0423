import ArgumentParser
import LinuxSystem
import SystemPackage

struct MonitorVerb: LongVerb {
    static let configuration = CommandConfiguration(
        commandName: "monitor", abstract: "Print what happens, one event a line, until interrupted.",
        usage: "vopctl monitor [OPTION]...",
        discussion: "Begins with the events that are retained. With --json each line is one JSON document.")

    @Flag(help: "Print what is retained, and end.")
    var retained = false

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let trees = try Trees(options).clients
        if retained {
            for tree in trees { try print(try tree.bytes("events") ?? []) }
        } else {
            try follow(trees)
        }
        return Output(raw: [])
    }

    private func follow(_ trees: [ControlTreeClient]) throws {
        let poller = try Poller()
        let paths = trees.map { "\($0.path)/events" }
        var files: [Followed] = []
        for (index, path) in paths.enumerated() {
            let file = try Followed(path)
            try poller.add(file.descriptor, .readable, token: UInt64(index))
            files.append(file)
        }
        while true {
            for event in try poller.wait(for: nil) {
                let index = Int(event.token)
                let bytes: [UInt8]
                do throws(Errno) {
                    bytes = try files[index].next()
                    if bytes.isEmpty { throw .socketNotConnected }
                } catch {
                    throw Failure(
                        .refused, "\(paths[index]): the daemon that served it has ended; start it again",
                        errno: error,
                        object: paths[index])
                }
                try print(bytes)
            }
        }
    }

    /// Whole lines, as an `events` file gives them.
    private func print(_ bytes: [UInt8]) throws(Failure) {
        if options.printsJSON { return try Self.write(bytes) }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            try Self.write(Array("\(TreeEvent(line: line)?.text ?? String(line))\n".utf8))
        }
    }

    private static func write(_ bytes: [UInt8]) throws(Failure) {
        do { _ = try FileDescriptor.standardOutput.writeAll(bytes) } catch {
            throw Failure(.local, "standard output: \(error)")
        }
    }

    /// An `events` file that is being followed.
    private final class Followed {
        private let file: ValueFile

        init(_ path: String) throws(Failure) {
            do throws(Errno) { file = try ValueFile(following: path) } catch {
                throw Failure(.local, "\(path): \(error)", errno: error, object: path)
            }
        }

        var descriptor: CInt { file.rawDescriptor }
        func next() throws(Errno) -> [UInt8] { try file.next() }
    }
}
