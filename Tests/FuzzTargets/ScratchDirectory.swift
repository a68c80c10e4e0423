import Glibc
import Synchronization

/// A directory in /tmp for as long as this process lives.
enum ScratchDirectory {
    private static let made = Mutex<[String]>([])

    static func make(_ name: String) -> String {
        let path = "/tmp/vop-fuzz-\(name)-\(getpid())"
        _ = unsafe mkdir(path, 0o700)
        let isFirst = made.withLock { made in
            made.append(path)
            return made.count == 1
        }
        if isFirst { atexit { ScratchDirectory.removeAll() } }
        return path
    }

    private static func removeAll() {
        for path in made.withLock({ $0 }) { _ = unsafe system("rm -rf '\(path)'") }
    }
}
