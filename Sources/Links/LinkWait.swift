import LinuxSystem
import SystemPackage

/// Where a link's thread waits: for what the link watches itself and for what its caller watches beside it, so that one
/// call sleeps for all of it.
struct LinkWait {
    /// Tokens from here on are the caller's descriptors; those below are the link's own.
    private static let callersToken: UInt64 = 1 << 48

    private let watched: WatchedSet
    /// Of the caller's descriptors, those that were readable when last looked.
    private(set) var ready: [CInt] = []
    /// A wait has looked since the last service.
    private(set) var hasLooked = false

    init(_ watched: WatchedSet) { self.watched = watched }

    var pollDescriptor: CInt { watched.poller.rawDescriptor }

    // MARK: What is watched

    /// Watches a descriptor of the link's own.
    func watch(_ descriptor: CInt, _ events: PollEvents, token: UInt64) throws(Errno) {
        precondition(token < Self.callersToken, "a token that belongs to the caller")
        try watched.poller.add(descriptor, events, token: token)
    }

    /// Watches a descriptor of the caller's.
    func watch(_ descriptor: CInt) throws(LinkError) {
        do throws(Errno) {
            try watched.poller.add(
                descriptor, .readable, token: Self.callersToken | UInt64(UInt32(bitPattern: descriptor)))
        } catch { throw .system(error, during: "watching descriptor \(descriptor) beside a link") }
    }

    mutating func unwatch(_ descriptor: CInt) {
        ready.removeAll { $0 == descriptor }
        do throws(Errno) { try watched.poller.remove(descriptor) } catch { return }
    }

    // MARK: Waiting

    /// Waits; `body` is told of each of the link's own tokens.
    ///
    /// - Returns: how many descriptors had something, the caller's among them.
    mutating func wait(for limit: Duration?, _ body: (UInt64) -> Void) throws(LinkError) -> Int {
        ready.removeAll(keepingCapacity: true)
        hasLooked = true
        var count = 0
        do throws(Errno) {
            try watched.poller.wait(for: limit) { event in
                count += 1
                if event.token < Self.callersToken {
                    body(event.token)
                } else {
                    ready.append(CInt(truncatingIfNeeded: event.token))
                }
            }
        } catch { throw .system(error, during: "waiting on a link") }
        return count
    }

    /// What was found is acted on: the next service looks anew, unless a wait comes first.
    mutating func served() { hasLooked = false }
}

/// The epoll set behind a link's wait.
final class WatchedSet: Sendable {
    let poller: Poller

    init() throws(Errno) { poller = try Poller() }
}
