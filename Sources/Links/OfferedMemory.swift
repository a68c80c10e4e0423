import LinuxSystem
import SharedMemory
import SystemPackage

/// What one side brings to a meeting: a window of its own, and the doorbells it is rung by. Doorbells are new for each
/// meeting; the window is the earlier one's where the meeting may be resumed.
final class OfferedMemory {
    let windows: [SealedWindow]
    let doorbells: [EventCounter]

    init(_ settings: SharedMemorySettings, windows earlier: [SealedWindow] = []) throws(Errno) {
        windows =
            earlier.isEmpty
            ? [try SealedWindow(name: "vop-window", byteCount: settings.windowByteCount)] : earlier
        var counters: [EventCounter] = []
        for _ in 0..<settings.doorbellCount { counters.append(try EventCounter()) }
        doorbells = counters
    }

    var windowDescriptors: [CInt] { windows.map(\.rawDescriptor) }
    var doorbellDescriptors: [CInt] { doorbells.map(\.rawDescriptor) }
}
