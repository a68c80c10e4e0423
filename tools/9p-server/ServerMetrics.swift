import Commands
import NinePServer

/// What the server counts, as metrics.
enum ServerMetric: String, MetricFamily {
    case build = "vop_9p_build"
    case sessions = "vop_9p_sessions"
    case requests = "vop_9p_requests"
    case errors = "vop_9p_errors"
    case malformed = "vop_9p_malformed"
    case bytes = "vop_9p_bytes"
    case waiting = "vop_9p_requests_waiting"
    case fids = "vop_9p_fids"
    case locks = "vop_9p_locked_ranges"
    case journalBytes = "vop_9p_journal_bytes"
    case exportFids = "vop_9p_export_fids"
    case resumed = "vop_9p_resumed"
    case lost = "vop_9p_lost"
    case answeredAgain = "vop_9p_answered_again"
    case undecided = "vop_9p_undecided"

    var kind: MetricKind {
        switch self {
        case .build: .info
        case .sessions, .waiting, .fids, .locks, .journalBytes, .exportFids: .gauge
        default: .counter
        }
    }

    var help: String {
        switch self {
        case .build: "Which program this is."
        case .sessions: "Sessions there are; with those whose client may come back."
        case .requests: "Requests answered, by the name of their message; refused ones too."
        case .errors: "Those of them that were refused with an error."
        case .malformed: "Frames that are no request."
        case .bytes: "Bytes of files that clients read and wrote."
        case .waiting: "Requests begun or in line."
        case .fids: "Fids there are."
        case .locks: "Ranges locked."
        case .journalBytes: "Bytes of the journals of the sessions there are."
        case .exportFids: "Fids there are of an export."
        case .resumed: "What was resumed of an earlier process's sessions."
        case .lost: "What could not be: such a fid answers ESTALE."
        case .answeredAgain: "Requests answered from a journal."
        case .undecided: "Requests of which nobody could say whether they were carried out: EIO."
        }
    }
}

extension ServerReport {
    /// As OpenMetrics text, with the line feed of a file's end.
    var metrics: String {
        var text = MetricsText<ServerMetric>()
        text.add(.build, ["version": Version.text], 1)
        for place in places { place.write(to: &text) }
        for export in exports { text.add(.exportFids, ["export": export.name], export.fidCount) }
        text.add(.resumed, ["what": "fid"], survival.resumedFids)
        text.add(.resumed, ["what": "lock"], survival.resumedLocks)
        text.add(.lost, ["what": "fid"], survival.lostFids)
        text.add(.lost, ["what": "lock"], survival.lostLocks)
        text.add(.answeredAgain, [:], survival.answeredAgain)
        text.add(.undecided, [:], survival.undecided)
        return text.text + "\n"
    }
}

extension ServerReport.Place {
    fileprivate func write(to text: inout MetricsText<ServerMetric>) {
        text.add(.sessions, ["place": name], sessionCount)
        for request in requests {
            text.add(.requests, ["place": name, "type": "\(request.type)"], request.answeredCount)
            text.add(.errors, ["place": name, "type": "\(request.type)"], request.errorCount)
        }
        text.add(.malformed, ["place": name], malformedCount)
        text.add(.bytes, ["place": name, "direction": "read"], bytesRead)
        text.add(.bytes, ["place": name, "direction": "written"], bytesWritten)
        text.add(.waiting, ["place": name], waitingCount)
        text.add(.fids, ["place": name], fidCount)
        text.add(.locks, ["place": name], lockCount)
        text.add(.journalBytes, ["place": name], journalByteCount)
    }
}
