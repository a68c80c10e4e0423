import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A server that is there and says nothing, as one that was stopped, or a device that nobody serves any more.
@Suite(.serialized) struct SilentServerTests {
    @Test("it is lost in time: who waits for it gets EIO, and the mount ends and says why")
    func stopped() throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount(["--silence", "2", "--reconnect", "1"])
        directory.server.signal(SIGSTOP)
        let waiting = try Program("/bin/ls", [directory.mountPoint], in: directory.base)
        #expect(try waiting.exitCode() != 0)
        #expect(waiting.output.contains("Input/output error"), "\(waiting.output)")
        #expect(try mount.exitCode() != 0)
        #expect(mount.output.contains("has said nothing for 2"), "\(mount.output)")
        #expect(!directory.isMounted)
        directory.server.signal(SIGCONT)
    }
}
