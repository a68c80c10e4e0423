public import LinuxSystem
import NineP
public import SystemPackage

/// Decides whom an attach acts as.
///
/// A server run by root becomes the attaching user for each request. One run by anybody else (or by the root of a user
/// namespace that has no other user) can only be itself:
/// attaches for other users are refused, unless all are squashed.
public struct Accounts: Sendable {
    public enum Squash: String, Sendable, CaseIterable {
        /// Everybody as they say.
        case none
        /// Root becomes the squash user.
        case root
        /// Everybody becomes the squash user.
        case all
    }

    /// Which users a client may speak for.
    public enum Trust: Sendable {
        /// The client is a system with users of its own.
        case anyUser
        /// The client is a local process of this user, and nobody else.
        case only(user: UInt32)
        /// Nobody can say who the client is: it may be squashed, and nothing else.
        case nobody
    }

    public let ofProcess: UserIdentity
    public let squash: Squash
    let squashIdentity: UserIdentity
    let becomesUsers: Bool
    /// Which of the clients' numbers are which of this system's.
    public let map: IdentityMap

    /// - Parameters:
    ///   - squashUser: by default the overflow user (65534) for root, otherwise the process's own.
    ///   - squashGroup: by default the squash user's; that group alone, if it is given.
    /// - Throws: `EPERM` for anybody but this process's own user and group, unless it is root's.
    public init(
        squash: Squash = .none, squashUser: UInt32? = nil, squashGroup: UInt32? = nil,
        map: IdentityMap = .none
    ) throws(Errno) {
        self.map = map
        ofProcess = try UserIdentity.ofProcess()
        becomesUsers = UserIdentity.mayBecomeOthers
        self.squash = squash
        let standIn: UserIdentity
        if let squashUser, squashUser != ofProcess.user {
            guard becomesUsers else { throw .notPermitted }
            standIn = try UserIdentity.of(user: squashUser)
        } else if becomesUsers, squashUser == nil {
            standIn = try UserIdentity.of(user: UserIdentity.strangersGroup)
        } else {
            standIn = ofProcess
        }
        if let squashGroup, squashGroup != standIn.group {
            guard becomesUsers else { throw .notPermitted }
            squashIdentity = UserIdentity(user: standIn.user, group: squashGroup, groups: [])
        } else {
            squashIdentity = standIn
        }
    }

    /// - Parameters:
    ///   - userNumber: n_uname, or `Protocol9P.noUserNumber` to go by `name`.
    ///   - trust: whom the client may speak for.
    /// - Throws: `EPERM` when it may not be that user, or the user has no number here, `ENOENT` when nobody has that
    ///   name; the client's fault.
    func identity(userNumber: UInt32, name: Name, trust: Trust) throws(Errno) -> UserIdentity {
        if squash == .all { return squashIdentity }
        let isNamed = userNumber == Protocol9P.noUserNumber
        // A name is looked up here, and so is a user of this system already.
        let user: UInt32
        if isNamed {
            user = try number(of: name)
        } else if squash == .root, userNumber == 0, map.serverUser(of: 0) == nil {
            user = 0
        } else {
            guard let number = map.serverUser(of: userNumber) else { throw .notPermitted }
            user = number
        }
        switch trust {
        case .anyUser: break
        case .only(let allowed): if user != allowed { throw .notPermitted }
        case .nobody: throw .notPermitted
        }
        // Their root as well as this system's.
        if squash == .root, user == 0 || !isNamed && userNumber == 0 { return squashIdentity }
        if user == ofProcess.user { return try becomesUsers ? .of(user: user) : ofProcess }
        guard becomesUsers else { throw .notPermitted }
        return try .of(user: user)
    }

    /// Whom a session of an earlier process acted as, when it was attached as `user`.
    ///
    /// - Throws: `EPERM` when this process cannot be that user.
    func identity(resumed user: UInt32) throws(Errno) -> UserIdentity {
        if user == squashIdentity.user, squash != .none { return squashIdentity }
        if user == ofProcess.user { return try becomesUsers ? .of(user: user) : ofProcess }
        guard becomesUsers else { throw .notPermitted }
        return try .of(user: user)
    }

    private func number(of name: Name) throws(Errno) -> UInt32 {
        // An ordinary user's own server has one user only: a client that names nobody means that one.
        if name.isEmpty, !becomesUsers { return ofProcess.user }
        return try UserIdentity.number(ofUserNamed: KernelText(untrusted: name.bytes, maximumByteCount: 255))
    }
}
