import Glibc
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: getuid() == 0, "needs root, to become others"))
struct OtherUsersTests {
    @Test(
        "4.5 (11): set-user-ID bits go, and new files become their makers', as on a local file system",
        arguments: ["none", "mmap"])
    func setID(caching: String) throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount(["--allow-other", "--cache", caching])
        let arguments = [directory.mountPoint, directory.export, directory.base + "/local"]
        let (code, output) = try directory.check("others.py", arguments)
        #expect(code == 0, "\(output)")
        #expect(try directory.end(mount) == 0)
    }
}
