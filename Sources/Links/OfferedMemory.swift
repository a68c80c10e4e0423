import LinuxSystem
import SharedMemory
import SystemPackage

/// A sealed memory file of ours, mapped, with the descriptor that a peer is given.
final class SealedWindow {
    let window: MemoryWindow
    private let file: MemoryFile

    init(name: String, byteCount: Int) throws(Errno) {
        file = try MemoryFile(name: name, byteCount: byteCount)
        window = unsafe MemoryWindow(try file.map())
    }

    var rawDescriptor: CInt { file.descriptor.rawValue }
}

/// What one side brings to a meeting: a window of its own, and the doorbells it is rung by. Each meeting gets new ones.
final class OfferedMemory {
    let window: MemoryWindow
    let doorbells: [EventCounter]
    private let memory: SealedWindow

    init(_ settings: SharedMemorySettings) throws(Errno) {
        memory = try SealedWindow(name: "vop-window", byteCount: settings.windowByteCount)
        window = memory.window
        var counters: [EventCounter] = []
        for _ in 0..<settings.doorbellCount { counters.append(try EventCounter()) }
        doorbells = counters
    }

    var windowDescriptors: [CInt] { [memory.rawDescriptor] }
    var doorbellDescriptors: [CInt] { doorbells.map(\.rawDescriptor) }
}
