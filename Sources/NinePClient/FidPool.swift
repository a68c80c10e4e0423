public import NineP
internal import Synchronization

/// The fids of one session: taken before the request that makes one, given back when it is clunked or was never made.
public final class FidPool: Sendable {
    private struct State {
        var next: UInt32 = 0
        var free: [UInt32] = []
    }

    private let state = Mutex(State())

    public init() {}

    public func take() -> Fid {
        state.withLock { state in
            if let fid = state.free.popLast() { return Fid(rawValue: fid) }
            defer { state.next += 1 }
            return Fid(rawValue: state.next)
        }
    }

    public func give(back fid: Fid) { state.withLock { $0.free.append(fid.rawValue) } }

    /// How many are in use.
    public var count: Int { state.withLock { Int($0.next) - $0.free.count } }
}
