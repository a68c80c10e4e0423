/// Which users and groups of the clients' are which of the server's, by ranges, as an idmapped mount has them.
///
/// ```
///   client's numbers   0 ……… 999 │ 1000 ……… 1999        0:100000:1000
///                      ▼         │
///   server's           100000 … 100999                  1000 and up are nobody's
/// ```
public struct IdentityMap: Hashable, Sendable {
    /// `count` numbers, from `client` on there and from `server` on here.
    public struct Range: Hashable, Sendable {
        public let client: UInt32
        public let server: UInt32
        public let count: UInt32

        /// - Returns: `nil` for an empty range, or one that reaches past the last number there is (all ones mean
        ///   nobody).
        public init?(client: UInt32, server: UInt32, count: UInt32) {
            guard count > 0, client <= .max - count, server <= .max - count else { return nil }
            (self.client, self.server, self.count) = (client, server, count)
        }

        fileprivate func server(of number: UInt32) -> UInt32? {
            number >= client && number - client < count ? server + (number - client) : nil
        }

        fileprivate func client(of number: UInt32) -> UInt32? {
            number >= server && number - server < count ? client + (number - server) : nil
        }

        fileprivate func overlaps(_ other: Range) -> Bool {
            func meet(_ first: UInt32, _ second: UInt32) -> Bool {
                first < second + other.count && second < first + count
            }
            return meet(client, other.client) || meet(server, other.server)
        }
    }

    /// What a number stands for that has no range: the kernel's overflow user and group.
    public static let nobody: UInt32 = 65534

    public let users: [Range]
    public let groups: [Range]

    /// Everybody is who they are.
    public static let none = IdentityMap()

    private init() { (users, groups) = ([], []) }

    /// No range for users leaves users as they are, none for groups groups.
    ///
    /// - Returns: `nil` when two ranges of a kind overlap, there or here.
    public init?(users: [Range], groups: [Range]) {
        guard Self.areDisjoint(users), Self.areDisjoint(groups) else { return nil }
        (self.users, self.groups) = (users, groups)
    }

    private static func areDisjoint(_ ranges: [Range]) -> Bool {
        ranges.indices.allSatisfy { index in !ranges[..<index].contains { $0.overlaps(ranges[index]) } }
    }

    /// `nil` for one that has no range.
    func serverUser(of user: UInt32) -> UInt32? { Self.server(of: user, users) }
    func serverGroup(of group: UInt32) -> UInt32? { Self.server(of: group, groups) }
    func clientUser(of user: UInt32) -> UInt32 { Self.client(of: user, users) }
    func clientGroup(of group: UInt32) -> UInt32 { Self.client(of: group, groups) }

    private static func server(of number: UInt32, _ ranges: [Range]) -> UInt32? {
        if ranges.isEmpty { return number }
        for range in ranges { if let server = range.server(of: number) { return server } }
        return nil
    }

    private static func client(of number: UInt32, _ ranges: [Range]) -> UInt32 {
        if ranges.isEmpty { return number }
        for range in ranges { if let client = range.client(of: number) { return client } }
        return nobody
    }

    // MARK: Access lists

    /// The value of a `system.posix_acl_*` attribute as a client sees it.
    func clientAccessList(of value: [UInt8]) -> [UInt8] {
        mapped(value, { clientUser(of: $0) }, { clientGroup(of: $0) }) ?? value
    }

    /// The other way; `nil` when it names somebody who has no range.
    func serverAccessList(of value: [UInt8]) -> [UInt8]? {
        mapped(value, serverUser, serverGroup)
    }

    /// Linux's form: a version, then entries of tag[2] permissions[2] number[4]. What has another form stays as it is:
    /// the file system judges it.
    private func mapped(
        _ value: [UInt8], _ user: (UInt32) -> UInt32?, _ group: (UInt32) -> UInt32?
    ) -> [UInt8]? {
        let (headerByteCount, entryByteCount) = (4, 8)
        guard self != .none, value.count >= headerByteCount,
            (value.count - headerByteCount).isMultiple(of: entryByteCount)
        else { return value }
        var mapped = value
        for start in stride(from: headerByteCount, to: value.count, by: entryByteCount) {
            let number = value[start + 4..<start + 8].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let new: UInt32?
            switch (value[start], value[start + 1]) {
            case (0x02, 0): new = user(number)
            case (0x08, 0): new = group(number)
            default: continue
            }
            guard let new else { return nil }
            for byte in 0..<4 { mapped[start + 4 + byte] = UInt8(truncatingIfNeeded: new >> (8 * byte)) }
        }
        return mapped
    }
}
