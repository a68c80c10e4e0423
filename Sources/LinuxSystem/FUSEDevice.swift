import CLinux
public import SystemPackage

/// The door to /dev/fuse and to the two ways of mounting what is behind it.
public enum FUSEDevice {
    /// How long the helper may take: it asks the kernel, and the file system the mount point lies in.
    public static let helperLimit = Duration.seconds(30)

    /// A helper's failure: the errno and what it printed.
    public struct HelperFailure: Error {
        /// `EIO`: it ran and refused; `ENOENT`: it is not installed; `ETIMEDOUT`: it did not end in time, and was killed.
        public let errno: Errno
        public let text: String
    }

    /// Opens /dev/fuse, non-blocking.
    public static func open() throws(Errno) -> OwnedDescriptor {
        OwnedDescriptor(owning: try checked(clinux_open_fuse()))
    }

    /// `mount(2)`, which needs CAP_SYS_ADMIN.
    public static func mount(
        source: String, at target: String, type: String, flags: UInt, options: String
    ) throws(Errno) {
        _ = try checked(unsafe clinux_mount(source, target, type, flags, options))
    }

    /// Mounts through the setuid helper, which passes the open device back.
    public static func mountThroughHelper(
        at target: String, options: String, within limit: Duration = helperLimit
    ) throws(HelperFailure) -> OwnedDescriptor {
        let (result, text) = unsafe withText { buffer, capacity in
            unsafe clinux_fusermount(target, options, milliseconds(limit), buffer, capacity)
        }
        guard result >= 0 else { throw HelperFailure(errno: Errno(rawValue: -result), text: text) }
        return OwnedDescriptor(owning: result)
    }

    /// Takes the mount out of the tree at once; what is still open there ends when it is closed.
    public static func detach(_ target: String) throws(Errno) {
        do throws(Errno) {
            _ = try checked(unsafe clinux_detach(target))
        } catch {
            guard error == .notPermitted else { throw error }
            let (result, _) = unsafe withText { buffer, capacity in
                unsafe clinux_fusermount_detach(target, milliseconds(helperLimit), buffer, capacity)
            }
            _ = try checked(result)
        }
    }

    private static func milliseconds(_ limit: Duration) -> CInt {
        CInt(clamping: limit.nanoseconds / 1_000_000)
    }

    /// True when the mount behind the device is gone already.
    public static func hasEnded(_ device: CInt) -> Bool { clinux_fuse_has_ended(device) == 1 }

    /// Ends the connection behind `device` at once. The number stays taken, by nothing, until it is closed; so a late
    /// reply cannot reach a stranger's file.
    public static func sever(_ device: CInt) { _ = clinux_sever(device) }

    @unsafe
    private static func withText(
        _ body: (UnsafeMutablePointer<CChar>?, Int) -> CInt
    ) -> (result: CInt, text: String) {
        var bytes = [CChar](repeating: 0, count: 1024)
        // SAFETY: the array's own storage with its own count; the shim ends the string within it.
        let result = unsafe bytes.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress, $0.count) }
        let text = String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return (result, text)
    }
}
