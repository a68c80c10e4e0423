public import LinuxSystem
import SystemPackage

extension Socket {
    /// Waits until nobody listens at `path` any more, after a listener was let go of without a word: a process that another
    /// test is just starting has our descriptors until its exec, and listens with them.
    public static func awaitSilence(of kind: Kind, at path: String) throws {
        try eventually("the end of listening at \(path)") {
            do throws(Errno) {
                _ = try connected(kind, to: path)
                return false
            } catch { return error == .connectionRefused || error == .noSuchFileOrDirectory }
        }
    }
}
