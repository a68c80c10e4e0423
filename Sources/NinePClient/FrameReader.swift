internal import LinuxSystem
internal import NineP
internal import SystemPackage

/// Cuts the stream into frames. Small ones come many to a read; the rest of a large one is read into its own place.
struct FrameReader: ~Copyable {
    private static let stagingByteCount = 16_384

    private var staging = [UInt8](repeating: 0, count: FrameReader.stagingByteCount)
    private var staged = 0..<0

    init() {}

    enum Outcome {
        case frame([UInt8])
        case nothingYet
        case ended(Ending)
    }

    /// The next frame; `.nothingYet` when none has begun after `limit`. Once it has begun, `stall` bounds each wait.
    mutating func next(
        from stream: borrowing ByteStream, maximumMessageSize: UInt32, within limit: Duration?,
        stall: Duration
    ) -> Outcome {
        do throws(Errno) {
            guard try fill(from: stream, within: staged.isEmpty ? limit : stall) else {
                return .ended(.hungUp)
            }
        } catch {
            // Silence is nothing only before a frame: after a part of one nobody knows any more where the next begins.
            return error == .timedOut && staged.isEmpty ? .nothingYet : .ended(Ending(of: error))
        }
        do throws(Errno) {
            while staged.count < FrameHeader.sizeByteCount {
                guard try fill(from: stream, within: stall) else { return .ended(.hungUp) }
            }
            return try frame(from: stream, maximumMessageSize: maximumMessageSize, stall: stall)
        } catch { return .ended(Ending(of: error)) }
    }

    private mutating func frame(
        from stream: borrowing ByteStream, maximumMessageSize: UInt32, stall: Duration
    ) throws(Errno) -> Outcome {
        let byteCount: Int
        do {
            byteCount = try FrameHeader.frameByteCount(
                untrusted: staging[staged], maximumMessageSize: maximumMessageSize)
        } catch {
            return .ended(.violation("\(error)"))
        }
        let prefix = staging[staged].prefix(byteCount)
        staged = prefix.endIndex..<staged.upperBound
        return .frame(try stream.readWhole(byteCount, startingWith: prefix, within: stall))
    }

    /// Makes sure that something is staged, beyond what was if that was not enough for a size; false at the end.
    private mutating func fill(from stream: borrowing ByteStream, within limit: Duration?) throws(Errno)
        -> Bool
    {
        if staged.count >= FrameHeader.sizeByteCount { return true }
        for (target, source) in staged.enumerated() { staging[target] = staging[source] }
        staged = 0..<staged.count
        let got = try stream.read(into: &staging, from: staged.upperBound, within: limit)
        staged = 0..<staged.upperBound + got
        return got > 0
    }
}

extension Ending {
    fileprivate init(of error: Errno) { self = error == .connectionReset ? .hungUp : .system(error) }
}
