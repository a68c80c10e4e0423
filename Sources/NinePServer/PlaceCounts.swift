import LinuxSystem
public import NineP
import Synchronization

/// What the clients of one place asked for, over all their sessions: counted by whoever serves them, read by anybody.
public final class PlaceCounts: Sendable {
    /// As the command line has it: a listening address, a copy file.
    public let name: String
    private let answered = PerType()
    private let refused = PerType()
    private let bytesRead = Atomic<UInt64>(0)
    private let bytesWritten = Atomic<UInt64>(0)
    private let malformed = Atomic<UInt64>(0)

    /// A number for each type of request, at its number on the wire.
    private struct PerType: ~Copyable {
        private let values = InlineArray<128, Atomic<UInt64>> { _ in Atomic(0) }

        borrowing func count(_ type: RequestType) {
            values[Int(type.rawValue)].add(1, ordering: .relaxed)
        }
        subscript(_ type: RequestType) -> UInt64 { values[Int(type.rawValue)].load(ordering: .relaxed) }
    }

    init(_ name: String) { self.name = name }

    func note(_ type: RequestType, answeredBy frame: [UInt8]) {
        answered.count(type)
        guard frame.count > 4 else { return }
        switch frame[4] {
        case RequestType.errorReplyNumber: refused.count(type)
        case RequestType.read.replyNumber:
            let byteCount = max(0, frame.count - Protocol9P.readReplyHeaderByteCount)
            bytesRead.add(UInt64(byteCount), ordering: .relaxed)
        case RequestType.write.replyNumber where frame.count >= 11:
            let byteCount: UInt32 = frame.span.littleEndian(at: 7)
            bytesWritten.add(UInt64(byteCount), ordering: .relaxed)
        default: break
        }
    }

    func noteMalformed() { malformed.add(1, ordering: .relaxed) }

    /// With the numbers of `sessions`, which are its own.
    func report(_ sessions: [NinePSession]) -> ServerReport.Place {
        var place = ServerReport.Place(name: name)
        for type in RequestType.allCases where answered[type] > 0 {
            place.requests.append(
                .init(type: type, answeredCount: answered[type], errorCount: refused[type]))
        }
        place.bytesRead = bytesRead.load(ordering: .relaxed)
        place.bytesWritten = bytesWritten.load(ordering: .relaxed)
        place.malformedCount = malformed.load(ordering: .relaxed)
        for session in sessions { session.add(to: &place) }
        return place
    }
}

/// What a server counts, as it is now.
public struct ServerReport: Sendable {
    /// One type of request.
    public struct Requests: Sendable {
        public let type: RequestType
        /// Refused ones too.
        public let answeredCount: UInt64
        public let errorCount: UInt64
    }

    /// Where clients come from: what was counted of all that ever came, and what those have that are there.
    public struct Place: Sendable {
        public let name: String
        /// Of each type that was asked for.
        public var requests: [Requests] = []
        /// Files' bytes, by Tread and by Twrite.
        public var bytesRead: UInt64 = 0
        public var bytesWritten: UInt64 = 0
        public var malformedCount: UInt64 = 0
        /// With those that an earlier process began and whose client may come back.
        public var sessionCount = 0
        /// Requests begun or in line.
        public var waitingCount = 0
        public var fidCount = 0
        public var lockCount = 0
        public var journalByteCount = 0
    }

    public struct Exported: Sendable {
        public let name: String
        public let fidCount: Int
    }

    public let places: [Place]
    public let exports: [Exported]
    public let survival: Tallies.Counts
}

extension NinePServer {
    /// What was counted so far, and what there is now.
    public var report: ServerReport {
        let sessions = Dictionary(grouping: liveSessions) { ObjectIdentifier($0.counts) }
        return ServerReport(
            places: places.map { $0.report(sessions[ObjectIdentifier($0)] ?? []) },
            exports: exports.map {
                .init(name: $0.name, fidCount: $0.fidCount.load(ordering: .relaxed))
            },
            survival: tallies.counts)
    }
}

extension NinePSession {
    fileprivate func add(to place: inout ServerReport.Place) {
        let (waitingCount, hasEnded) = state.withLock { ($0.pendingCount, $0.hasEnded) }
        place.waitingCount += waitingCount
        place.fidCount += fids.count
        place.lockCount += lockQuota.usedCount
        guard !hasEnded else { return }
        place.sessionCount += 1
        place.journalByteCount += journal?.journal.byteCount ?? 0
    }
}
