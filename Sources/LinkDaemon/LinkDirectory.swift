import ControlTree
import DevicePage
import LinkExercise
import Links
import PCILinks
import SharedMemory
import SystemPackage

/// `links/<link>`: what can be set of a link, and what it shows.
enum LinkDirectory {
    static func make(_ control: LinkControl, _ kind: LinkSideKind) -> Directory {
        let directory = Directory(mode: 0o755)
        addSettings(to: directory, control)
        directory.addDirectory("timeouts") { timeouts in
            for timeout in kind.timeouts { timeouts.add(timeout.name, attribute(for: timeout, control)) }
        }
        let up = directory.add(
            "up",
            Attribute(.boolean, get: { control.isUp }) { isWanted, change in
                if isWanted { control.bringUp(change) } else { control.takeDown(change) }
            })
        let state = directory.add("state", Attribute(mode: 0o444, show: { control.state }))
        let reason = directory.add("reason", Attribute(mode: 0o444, show: { control.reason }))
        control.stateNodes = [up, state, reason]
        directory.add("profile", Attribute(mode: 0o444, show: { "mic" }))
        directory.addDirectory("counters") { counters in
            for counter in LinkCounter.allCases {
                counters.add(
                    counter.rawValue,
                    Attribute(
                        mode: 0o444, show: { String(control.view.map { counter.value($0.counters) } ?? 0) }))
            }
        }
        addPage(to: directory, control)
        addTest(to: directory, control)
        // Where the link's own session is mounted while it is up.
        directory.addDirectory("devices", mode: 0o755) { devices in
            devices.maker = { _, _ throws(Refusal) in
                throw Refusal(
                    .socketNotConnected,
                    "the link is \(control.state), so it has no devices; write 1 to its `up` first")
            }
        }
        return directory
    }

    // MARK: What can be set

    private static func addSettings(to directory: Directory, _ control: LinkControl) {
        directory.add(
            "kind",
            Attribute(.choice(LinkKind.allCases.map(\.rawValue)), get: { control.plan.kind.rawValue }) {
                word, _ throws(Refusal) in
                try control.requireDown()
                if let kind = LinkKind(rawValue: word) { control.plan.kind = kind }
            })
        directory.add(
            "socket",
            Attribute(.absolutePath(orNothing: true), get: { control.plan.socketPath }) {
                path, _ throws(Refusal) in
                try control.requireDown()
                guard path.utf8.count < 108 else {
                    throw Refusal(
                        .outOfRange,
                        "a socket's path has at most 107 bytes, this one \(path.utf8.count); choose a shorter one"
                    )
                }
                control.plan.socketPath = path
            })
        directory.add(
            "socket_mode",
            Attribute(.permissions, get: { control.plan.socketMode }) { mode, _ throws(Refusal) in
                try control.requireDown()
                control.plan.socketMode = mode
            })
        directory.add("window_bytes", windowByteCount(control))
        directory.add(
            "serve",
            Attribute(.boolean, get: { control.plan.isServer }) { isServer, _ throws(Refusal) in
                try control.requireDown()
                control.plan.isServer = isServer
            })
        directory.add(
            "vectors",
            Attribute(
                .unsigned(
                    in: UInt64(
                        MeetingLimits.vectorCounts.lowerBound)...UInt64(
                            MeetingLimits.vectorCounts.upperBound)), get: { UInt64(control.plan.vectorCount) }
            ) { count, _ throws(Refusal) in
                try control.requireDown()
                control.plan.vectorCount = Int(count)
            })
        directory.add(
            "pci",
            Attribute(FunctionChoice.format, get: { control.plan.function }) { function, _ throws(Refusal) in
                try control.requireDown()
                control.plan.function = function
            })
        directory.add(
            "pci_access",
            Attribute(
                .choice(PCISettings.Way.allCases.map(\.rawValue)),
                get: { control.plan.functionAccess.rawValue }
            ) { word, _ throws(Refusal) in
                try control.requireDown()
                if let access = PCISettings.Way(rawValue: word) { control.plan.functionAccess = access }
            })
    }

    private static func windowByteCount(_ control: LinkControl) -> Attribute {
        let sizes = MeetingLimits.windowByteCounts
        return Attribute(
            .byteCount(in: UInt64(sizes.lowerBound)...UInt64(sizes.upperBound)),
            get: { UInt64(control.plan.windowByteCount) }
        ) { count, _ throws(Refusal) in
            try control.requireDown()
            if let fault = MeetingLimits.fault(windowByteCount: Int(count)) {
                throw Refusal(.invalidArgument, fault)
            }
            control.plan.windowByteCount = Int(count)
        }
    }

    private static func attribute(for timeout: LinkTimeout, _ control: LinkControl) -> Attribute {
        Attribute(.duration(in: LinkTimeout.range), get: { control.plan[timeout: timeout.name] }) {
            value, _ throws(Refusal) in
            try control.requireDown()
            control.plan[timeout: timeout.name] = value
        }
    }

    // MARK: Tests

    private static func addTest(to directory: Directory, _ control: LinkControl) {
        directory.add(
            "test",
            Attribute(mode: 0o600, show: { control.view?.desk.lastReport ?? "" }) { text, change in
                guard let desk = control.view?.desk else {
                    return change.refuse(
                        Refusal(
                            .socketNotConnected, "the link is \(control.state); write 1 to its `up` first"))
                }
                desk.submit(text, change)
            })
    }

    // MARK: The page

    private static func addPage(to directory: Directory, _ control: LinkControl) {
        directory.add("page", Attribute(mode: 0o444, show: { report(control)?.text ?? "" }))
        directory.add("page.json", Attribute(mode: 0o444, show: { report(control)?.json() ?? "{}" }))
        directory.add(
            "page.bin",
            BinaryAttribute(
                mode: 0o444, count: { control.view?.page?.byteCount ?? 0 },
                show: { control.view?.page.map { $0.bytes(at: 0, byteCount: $0.byteCount) } ?? [] }))
    }

    private static func report(_ control: LinkControl) -> PageReport? {
        control.view?.page.map { PageReport(PageSnapshot(copyingFrom: $0)) }
    }
}

/// The files of `counters`. Reads and writes are accesses of this side to the other side's memory.
enum LinkCounter: String, CaseIterable {
    case reads
    case readBytes = "read_bytes"
    case writes
    case writtenBytes = "written_bytes"
    case doorbellsRung = "doorbells_rung"
    case doorbellsReceived = "doorbells_received"
    case doorbellsSpared = "doorbells_spared"
    case sleeps
    case pollsFound = "polls_found"
    case pollsInVain = "polls_in_vain"

    /// Where it stands among the metrics.
    var metric: (LinkMetric, label: String, value: String) {
        switch self {
        case .reads: (.crossings, "direction", "read")
        case .readBytes: (.crossingBytes, "direction", "read")
        case .writes: (.crossings, "direction", "written")
        case .writtenBytes: (.crossingBytes, "direction", "written")
        case .doorbellsRung: (.doorbells, "direction", "sent")
        case .doorbellsReceived: (.doorbells, "direction", "received")
        case .doorbellsSpared: (.doorbells, "direction", "spared")
        case .sleeps: (.waits, "outcome", "slept")
        case .pollsFound: (.waits, "outcome", "found")
        case .pollsInVain: (.waits, "outcome", "in-vain")
        }
    }

    func value(_ counters: LinkCounters) -> UInt64 {
        switch self {
        case .reads: counters.crossing[.reads]
        case .readBytes: counters.crossing[.readBytes]
        case .writes: counters.crossing[.writes]
        case .writtenBytes: counters.crossing[.writtenBytes]
        case .doorbellsRung: counters.doorbells[.writes]
        case .doorbellsReceived: counters.doorbells[.reads]
        case .doorbellsSpared: counters.waits[.doorbellsSpared]
        case .sleeps: counters.waits[.sleeps]
        case .pollsFound: counters.waits[.pollsFound]
        case .pollsInVain: counters.waits[.pollsInVain]
        }
    }
}

extension ValueFormat where Value == UInt32 {
    /// A file's permission bits, in octal.
    static var permissions: ValueFormat {
        let allowed = "three or four octal digits, 0000 to 0777"
        return ValueFormat(allowed: allowed) { text throws(Refusal) in
            guard let mode = UInt32(text, radix: 8), (3...4).contains(text.utf8.count) else {
                throw Refusal(.invalidArgument, "'\(text.prefix(20))' is no file mode; write \(allowed)")
            }
            guard mode <= 0o777 else {
                throw Refusal(.outOfRange, "'\(text)' is above 0777; write \(allowed)")
            }
            return mode
        } print: { mode in
            let digits = String(mode, radix: 8)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }
    }
}
