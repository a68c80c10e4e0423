public import Virtio

/// Feature bits: what the kind and its attributes offer, unless somebody said otherwise.
extension DeviceConfiguration {
    /// Bits that may be offered in the MIC profile: the device's own (0…23, 50…63), EVENT_IDX and VERSION_1. The
    /// other transport bits promise what our rings do not do, INDIRECT_DESC and RING_PACKED first of all.
    public static let allowedFeatures = FeatureSet(
        rawValue: 0x00FF_FFFF | FeatureSet.eventIndex.rawValue | FeatureSet.version1.rawValue
            | 0xFFFC_0000_0000_0000)

    public var offered: FeatureSet {
        if let offeredInstead { return offeredInstead }
        guard let kind else { return [.version1, .eventIndex] }
        return kind.attributes.reduce(kind.features) { $0.union($1.offered(for: values[$1.name])) }
    }

    /// Offers exactly the bits of a number; the empty text goes back to the kind's own.
    ///
    /// - Throws: `EINVAL` for no number, `ERANGE` for bits that the MIC profile does not offer.
    public mutating func setOffered(_ text: String) throws(ConfigurationError) {
        guard !text.isEmpty else {
            offeredInstead = nil
            return
        }
        guard let number = UnsignedNumber(text) else {
            throw .form("\(text.quoted) is not allowed: write 64 feature bits as 0x…")
        }
        let bits = number.value.map(FeatureSet.init(rawValue:))
        guard let bits, bits.isSubset(of: Self.allowedFeatures) else {
            throw .range(
                "\(text.quoted) is not allowed: the MIC profile offers bits out of "
                    + "\(Self.allowedFeatures)")
        }
        offeredInstead = bits
    }
}
