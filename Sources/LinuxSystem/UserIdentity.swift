import CLinux
public import SystemPackage

/// Whom files are reached as: a user, its primary group and its supplementary groups.
public struct UserIdentity: Hashable, Sendable {
    public let user: UInt32
    public let group: UInt32
    public let groups: [UInt32]

    public init(user: UInt32, group: UInt32, groups: [UInt32]) {
        (self.user, self.group, self.groups) = (user, group, groups)
    }

    /// The group of those the user database does not know (the kernel's overflow group).
    public static let strangersGroup: UInt32 = 65534

    /// This process's own.
    public static func ofProcess() throws(Errno) -> UserIdentity {
        let groups = try unsafe groupList { unsafe clinux_own_groups($0, Int(CLINUX_GROUPS_MAX)) }
        return UserIdentity(user: clinux_effective_user(), group: clinux_effective_group(), groups: groups)
    }

    /// Whom the calling thread reaches files as.
    public static func ofThread() throws(Errno) -> UserIdentity {
        let groups = try unsafe groupList { unsafe clinux_own_groups($0, Int(CLINUX_GROUPS_MAX)) }
        return UserIdentity(
            user: clinux_file_access_user(), group: clinux_file_access_group(), groups: groups)
    }

    /// Does `body` as this user in the calling thread, which is afterwards whom it was before.
    ///
    /// - Throws: what `body` throws; `EPERM` when the thread may not become that user.
    public func acting<Result>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        let before = try UserIdentity.ofThread()
        guard before != self else { return try body() }
        defer {
            do throws(Errno) { try before.assume() } catch {
                // It would go on with rights that are not for whom it serves.
                fatalError("a thread cannot be user \(before.user) again: \(error)")
            }
        }
        try assume()
        return try body()
    }

    /// Whether this process may act as other users. Root may, but not root of a user namespace that holds one user alone.
    public static var mayBecomeOthers: Bool { clinux_may_become_others() != 0 }

    /// As the user database has it; a number it does not know has no groups.
    public static func of(user: UInt32) throws(Errno) -> UserIdentity {
        do {
            let entry = try UserDatabase.entry(of: user)
            return UserIdentity(user: user, group: entry.group, groups: entry.groups)
        } catch Errno.noSuchFileOrDirectory {
            return UserIdentity(user: user, group: strangersGroup, groups: [])
        }
    }

    /// The number of the user called `name`.
    ///
    /// - Throws: `ENOENT` when nobody is.
    public static func number(ofUserNamed name: KernelText) throws(Errno) -> UInt32 {
        try UserDatabase.number(of: name)
    }

    public func isMember(of group: UInt32) -> Bool {
        user == 0 || self.group == group || groups.contains(group)
    }

    /// From now on the calling thread reaches files as this user: with root's rights if it is root, else with no
    /// capability at all. Other threads are not touched.
    ///
    /// - Throws: `EPERM` when this process may not become that user.
    public func assume() throws(Errno) {
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        _ = try checked(
            unsafe groups.withUnsafeBufferPointer {
                unsafe clinux_assume_identity(user, group, $0.baseAddress, $0.count)
            })
    }

    static func groupList(
        _ fill: (UnsafeMutablePointer<UInt32>?) -> CInt
    ) throws(Errno) -> [UInt32] {
        var count: CInt = 0
        let groups = unsafe [UInt32](unsafeUninitializedCapacity: Int(CLINUX_GROUPS_MAX)) { buffer, filled in
            // SAFETY: the shim writes at most CLINUX_GROUPS_MAX entries, the size of this storage.
            count = unsafe fill(buffer.baseAddress)
            filled = max(0, Int(count))
        }
        _ = try checked(count)
        return Array(groups)
    }
}
