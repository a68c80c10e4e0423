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
    }

    public let ofProcess: UserIdentity
    public let squash: Squash
    let squashIdentity: UserIdentity
    let becomesUsers: Bool

    /// - Parameter squashUser: by default the overflow user (65534) for root, otherwise the process's own.
    public init(squash: Squash = .none, squashUser: UInt32? = nil) throws(Errno) {
        ofProcess = try UserIdentity.ofProcess()
        becomesUsers = UserIdentity.mayBecomeOthers
        self.squash = squash
        if let squashUser, squashUser != ofProcess.user {
            guard becomesUsers else { throw .notPermitted }
            squashIdentity = try UserIdentity.of(user: squashUser)
        } else if becomesUsers, squashUser == nil {
            squashIdentity = try UserIdentity.of(user: UserIdentity.strangersGroup)
        } else {
            squashIdentity = ofProcess
        }
    }

    /// - Parameters:
    ///   - userNumber: n_uname, or `Protocol9P.noUserNumber` to go by `name`.
    ///   - trust: whom the client may speak for.
    /// - Throws: `EPERM` when it may not be that user, `ENOENT` when nobody has that name; the client's fault.
    func identity(userNumber: UInt32, name: Name, trust: Trust) throws(Errno) -> UserIdentity {
        if squash == .all { return squashIdentity }
        let user = userNumber == Protocol9P.noUserNumber ? try number(of: name) : userNumber
        if case .only(let allowed) = trust, user != allowed { throw .notPermitted }
        if squash == .root, user == 0 { return squashIdentity }
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
