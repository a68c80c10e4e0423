import Glibc
import LinuxSystem
import SystemPackage
import Testing

@testable import SharedMemory

/// Pages that vanish under a mapping, by a real truncation, each in a process of its own.
@Suite struct VanishedWindowTests {
    /// A file whose mapping can be taken away: in memory, with no name.
    struct Truncatable: ~Copyable {
        static let byteCount = 4 * 4096
        private static let temporaryFile: CInt = 0o20200000
        let descriptor: OwnedDescriptor

        init() throws {
            let opened = unsafe open("/dev/shm", Self.temporaryFile | O_RDWR | O_CLOEXEC, 0o600)
            guard opened >= 0, ftruncate(opened, Self.byteCount) == 0 else { throw Errno(rawValue: errno) }
            descriptor = OwnedDescriptor(owning: opened)
        }

        borrowing func map(mayVanish: Bool) throws -> MemoryWindow {
            try unsafe MemoryWindow(
                Mapping(of: descriptor.rawValue, byteCount: Self.byteCount, mayVanish: mayVanish))
        }

        borrowing func truncate() { precondition(ftruncate(descriptor.rawValue, 4096) == 0) }
    }

    @Test(
        "a window that is truncated under us reads as zeros from then on, takes what is written, and says so")
    func truncated() async {
        await #expect(processExitsWith: .success) {
            let file = try Truncatable()
            let other = try Truncatable()
            let (window, untouched) = (try file.map(mayVanish: true), try other.map(mayVanish: true))
            for window in [window, untouched] { window.store32(7, at: 4096) }
            let before = MemoryWindow.lossCount
            file.truncate()
            precondition(!window.hasVanished && MemoryWindow.lossCount == before)
            precondition(window.load32(at: 4096) == 0)
            precondition(window.hasVanished && MemoryWindow.lossCount == before + 1)
            window.store32(9, at: 3 * 4096)
            precondition(window.bytes(at: 3 * 4096, byteCount: 4) == [9, 0, 0, 0])
            precondition(!untouched.hasVanished && untouched.load32(at: 4096) == 7)
        }
    }

    @Test("every kind of access survives: single, copied, zeroed", arguments: 0...5)
    func accesses(kind: Int) async {
        await #expect(processExitsWith: .success) { [kind] in
            let file = try Truncatable()
            let window = try file.map(mayVanish: true)
            file.truncate()
            switch kind {
            case 0: window.store8(1, at: 4097)
            case 1: precondition(window.loadAcquiring64(at: 8192) == 0)
            case 2: precondition(window.bytes(at: 0, byteCount: 16384).allSatisfy { $0 == 0 })
            case 3: window.write([UInt8](repeating: 1, count: 8192), at: 4000)
            case 4: window.zero(at: 0, byteCount: 16384)
            default: precondition(window.copyWords(at: 4090) == (0, 0))
            }
            precondition(window.hasVanished)
        }
    }

    @Test(
        "what the kernel is lent and cannot reach is an error of that call, and says that the window vanished"
    )
    func lent() async {
        await #expect(processExitsWith: .success) {
            let file = try Truncatable()
            let window = try file.map(mayVanish: true)
            var ends: [CInt] = [-1, -1]
            precondition(unsafe socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0)
            let one = Socket(owning: OwnedDescriptor(owning: ends[0]))
            file.truncate()
            do throws(Errno) {
                _ = try window.send([], thenAt: 4096, byteCount: 4096, to: one)
                preconditionFailure("it was sent")
            } catch { precondition(error == .badAddress) }
            precondition(window.hasVanished)
        }
    }

    @Test("a guarded window that is gone leaves nothing guarded in its place")
    func unguarded() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let file = try Truncatable()
            do { _ = try file.map(mayVanish: true) }
            let bare = try file.map(mayVanish: false)
            file.truncate()
            _ = bare.load32(at: 4096)
        }
    }

    @Test("outside every window a SIGBUS stays fatal")
    func elsewhere() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let file = try Truncatable()
            let other = try Truncatable()
            let window = try file.map(mayVanish: true)
            let bare = try other.map(mayVanish: false)
            other.truncate()
            _ = bare.load32(at: 4096)
            withExtendedLifetime(window) {}
        }
    }

    @Test("a SIGBUS that somebody sends stays fatal")
    func sent() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            let window = try Truncatable().map(mayVanish: true)
            kill(getpid(), SIGBUS)
            // Any thread may be the one that takes it.
            sleep(60)
            withExtendedLifetime(window) {}
        }
    }
}
