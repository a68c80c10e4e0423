import CLinux
public import SystemPackage

/// What a descriptor is watched for, and what was seen (epoll's bits).
public struct PollEvents: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// EPOLLIN
    public static let readable = PollEvents(rawValue: 0x001)
    /// EPOLLPRI
    public static let priority = PollEvents(rawValue: 0x002)
    /// EPOLLOUT
    public static let writable = PollEvents(rawValue: 0x004)
    /// EPOLLERR; reported whether asked for or not
    public static let error = PollEvents(rawValue: 0x008)
    /// EPOLLHUP; reported whether asked for or not
    public static let hangUp = PollEvents(rawValue: 0x010)
    /// EPOLLRDHUP
    public static let peerClosed = PollEvents(rawValue: 0x2000)
    /// EPOLLET
    public static let edgeTriggered = PollEvents(rawValue: 1 << 31)
}

/// An epoll set: the one place where a loop waits. Descriptors are told apart by tokens their owner chose.
///
/// A poller's own `rawDescriptor` can be watched by another poller, so that a part with several descriptors
/// shows its runner one.
public struct Poller: ~Copyable, Sendable {
    public struct Event: Sendable {
        public let token: UInt64
        public let events: PollEvents
    }

    private let descriptor: OwnedDescriptor

    public init() throws(Errno) { descriptor = OwnedDescriptor(owning: try checked(clinux_epoll_create())) }

    public var rawDescriptor: CInt { descriptor.rawValue }

    public borrowing func add(_ watched: CInt, _ events: PollEvents, token: UInt64) throws(Errno) {
        _ = try checked(clinux_epoll_control(rawDescriptor, 1, watched, events.rawValue, token))
    }

    public borrowing func modify(_ watched: CInt, _ events: PollEvents, token: UInt64) throws(Errno) {
        _ = try checked(clinux_epoll_control(rawDescriptor, 3, watched, events.rawValue, token))
    }

    public borrowing func remove(_ watched: CInt) throws(Errno) {
        _ = try checked(clinux_epoll_control(rawDescriptor, 2, watched, 0, 0))
    }

    /// Waits for at most 64 events. `nil` waits for ever; an interrupted wait answers none.
    public borrowing func wait(for timeout: Duration?) throws(Errno) -> [Event] {
        var events: [Event] = []
        try wait(for: timeout) { events.append($0) }
        return events
    }

    /// As `wait(for:)`, without an array: `body` is called once per event.
    public borrowing func wait(for timeout: Duration?, _ body: (Event) -> Void) throws(Errno) {
        var tokens = InlineArray<64, UInt64>(repeating: 0)
        var seen = InlineArray<64, UInt32>(repeating: 0)
        var tokenSpan = tokens.mutableSpan
        var seenSpan = seen.mutableSpan
        let nanoseconds = timeout.map { max($0, .zero).nanoseconds } ?? -1
        let epoll = rawDescriptor
        // SAFETY: both buffers hold 64 entries and live for the call; the shim writes at most 64.
        let result = unsafe tokenSpan.withUnsafeMutableBufferPointer { tokenBuffer in
            unsafe seenSpan.withUnsafeMutableBufferPointer { seenBuffer in
                unsafe clinux_epoll_wait(
                    epoll, tokenBuffer.baseAddress, seenBuffer.baseAddress, 64, nanoseconds)
            }
        }
        guard result != -Errno.interrupted.rawValue else { return }
        for index in 0..<Int(try checked(result)) {
            body(Event(token: tokens[index], events: PollEvents(rawValue: seen[index])))
        }
    }
}

extension Duration {
    /// Whole nanoseconds, saturating at what 64 bits hold (292 years).
    public var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product &+ attoseconds / 1_000_000_000
    }
}
