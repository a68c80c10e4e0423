import FoundationEssentials

/// The repository's golden files (`abi/golden`), by name.
public enum GoldenFile {
    public static let repository = String(#filePath.dropLast("/Tests/TestSupport/GoldenFile.swift".count))
    public static let directory = repository + "/abi/golden"

    public static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: "\(directory)/\(name)")))
    }
}
