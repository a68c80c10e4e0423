import Glibc

/// As whom this process acts.
public enum ProcessOwner {
    public static var user: UInt32 { geteuid() }
    public static var group: UInt32 { getegid() }
}
