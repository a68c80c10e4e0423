import CLinux
public import SystemPackage

/// The door to /dev/fuse and to the two ways of mounting what is behind it.
public enum FUSEDevice {
    /// A helper's failure: the errno and what it printed.
    public struct HelperFailure: Error {
        /// `EIO`: it ran and refused; `ENOENT`: it is not installed.
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
    public static func mountThroughHelper(at target: String, options: String) throws(HelperFailure)
        -> OwnedDescriptor
    {
        let (result, text) = unsafe withText { buffer, capacity in
            unsafe clinux_fusermount(target, options, buffer, capacity)
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
                unsafe clinux_fusermount_detach(target, buffer, capacity)
            }
            _ = try checked(result)
        }
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
