/// Numbers of the protocol that are no field of a message.
public enum Protocol9P {
    /// The version string of this dialect.
    public static let version: Name = "9P2000.L"
    /// What a server answers to a version it does not speak.
    public static let unknownVersion: Name = "unknown"
    /// P9_MAXWELEM: names in one walk.
    public static let maximumWalkNames = 16
    /// The smallest msize the Linux client accepts.
    public static let minimumMessageSize: UInt32 = 4096
    /// P9_IOHDRSZ: what the Linux client subtracts from msize for the payload of a write.
    public static let payloadHeaderByteCount: UInt32 = 24
    /// Bytes before the payload of `Rread` and `Rreaddir`: size, type, tag, count.
    public static let readReplyHeaderByteCount = 11
    /// Bytes before the payload of `Twrite`: size, type, tag, fid, offset, count.
    public static let writeRequestHeaderByteCount = 23
    /// P9_NONUNAME: attach goes by the user's name, not by number.
    public static let noUserNumber: UInt32 = 0xFFFF_FFFF
}
