import SharedMemory
import TestSupport

/// What the golden files of this module's structures hold.
enum Golden {
    /// A page or region as a window of its own.
    static func window(_ name: String) throws -> MemoryWindow {
        let bytes = try GoldenFile.bytes(name)
        let window = MemoryWindow.heap(byteCount: bytes.count)
        window.write(bytes, at: 0)
        return window
    }

    /// The rows of a table, below its line of names.
    static func rows(_ name: String) throws -> [[String]] {
        let text = String(decoding: try GoldenFile.bytes(name), as: UTF8.self)
        return text.split(separator: "\n").dropFirst().map { $0.split(separator: "\t").map(String.init) }
    }
}
