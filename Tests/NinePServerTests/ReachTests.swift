import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import LinuxSystem
@testable import NinePServer

/// What a confined thread asks of the kernel, as whoever has taken the server over would, by the very rules that the
/// program is held to.
@Suite(
    "4.5 (29): who has taken a confined server over",
    .enabled(
        if: !ThisProcess.hasSanitizer, "a sanitizer does things of its own: such a server is not confined"))
struct ReachTests {
    private let top = try? TestDirectory()
    private var place: String { top?.path ?? "" }

    /// Something that was tried: `nil` is success.
    private struct Attempt: Sendable {
        let what: String
        let got: Errno?
        let expected: Errno?

        init(_ what: String, _ got: Errno?, _ expected: Errno? = nil) {
            (self.what, self.got, self.expected) = (what, got, expected)
        }
    }

    /// What a call answered.
    private static func error(_ result: some SignedInteger) -> Errno? {
        result < 0 ? Errno(rawValue: errno) : nil
    }

    private static func anyError(_ result: CInt) -> Errno? { result < 0 ? .permissionDenied : nil }

    private static func starting(_ program: String) -> Errno? {
        do throws(Errno) {
            _ = try SpawnedProcess(program, [], output: 2)
            return nil
        } catch { return error }
    }

    private static func mapping(_ protection: CInt) -> Errno? {
        let mapped = unsafe mmap(nil, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard unsafe mapped != MAP_FAILED else { return Errno(rawValue: errno) }
        unsafe _ = munmap(mapped, 4096)
        return nil
    }

    private static func opening(_ path: String, _ flags: CInt) -> Errno? {
        let opened = unsafe open(path, flags | O_CLOEXEC)
        let result = error(opened)
        if opened >= 0 { close(opened) }
        return result
    }

    @Test("reaches by path what is served, as far as it is served, and nothing else")
    func files() throws {
        defer { top?.remove() }
        let top = try #require(top)
        for name in ["whole", "only", "outside", "journal"] {
            try top.makeDirectory(name)
            try TestDirectory(existing: "\(place)/\(name)").write("hello\n", to: "file")
        }
        #expect(unsafe chmod(place + "/journal", 0o700) == 0)
        var policy = Export.Policy()
        let whole = try Export(name: "whole", path: place + "/whole", policy: policy)
        policy.isReadOnly = true
        let only = try Export(name: "only", path: place + "/only", policy: policy)
        let journals = try JournalDirectory(at: place + "/journal")
        let place = place
        let attempts = try OneThread.run { () -> [Attempt] in
            let rules = try LandlockRuleset()
            try rules.allow(whole)
            try rules.allow(only)
            try rules.allow(journals)
            try rules.allowProcesses()
            try rules.enforce()
            let refused = Errno.permissionDenied
            return [
                Attempt("change", Self.opening(place + "/whole/file", O_RDWR | O_TRUNC)),
                Attempt("make", Self.opening(place + "/whole/new", O_RDWR | O_CREAT)),
                Attempt("read in ro", Self.opening(place + "/only/file", O_RDONLY)),
                Attempt("write in ro", Self.opening(place + "/only/file", O_WRONLY), refused),
                Attempt("unlink in ro", Self.error(unsafe unlink(place + "/only/file")), refused),
                Attempt("change a journal", Self.opening(place + "/journal/file", O_RDWR)),
                Attempt("read outside", Self.opening(place + "/outside/file", O_RDONLY), refused),
                Attempt("write outside", Self.opening(place + "/outside/file", O_WRONLY), refused),
                Attempt("list outside", Self.opening(place, O_RDONLY | O_DIRECTORY), refused),
                Attempt("unlink outside", Self.error(unsafe unlink(place + "/outside/file")), refused),
                Attempt("make outside", Self.error(unsafe mkdir(place + "/outside/new", 0o755)), refused),
                Attempt("read /etc", Self.opening("/etc/passwd", O_RDONLY), refused),
                Attempt("look at processes", Self.opening("/proc/self/stat", O_RDONLY)),
                Attempt("look into one", Self.opening("/proc/\(getppid())/mem", O_RDONLY), refused),
                Attempt("tune", Self.opening("/proc/sys/kernel/core_pattern", O_WRONLY), refused),
                // Which of two reasons it is refused for is the kernel's to say.
                Attempt(
                    "link in", Self.anyError(unsafe link(place + "/outside/file", place + "/whole/link")),
                    refused),
                Attempt(
                    "move out", Self.anyError(unsafe rename(place + "/whole/file", place + "/outside/taken")),
                    refused),
                Attempt(
                    "make a device",
                    Self.error(unsafe mknod(place + "/whole/device", S_IFCHR | 0o600, 0x0101)),
                    refused),
            ]
        }
        for attempt in attempts { #expect(attempt.got == attempt.expected, "\(attempt.what)") }
        #expect(try TestDirectory(existing: place + "/outside").read("file") == "hello\n")
        #expect(top.exists("whole/link") == false)
    }

    @Test("makes a server's calls, threads among them, and no other")
    func calls() throws {
        defer { top?.remove() }
        let attempts = try OneThread.run { () -> [Attempt] in
            try CallFilter.fileServing.enforce(onAllThreads: false)
            try Thread("another") { _ = getuid() }.join()
            let page = unsafe mmap(nil, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            defer { unsafe _ = munmap(page, 4096) }
            let refused = Errno.notPermitted
            return [
                Attempt("open", Self.opening("/dev/null", O_RDWR)),
                Attempt("unix socket", Self.error(socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)), refused),
                Attempt("TCP socket", Self.error(socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)), refused),
                Attempt("process", Self.starting("/bin/true"), refused),
                Attempt("another's signal", Self.error(kill(getppid(), 0)), refused),
                Attempt("own signal", Self.error(kill(getpid(), 0))),
                Attempt("root", Self.error(unsafe chroot("/")), refused),
                Attempt("mount", Self.error(unsafe mount("none", "/", nil, UInt(MS_REMOUNT), nil)), refused),
                Attempt(
                    "run memory", Self.error(unsafe mprotect(page, 4096, PROT_READ | PROT_EXEC)), refused),
                Attempt("write memory", Self.error(unsafe mprotect(page, 4096, PROT_READ | PROT_WRITE))),
                Attempt("run new memory", Self.mapping(PROT_READ | PROT_EXEC), refused),
                Attempt("map memory", Self.mapping(PROT_READ | PROT_WRITE)),
            ]
        }
        for attempt in attempts { #expect(attempt.got == attempt.expected, "\(attempt.what)") }
    }
}
