import LinuxSystem
import SystemPackage

/// One of this package's programs, as it was built beside the tests.
final class BuiltProgram {
    static let names = ["vopctl", "vophostd", "vopguestd", "9p-server", "9p-mount"]

    private let process: SpawnedProcess
    private let pipe: OutputPipe
    /// Both streams, as far as they were read.
    private(set) var output = ""

    init(_ name: String, _ arguments: [String]) throws {
        let pipe = try OutputPipe()
        defer { pipe.closeWritingEnd() }
        self.pipe = pipe
        process = try SpawnedProcess(CompanionProgram.path(name), arguments, output: pipe.writingEnd)
    }

    deinit { process.killAndWait() }

    /// Runs it to its end.
    static func run(_ name: String, _ arguments: [String]) throws -> (
        ending: SpawnedProcess.Ending, output: String
    ) {
        let program = try BuiltProgram(name, arguments)
        var ending: SpawnedProcess.Ending?
        try program.read {
            ending = ending ?? program.process.ending()
            return ending != nil
        }
        guard let ending else { throw Errno.timedOut }
        return (ending, program.output)
    }

    /// Reads what it prints until that is enough; two minutes at most.
    func read(until isEnough: () -> Bool) throws {
        let poller = try Poller()
        try poller.add(process.pollDescriptor, .readable, token: 0)
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            let isLast = isEnough()
            output += String(decoding: pipe.available(), as: UTF8.self)
            if isLast { return }
            guard .now < deadline else { throw Errno.timedOut }
            _ = try poller.wait(for: .milliseconds(10))
        }
    }
}
