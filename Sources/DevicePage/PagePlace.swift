/// A slot's place on a page as its host wrote it down.
public struct PagePlace: Hashable, Sendable {
    public let offset: Int
    public let shape: SlotShape
    /// Its guest may still write there, so nobody else gets it.
    public let isQuarantined: Bool

    public init(offset: Int, shape: SlotShape, isQuarantined: Bool) {
        self.offset = offset
        self.shape = shape
        self.isQuarantined = isQuarantined
    }
}
