/// Bytes that lie in several places, for a call that gathers them.
extension AddressSpace {
    /// Lends slices to a system call that reads them (`writev`): the kernel copies, so nobody here looks at bytes that may
    /// change. What lies in device memory is copied out first, in aligned words.
    @unsafe
    public func lendGathered<Result>(
        _ slices: [WindowSlice], _ body: ([UnsafeRawBufferPointer]) -> Result
    ) -> Result {
        var bounced = unsafe [UnsafeMutableRawBufferPointer]()
        defer { unsafe bounced.forEach { unsafe $0.deallocate() } }
        let pieces = unsafe slices.map { slice -> UnsafeRawBufferPointer in
            let window = window(of: slice)
            guard window.isDeviceMemory else {
                // SAFETY: the window's owner keeps it mapped, and `self` keeps the owner until `body` has returned.
                return unsafe window.lend(at: slice.offset, byteCount: slice.byteCount, crossesAs: .read) {
                    bytes in
                    UnsafeRawBufferPointer(bytes)
                }
            }
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: slice.byteCount, alignment: 8)
            unsafe bounced.append(copy)
            unsafe copy.copyBytes(from: window.bytes(at: slice.offset, byteCount: slice.byteCount))
            return UnsafeRawBufferPointer(copy)
        }
        return withExtendedLifetime(self) { unsafe body(pieces) }
    }
}
