import LinuxSystem
import NineP

/// Who holds a lock: a process of a client's, as that client names them, and never beyond its own session.
struct LockOwner: Hashable, Sendable {
    /// Which call's locks they are. Linux keeps those of `fcntl` and of `flock` apart; the protocol has ranges only, so a
    /// client may say by the end of its name, as `9p-mount` does.
    enum Call: Sendable {
        case fcntl
        case flock
        /// It does not say: a lock of a whole file may be of either, and is held against both.
        case unknown
    }

    let session: ObjectIdentifier
    let client: Name
    let process: UInt32
    let call: Call

    init(session: ObjectIdentifier, client: Name, process: UInt32) {
        (self.session, self.client, self.process) = (session, client, process)
        call =
            if client.bytes.suffix(6).elementsEqual("/flock".utf8) {
                .flock
            } else if client.bytes.suffix(6).elementsEqual("/fcntl".utf8) {
                .fcntl
            } else {
                .unknown
            }
    }

    /// Whether `lock` of this owner's is held against local programs that use `flock`.
    func excludesFlock(_ lock: RangeLock) -> Bool { call == .flock || call == .unknown && lock.isWholeFile }

    /// Whether `lock` of this owner's and `other` of `owner`'s are of the same kind.
    func meets(_ owner: LockOwner, _ lock: RangeLock, _ other: RangeLock) -> Bool {
        switch (call, owner.call) {
        case (.fcntl, .flock), (.flock, .fcntl): false
        case (.unknown, .flock): lock.isWholeFile
        case (.flock, .unknown): other.isWholeFile
        default: true
        }
    }
}

extension RangeLock {
    var isWholeFile: Bool { start == 0 && length == 0 }
}
