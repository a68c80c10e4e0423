import CopyFile
import SystemPackage
import Virtqueue

/// A chain that was taken from the driver and not completed: named by its token, held by at most one opening.
struct TakenChain {
    let chain: DescriptorChain
    /// What was delivered, and what was answered, so far.
    var reader: ChainReader
    var writer: ChainWriter
    var written: UInt32 = 0
    /// Who holds it; `nil` while it is ready for anybody.
    var holder: OpeningID?
    /// Somebody held it before and is gone.
    var wasDelivered = false
    /// What a batch of answers will make of it, while that batch is being checked.
    var plan = AnswerPlan()

    /// Checks an answer after those before it in the same batch. Changes nothing but the plan.
    mutating func plan(_ record: CopyRecord, from opening: OpeningID, in batch: UInt64) throws(Errno) {
        guard holder == opening else { throw .notPermitted }
        if plan.batch != batch { plan = AnswerPlan(batch: batch, written: written) }
        guard !plan.isComplete else { throw .alreadyInProcess }
        guard reader.remainingByteCount == 0, record.offset == plan.written else { throw .invalidArgument }
        guard record.payloadByteCount <= chain.writableByteCount - plan.written else {
            throw .messageTooLong
        }
        plan.written += record.payloadByteCount
        plan.isComplete = record.flags == .complete
    }
}

/// How far the records of one batch have come with a chain. It counts only in the batch that made it.
struct AnswerPlan {
    var batch: UInt64 = 0
    var written: UInt32 = 0
    var isComplete = false
}

/// Names an opening among all that its queue ever had.
struct OpeningID: Hashable, Sendable {
    let rawValue: UInt64
}

/// Tokens of chains that nobody holds, oldest first.
struct ReadyTokens {
    /// The oldest is last, so that taking it costs nothing.
    private var tokens: [UInt64] = []

    var isEmpty: Bool { tokens.isEmpty }
    var count: Int { tokens.count }
    var oldest: UInt64? { tokens.last }

    mutating func takeOldest() -> UInt64? { tokens.popLast() }

    mutating func remove(_ token: UInt64) {
        if let index = tokens.lastIndex(of: token) { tokens.remove(at: index) }
    }

    /// Puts a token at its place: chains come in the order in which the driver made them available.
    mutating func insert(_ token: UInt64) {
        var index = tokens.endIndex
        while index > 0, tokens[index - 1] < token { index -= 1 }
        tokens.insert(token, at: index)
    }

    var oldestFirst: ReversedCollection<[UInt64]> { tokens.reversed() }

    mutating func removeAll() { tokens.removeAll(keepingCapacity: true) }
}
