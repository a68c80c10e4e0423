import FUSEMount
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TestSupport
import Testing

@Suite("Mounting and unmounting", .serialized)
struct MountingTests {
    private let options = MountOptions(source: "test", subtype: "test")

    @Test("a mount point that is missing, or no directory, is named in the error")
    func unusableMountPoints() throws {
        let directory = try TemporaryDirectory()
        let missing = directory.path + "/missing"
        #expect(throws: MountError.mountPointMissing(missing)) {
            _ = try FUSESession(ScriptedFilesystem(), at: missing, options)
        }
        let file = directory.path + "/file"
        try Client.write("", to: file, O_WRONLY | O_CREAT)
        defer { unsafe _ = unlink(file) }
        #expect(throws: MountError.mountPointNotADirectory(file)) {
            _ = try FUSESession(ScriptedFilesystem(), at: file, options)
        }
        #expect(
            "\(MountError.mountPointNotADirectory("/x"))"
                == "mount point /x is not a directory: choose a directory")
    }

    @Test("a mount point in use is refused, and what is there stays")
    func mountPointInUse() throws {
        let mounted = try Mounted(ScriptedFilesystem())
        defer { mounted.end() }
        #expect(throws: MountError.mountPointInUse(mounted.path)) {
            _ = try FUSESession(ScriptedFilesystem(), at: mounted.path, options)
        }
        #expect(try Client.status(mounted.path + "/held").st_size == 1 << 40)
    }

    @Test("what a killed server left is detached, and the next one mounts there")
    func deadMount() async throws {
        let directory = try TemporaryDirectory()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.path as String] in
            let session = try FUSESession(
                ScriptedFilesystem(), at: path, MountOptions(source: "test", subtype: "test"))
            kill(getpid(), SIGKILL)
            withExtendedLifetime(session) {}
        }
        #expect(mountCount(under: directory.path) == 1)
        #expect(throws: Errno.socketNotConnected) { _ = try Client.open(directory.path + "/plain", O_RDONLY) }
        let session = try FUSESession(ScriptedFilesystem(), at: directory.path, options)
        #expect(mountCount(under: directory.path) == 1)
        session.unmount()
        #expect(mountCount(under: directory.path) == 0)
    }

    @Test("a session that nobody holds unmounts itself")
    func letGo() throws {
        let directory = try TemporaryDirectory()
        var session: FUSESession? = try FUSESession(ScriptedFilesystem(), at: directory.path, options)
        #expect(session?.hasEnded == false)
        #expect(mountCount(under: directory.path) == 1)
        session = nil
        #expect(mountCount(under: directory.path) == 0)
    }

    @Test("a request answered after its session has ended reaches nobody and nothing")
    func lateAnswer() throws {
        let filesystem = ScriptedFilesystem([.directIO, .stream])
        let mounted = try Mounted(filesystem)
        defer { mounted.end() }
        let path = mounted.path + "/held"
        let reader = try Thread("reader") { _ = try? Client.read(Client.open(path, O_RDWR)) }
        try eventually("the read") { filesystem.state.withLock { !$0.held.isEmpty } }
        let held = try #require(filesystem.state.withLock { $0.held.first })
        mounted.end()
        reader.join()
        #expect(held.answer { $0.reply([1]) }?.isDelivered == false)
    }

    @Test("options show in the mount table")
    func mountTable() throws {
        let mounted = try Mounted(ScriptedFilesystem()) { options in
            options.source = "a,b c"
            options.isReadOnly = true
            options.checksPermissions = true
        }
        defer { mounted.end() }
        let table = try Client.readAll("/proc/self/mounts").split(separator: "\n")
        let line = try #require(table.first { $0.contains(" \(mounted.path) ") })
        #expect(
            line.hasPrefix("a,b\\040c ") && line.contains(" fuse.test ro,")
                && line.contains("default_permissions"))
        #expect(throws: Errno.readOnlyFileSystem) { _ = try Client.open(mounted.path + "/plain", O_RDWR) }
    }

    /// Where only root may open /dev/fuse, a private mount namespace gives an ordinary user a node of its own, and the
    /// tests, which may lie in a directory that user cannot enter.
    @Test("a fusermount3 that does not end is killed after its limit, and said to be late")
    func helperThatHangs() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            Array("#!/bin/sh\necho busy >&2\necho $$ >\"$4\"\nexec sleep 1000\n".utf8), to: "fusermount3")
        try #require(unsafe chmod(directory.file("fusermount3"), 0o755) == 0)
        // In a process of its own, whose PATH has that one alone.
        await #expect(processExitsWith: .exitCode(0)) { [path = directory.path as String] in
            unsafe setenv("PATH", "\(path):/usr/bin:/bin", 1)
            do throws(FUSEDevice.HelperFailure) {
                _ = try FUSEDevice.mountThroughHelper(
                    at: path + "/helper", options: "rw", within: .milliseconds(500))
                exit(1)
            } catch {
                exit(error.errno == .timedOut && error.text == "busy" ? 0 : 2)
            }
        }
        let text = String(decoding: try WholeFile.contents(of: directory.file("helper")), as: UTF8.self)
        let helper = try #require(pid_t(text.dropLast()))
        #expect(kill(helper, 0) == -1 && errno == ESRCH, "it is gone")
    }

    private static let asOrdinaryUser = """
        mount -t tmpfs none /mnt && mknod -m 666 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse &&
        mkdir /mnt/tests && mount --bind "$(dirname "$1")" /mnt/tests && program=/mnt/tests/$(basename "$1") && shift &&
        cd / && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$program" "$@"
        """

    private func runAsOrdinaryUser(_ filter: String) throws -> Program {
        // An ordinary user who runs the tests has shown it by the other suite already; here it is shown again.
        let line =
            ProcessOwner.user == 0
            ? "exec unshare -m --propagation private sh -c '\(Self.asOrdinaryUser)' sh \"$@\"" : "exec \"$@\""
        let executable = try FilePathOfThisProcess.read()
        return try Program.shell(line, executable, "--testing-library", "swift-testing", "--filter", filter)
    }

    @Test("an ordinary user mounts through fusermount3, and everything holds there too")
    func ordinaryUser() throws {
        let run = try runAsOrdinaryUser("FUSESessionTests|OrdinaryUserTests")
        #expect(run.isSuccess, "\(run.output)")
        #expect(run.output.contains("Test run with"))
    }
}

@Suite("Mounting as whoever runs the tests", .serialized)
struct OrdinaryUserTests {
    @Test("a mount through fusermount3 or not is gone when it is unmounted, and a dead one is detached")
    func comesAndGoes() async throws {
        let directory = try TemporaryDirectory()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.path as String] in
            let session = try FUSESession(
                ScriptedFilesystem(), at: path, MountOptions(source: "a,b", subtype: "test"))
            kill(getpid(), SIGKILL)
            withExtendedLifetime(session) {}
        }
        let session = try FUSESession(
            ScriptedFilesystem(), at: directory.path, MountOptions(source: "a,b", subtype: "test"))
        #expect(mountCount(under: directory.path) == 1)
        session.unmount()
        #expect(mountCount(under: directory.path) == 0)
    }

    @Test("a mount that the system does not permit says why")
    func notPermitted() throws {
        // Root may do all this; an ordinary user may not mount on what is not its own.
        guard ProcessOwner.user != 0 else { return }
        var failure: MountError?
        do throws(MountError) {
            _ = try FUSESession(
                ScriptedFilesystem(), at: "/usr", MountOptions(source: "test", subtype: "test"))
        } catch { failure = error }
        #expect(failure?.errno == .permissionDenied)
        #expect(failure.map { "\($0)".contains("no write access") } == true, "\(String(describing: failure))")
    }
}

enum FilePathOfThisProcess {
    static func read() throws(Errno) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        guard count > 0 else { throw Errno(rawValue: errno) }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
