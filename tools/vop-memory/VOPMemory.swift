import ArgumentParser
import Commands
import ControlTree
import LinkDaemon
import Links
import LinuxSystem
import Logging
import SystemPackage

/// Serves the memory of an ivshmem link and nothing else, so that neither side's end takes it along.
@main
struct VOPMemory: DaemonCommand {
    static let configuration = CommandConfiguration(
        commandName: "vop-memory",
        abstract:
            "Serves a memory that both sides of an ivshmem link map, by the protocol of QEMU's ivshmem server.",
        discussion: """
            Both sides join it: a VM by QEMU's ivshmem-doorbell, a daemon by a link of kind ivshmem with serve=0. Either \
            can be killed and come back. Ends on SIGTERM, SIGINT or SIGHUP.
            """,
        version: Version.line(of: "vop-memory"))

    @Argument(help: "The unix socket to listen on.")
    var socket: String

    @Option(
        help: ArgumentHelp(
            "How large the memory is: a power of two from 1M to 4G, as 16M.", valueName: "size"),
        transform: { try memoryByteCount($0) })
    var size = MeetingLimits.defaultWindowByteCount

    @Option(
        help: "By how many vectors each can be rung: 1 to 32.",
        transform: { try WholeNumber(in: MeetingLimits.vectorCounts)($0) })
    var vectors = MeetingLimits.defaultVectorCount

    @Option(
        help: ArgumentHelp("The socket's permissions, octal: who may join.", valueName: "mode"),
        transform: { try permissions($0) })
    var mode: UInt32 = 0o600

    func run() throws {
        let log = ProgramLog.logger("vop-memory", level: .info)
        ThisProcess.outlivesBrokenPipes()
        let signals = try SignalDescriptor([.terminate, .interrupt, .hangUp])
        let server = try IvshmemServer(
            IvshmemSocketSettings(
                socketPath: socket, socketMode: mode, byteCount: size, vectorCount: vectors))
        let poller = try Poller()
        try poller.add(signals.rawDescriptor, .readable, token: 0)
        try poller.add(server.pollDescriptor, .readable, token: 1)
        try server.open()
        defer { server.close() }
        log.info("serving \(size) bytes on \(socket), \(vectors) vectors for each")
        while true {
            if let signal = signals.take() {
                log.info("\(signal): ended")
                return
            }
            for note in try server.service().notes { log.info("\(note)") }
            _ = try poller.wait(for: server.nextDeadline.map { max(.zero, $0 - .now) })
        }
    }

    private static func memoryByteCount(_ text: String) throws(ValidationError) -> Int {
        let sizes = MeetingLimits.windowByteCounts
        do throws(Refusal) {
            let format = ValueFormat.byteCount(in: UInt64(sizes.lowerBound)...UInt64(sizes.upperBound))
            return Int(try format.parse(text))
        } catch { throw ValidationError(error.message) }
    }

    private static func permissions(_ text: String) throws(ValidationError) -> UInt32 {
        guard let mode = UInt32(text, radix: 8), mode <= 0o777 else {
            throw ValidationError("give permissions from 0 to 777, octal, as 660")
        }
        return mode
    }
}
