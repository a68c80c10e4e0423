import ArgumentParser
import Logging
import SystemPackage

/// What tools/bench runs.
@main
struct VOPBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vop-bench",
        abstract: "Measures the rings, the copy file, 9P and the whole path, each against a floor or a peer.",
        discussion: "Run it by tools/bench, which builds what it needs and tidies up after it.")

    @Option(help: ArgumentHelp("An empty directory for sockets, mounts and files.", valueName: "directory"))
    var work: String

    @Option(help: ArgumentHelp("Writes all rows there as JSON.", valueName: "file"))
    var json: String?

    @Flag(help: "Prints every line after as little work as possible; its times mean nothing.")
    var smoke = false

    @Argument(
        help: ArgumentHelp(
            "Which parts: \(Part.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "part"))
    var parts: [Part] = Part.allCases

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case ring, wake, copy, ninep, mount, scale, attack
    }

    func run() throws {
        let extent = Extent(isSmoke: smoke)
        var report = Report()
        let programs = try Programs(work)
        defer { programs.endAll() }
        Report.say(Report.header)
        for part in parts {
            switch part {
            case .ring: try RingBench(extent).run(&report)
            case .wake: try WakeBench(extent: extent, socketPath: "\(work)/wake.sock").run(&report)
            case .copy: try CopyBench(extent: extent, programs: programs).run(&report)
            case .ninep: try NinePBench(extent: extent, programs: programs).run(&report)
            case .mount: try MountBench(extent: extent, programs: programs).run(&report)
            case .attack: try AttackBench(extent: extent, programs: programs).run(&report)
            case .scale: try ScaleBench(extent: extent, programs: programs).run(&report)
            }
        }
        if let json { try report.write(json: json) }
        let missed = report.rows.filter { $0.isMet == false }.count
        Report.say("\(report.rows.count) rows, \(missed) missed their aim")
    }
}
