import LinuxSystem
import SharedMemory
import Testing

@Suite("Bytes between a socket and a window")
struct SocketTests {
    @Test("arrive whole, in ordinary memory and in device memory, at any offset", arguments: [false, true])
    func bothWays(isDeviceMemory: Bool) throws {
        let file = try MemoryFile(name: "window", byteCount: 1 << 20)
        let window = try unsafe MemoryWindow(file.map(), isDeviceMemory: isDeviceMemory)
        let pair = try Socket.pair()
        let pattern = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        window.write(pattern, at: 13)
        var (sent, filled) = (0, 0)
        let head: [UInt8] = [1, 2, 3]
        while filled < pattern.count + head.count {
            if sent < pattern.count + head.count {
                let moved = try window.send(
                    sent == 0 ? head[...] : [], thenAt: 13 + max(0, sent - 3),
                    byteCount: pattern.count - max(0, sent - 3), to: pair.near)
                if case .moved(let count) = moved { sent += count }
            }
            let moved = try window.fill(
                at: 500_001 + filled, byteCount: pattern.count + 3 - filled, from: pair.far)
            if case .moved(let count) = moved { filled += count }
        }
        #expect(window.bytes(at: 500_001, byteCount: filled) == head + pattern)
        #expect(window.load8(at: 500_000) == 0 && window.load8(at: 500_001 + filled) == 0)
    }
}
