extension RawSpan {
    /// The bytes as an array of the caller's own.
    // SAFETY: a span's memory is good and holds still for as long as the span is there; it is copied before that ends.
    public var copied: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
