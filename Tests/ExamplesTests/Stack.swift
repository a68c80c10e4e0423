import Foundation
import Links
import LinuxSystem
import SystemPackage
import TestSupport
import VOPGuest
import Virtio

struct StackError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A real `vophostd` with one device on an `shm` link, and the guest's side of that link on a thread of the test's.
final class Stack {
    let board: RequestBoard
    private let place: TemporaryDirectory
    private let host: SpawnedProcess
    private let ending: EventCounter
    private let guest: LinuxSystem.Thread
    private var programs: [SpawnedProcess] = []

    var directory: String { place.path }
    var device: String { "\(directory)/tree/links/ep0/devices/sample" }

    /// - Parameter settings: attributes of the device, written in this order after `type`.
    init(_ type: DeviceType, _ settings: [(String, String)] = []) async throws {
        place = try TemporaryDirectory()
        let directory = place.path
        host = try Self.run(
            CompanionProgram.path("vophostd"),
            ["--tree", "\(directory)/tree", "--state", "\(directory)/state"])
        try await eventually("vophostd's tree") {
            FileManager.default.fileExists(atPath: "\(directory)/tree/version")
        }
        let link = "\(directory)/tree/links/ep0"
        try Self.makeNode(link)
        try Self.write("\(directory)/socket", to: "\(link)/socket")
        try Self.write("1", to: "\(link)/up")
        try Self.makeNode("\(link)/devices/sample")
        try Self.write("\(type.rawValue)", to: "\(link)/devices/sample/type")
        for (name, value) in settings {
            if name.hasSuffix("/") {
                try Self.makeNode("\(link)/devices/sample/\(name)")
            } else {
                try Self.write(value, to: "\(link)/devices/sample/\(name)")
            }
        }
        try Self.write("1", to: "\(link)/devices/sample/published")

        let (board, ending) = (try RequestBoard(), try EventCounter())
        (self.board, self.ending) = (board, ending)
        guest = try LinuxSystem.Thread("guest") {
            do { try Self.serveGuest(type, "\(directory)/socket", board, ending) } catch {
                print("the guest's side ended: \(error)")
            }
        }
        try await eventually("the device runs") {
            (try? Self.read("\(link)/devices/sample/state")) == "running"
        }
    }

    /// Starts a backend.
    func start(_ program: String, _ arguments: [String]) throws {
        programs.append(try Self.run(program, arguments))
    }

    func end() {
        for program in programs {
            program.signal(SIGTERM)
            _ = try? program.waitForEnding()
        }
        ending.signal()
        guest.join()
        host.signal(SIGTERM)
        _ = try? host.waitForEnding()
    }

    private static func serveGuest(
        _ type: DeviceType, _ socket: String, _ board: RequestBoard, _ ending: EventCounter
    ) throws {
        let link = try SharedMemoryLink(
            .guest, SharedMemorySettings(socketPath: socket, windowByteCount: 16 << 20))
        let backend = GuestBackend(link: link, drivers: [RequestDriver.kind(type, board)])
        try link.start()
        let poller = try Poller()
        try poller.add(ending.rawDescriptor, .readable, token: 0)
        try poller.add(backend.pollDescriptor, .readable, token: 1)
        var isEnding = false
        while !isEnding {
            try poller.wait(for: backend.nextDeadline.map { max(.zero, $0 - .now) }) { event in
                if event.token == 0 { isEnding = true }
            }
            try backend.service()
        }
        backend.stop()
    }

    // MARK: Files and processes

    /// Not by Foundation's `Process`: its children inherit a mask that blocks SIGTERM.
    static func run(_ path: String, _ arguments: [String]) throws -> SpawnedProcess {
        try SpawnedProcess(path, arguments, output: 2)
    }

    static func write(_ value: String, to path: String) throws {
        let file = try FileDescriptor.open(FilePath(path), .writeOnly)
        defer { try? file.close() }
        do { try file.writeAll(Array("\(value)\n".utf8)) } catch {
            throw StackError("\(path): «\(value)»: \(error)")
        }
    }

    static func read(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .newlines)
    }

    private static func makeNode(_ path: String) throws {
        let directory = path.hasSuffix("/") ? String(path.dropLast()) : path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    }
}
