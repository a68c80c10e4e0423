import Virtio

/// One attribute of a kind of device: a file of that name in the control tree, a field of config space, a feature
/// bit, or both.
public struct DeviceAttribute: Sendable {
    public let name: String
    /// What it is and in which unit, for documentation.
    public let summary: String
    public let form: AttributeForm
    /// Where its bytes lie in config space.
    let offset: Int
    /// Offered when it is set (for a flag: set to 1).
    let features: FeatureSet
    /// Its value until somebody sets one.
    public let initial: String?
    /// A device without it is incomplete.
    public let isRequired: Bool

    init(
        _ name: String, _ summary: String, _ form: AttributeForm, at offset: Int = 0,
        features: FeatureSet = [],
        initial: String? = nil, isRequired: Bool = false
    ) {
        self.name = name
        self.summary = summary
        self.form = form
        self.offset = offset
        self.features = features
        self.initial = initial
        self.isRequired = isRequired
    }

    /// The feature bits that `value` offers.
    func offered(for value: String?) -> FeatureSet {
        switch (form, value) {
        case (_, nil), (.flag, "0"): []
        default: features
        }
    }
}
