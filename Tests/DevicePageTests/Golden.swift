import FoundationEssentials
import SharedMemory

/// The repository's golden files, by name.
enum Golden {
    static let repository = String(#filePath.dropLast("/Tests/DevicePageTests/Golden.swift".count))
    static let directory = repository + "/abi/golden"

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(directory)/\(name)")))
    }

    /// A page or region as a window of its own.
    static func window(_ name: String) throws -> MemoryWindow {
        let bytes = try bytes(name)
        let window = MemoryWindow.heap(byteCount: bytes.count)
        window.write(bytes, at: 0)
        return window
    }

    /// The rows of a table, below its line of names.
    static func rows(_ name: String) throws -> [[String]] {
        let text = String(decoding: try bytes(name), as: UTF8.self)
        return text.split(separator: "\n").dropFirst().map { $0.split(separator: "\t").map(String.init) }
    }
}
