import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct DirectoryClaimTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func claim(by holder: String) throws(DirectoryClaim.Failure) -> DirectoryClaim {
        try DirectoryClaim(of: directory.file("claimed"), by: holder)
    }

    @Test("a directory is one's at a time: the second hears whose, and has it once the first has let go")
    func oneAtATime() throws {
        var first: DirectoryClaim? = try claim(by: "the first")
        #expect(throws: DirectoryClaim.Failure.held(by: "the first")) { try claim(by: "the second") }
        #expect(first != nil)
        first = nil
        // A process that another test is just starting has our descriptors for a moment.
        var taken: DirectoryClaim?
        try eventually("the claim that was let go") {
            do throws(DirectoryClaim.Failure) {
                taken = try claim(by: "the second")
                return true
            } catch { return false }
        }
        let second = try #require(taken)
        #expect(throws: DirectoryClaim.Failure.held(by: "the second")) { try claim(by: "the third") }
        withExtendedLifetime(second) {}
    }

    @Test("a process that is killed lets go, and its line does not count any more")
    func killed() async throws {
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = directory.file("claimed") as String] in
            let claim = try DirectoryClaim(of: path, by: "the killed one")
            kill(getpid(), SIGKILL)
            withExtendedLifetime(claim) {}
        }
        let next = try claim(by: "the next")
        #expect(try directory.text("claimed.lock") == "the next\n")
        withExtendedLifetime(next) {}
    }

    @Test("where there is no room for the lock, that is said")
    func missing() throws {
        #expect(throws: DirectoryClaim.Failure.system(.noSuchFileOrDirectory)) {
            try DirectoryClaim(of: directory.file("none/directory"), by: "somebody")
        }
    }
}
