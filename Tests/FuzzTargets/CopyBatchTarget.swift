import CopyFile

extension FuzzTarget {
    /// A batch as a backend writes it, and as one reads it.
    ///
    /// Input: a direction, then the batch.
    static let copyBatch = FuzzTarget(name: "copy-batch") { bytes in
        let batch = Array(bytes.dropFirst())
        let direction: CopyDirection = (bytes.first ?? 0) & 1 == 0 ? .toDevice : .toBackend
        var reader = BatchReader(direction)
        do throws(BatchError) {
            try reader.read(batch.span)
        } catch {
            require(!error.description.isEmpty, "a refusal has a sentence")
            return
        }
        require(reader.byteCount <= batch.count, "a batch ends inside what was given")
        require(reader.records.count <= CopyLimits.recordCount, "a batch has so many records at most")
        var next = CopyLimits.headerByteCount(recordCount: reader.records.count)
        for record in reader.records {
            require(record.payload.lowerBound == next, "payloads follow each other")
            require(
                record.payload.count == Int(record.header.payloadByteCount), "a payload is as long as said")
            next = record.payload.upperBound
        }
        require(next == reader.byteCount, "the last payload ends the batch")
    }
}
