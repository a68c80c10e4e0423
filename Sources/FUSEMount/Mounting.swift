internal import LinuxSystem
internal import SystemPackage

/// Mounts by itself where it may and through fusermount3 where it may not, and so knows why it failed; libfuse is handed the
/// open device.
enum Mounting {
    static func mount(at path: String, _ options: MountOptions) throws(MountError) -> OwnedDescriptor {
        try prepare(path)
        let device: OwnedDescriptor
        do throws(Errno) { device = try FUSEDevice.open() } catch { throw deviceError(error) }
        do throws(Errno) {
            try FUSEDevice.mount(
                source: options.source, at: path, type: "fuse.\(options.subtype)", flags: options.flags,
                options: options.systemOptions(
                    device: device.rawValue, user: ProcessOwner.user, group: ProcessOwner.group))
            return device
        } catch {
            guard error == .notPermitted else { throw .notPermitted(path, reason: "mount: \(error)") }
        }
        do throws(FUSEDevice.HelperFailure) {
            return try FUSEDevice.mountThroughHelper(at: path, options: options.helperOptions)
        } catch {
            if error.errno == .noSuchFileOrDirectory { throw .helperMissing }
            if error.errno == .timedOut {
                throw .notPermitted(
                    path, reason: "fusermount3 did not end within \(FUSEDevice.helperLimit) and was killed")
            }
            throw .notPermitted(path, reason: error.text.isEmpty ? "fusermount3: \(error.errno)" : error.text)
        }
    }

    /// Unmounts unless somebody has already, the connection first: nothing asks a server that no longer answers. What cannot
    /// be unmounted is dead, and the next start takes it away.
    static func unmount(_ path: String, device: CInt) {
        let hasEnded = FUSEDevice.hasEnded(device)
        FUSEDevice.sever(device)
        // A caller that must know detaches by itself first, and hears why it fails.
        if !hasEnded { try? FUSEDevice.detach(path) }
    }

    /// The mount point must be a directory that nothing is mounted on. What a dead server left there is taken away.
    fileprivate static func prepare(_ path: String) throws(MountError) {
        let status: MountPointStatus
        do throws(Errno) {
            status = try MountPointStatus(of: path)
        } catch {
            guard error == .socketNotConnected || error == .connectionAbort else {
                throw mountPointError(path, error)
            }
            do throws(Errno) { try FUSEDevice.detach(path) } catch { throw .mountPointUnusable(path, error) }
            return try prepare(path)
        }
        guard status.isDirectory else { throw .mountPointNotADirectory(path) }
        guard !status.isMountRoot else { throw .mountPointInUse(path) }
    }

    private static func mountPointError(_ path: String, _ errno: Errno) -> MountError {
        switch errno {
        case .noSuchFileOrDirectory: .mountPointMissing(path)
        case .notDirectory: .mountPointNotADirectory(path)
        default: .mountPointUnusable(path, errno)
        }
    }

    private static func deviceError(_ errno: Errno) -> MountError {
        switch errno {
        case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .noSuchAddressOrDevice: .deviceMissing
        case .permissionDenied, .notPermitted: .deviceForbidden
        default: .refused("/dev/fuse: \(errno)")
        }
    }
}

/// A place to mount on, before there is anything to mount.
public enum MountPoint {
    /// Mounting there would find a directory that nothing is mounted on. What a dead server left there is taken away.
    public static func check(_ path: String) throws(MountError) { try Mounting.prepare(path) }
}
