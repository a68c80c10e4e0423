extension CopyQueue {
    /// A queue for the device's next time on the page: no token of this one is given out again.
    public func successor() -> CopyQueue {
        CopyQueue(firstToken: nextToken, record: record, counters: counters)
    }
}
