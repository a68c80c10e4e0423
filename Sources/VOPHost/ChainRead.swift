public import SharedMemory
public import SystemPackage

/// A read of a copy file or of a stream that waits for chains. It is answered once, now or later; an answer may get lost, when
/// whoever read has given up.
public protocol ChainRead: AnyObject {
    /// How many bytes were asked for.
    var byteCount: Int { get }
    /// O_NONBLOCK: what is not there at once is `EAGAIN`.
    var isNonBlocking: Bool { get }
    /// True when the reader has given up.
    var isOver: Bool { get }

    /// Answers with `header`, then with bytes straight from where they lie in `space`.
    ///
    /// - Returns: false when nobody got them.
    func reply(_ header: [UInt8], slices: [WindowSlice], of space: AddressSpace) -> Bool
    /// - Returns: as above.
    func fail(_ errno: Errno) -> Bool
}
