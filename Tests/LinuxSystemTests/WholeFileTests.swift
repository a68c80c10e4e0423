import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite struct WholeFileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test("a FIFO where a file should be is an error: nobody waits for its writer", .timeLimit(.minutes(5)))
    func pipe() throws {
        // SAFETY: a string of this process, lent for the call; here and below.
        let made = unsafe mkfifo(directory.file("pipe"), 0o600)
        try #require(made == 0)
        #expect(throws: Errno.illegalSeek) { try WholeFile.contents(of: directory.file("pipe")) }
    }

    @Test("a file may be put where nothing is, and in a regular file's place: in that of nothing else")
    func places() throws {
        let (file, link) = (directory.file("file"), directory.file("link"))
        #expect(WholeFile.mayBePut(at: file))
        try WholeFile.replace(file, with: [1], isDurable: false)
        #expect(WholeFile.mayBePut(at: file))
        let linked = unsafe symlink(file, link)
        let made = unsafe mkfifo(directory.file("pipe"), 0o600)
        try #require(linked == 0 && made == 0)
        for other in [link, directory.file("pipe"), directory.path, "/dev/null"] {
            #expect(!WholeFile.mayBePut(at: other), "\(other)")
        }
    }
}
