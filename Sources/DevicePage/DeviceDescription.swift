internal import CVOP
internal import SharedMemory
public import Virtio

/// What a host wants to publish, checked against the MIC profile: a value of this type fits a slot.
public struct DeviceDescription: Hashable, Sendable {
    public let type: DeviceType
    public let queueSizes: [QueueSize]
    /// Bytes of one feature bitmap.
    public let featureByteCount: Int
    public let offered: FeatureSet
    public let config: [UInt8]

    /// Bitmaps of the MIC profile: 4 bytes are the least every guest reads, 8 hold all 64 bits.
    public static let featureByteCounts = 4...8
    /// What a MIC page must not offer: tables and rings that its hosts cannot check or lay out.
    public static let neverOffered: FeatureSet = [.indirectDescriptors, .packedRing]

    /// - Parameters:
    ///   - queueSizes: 1…4 powers of two, each at most 128.
    ///   - config: little-endian already; at most what 256 bytes leave after header, queues and features.
    /// - Throws: what is wrong, what is allowed, and what to do (the caller's fault).
    public init(
        type: DeviceType, queueSizes: [UInt32], featureByteCount: Int = 8, offered: FeatureSet,
        config: [UInt8] = []
    ) throws(DescriptionError) {
        guard (1...SlotShape.queueCountMaximum).contains(queueSizes.count) else {
            throw .queueCount(queueSizes.count)
        }
        self.type = type
        self.queueSizes = try Self.checked(queueSizes)
        guard Self.featureByteCounts.contains(featureByteCount) else {
            throw .featureByteCount(featureByteCount)
        }
        guard offered.fits(byteCount: featureByteCount) else {
            throw .featuresDoNotFit(offered, byteCount: featureByteCount)
        }
        guard offered.isDisjoint(with: Self.neverOffered) else {
            throw .featuresNotAllowed(offered.intersection(Self.neverOffered))
        }
        self.featureByteCount = featureByteCount
        self.offered = offered
        let room = Self.configMaximum(queueCount: queueSizes.count, featureByteCount: featureByteCount)
        guard config.count <= room else { throw .config(config.count, maximum: room) }
        self.config = config
    }

    /// How many config bytes a device of so many queues can have.
    public static func configMaximum(queueCount: Int, featureByteCount: Int) -> Int {
        SlotShape.descriptorMaximum
            - SlotShape(queueCount: queueCount, featureByteCount: featureByteCount, configByteCount: 0)
            .descriptorByteCount
    }

    public var shape: SlotShape {
        SlotShape(
            queueCount: queueSizes.count, featureByteCount: featureByteCount, configByteCount: config.count)
    }

    private static func checked(_ sizes: [UInt32]) throws(DescriptionError) -> [QueueSize] {
        var checked: [QueueSize] = []
        for (queue, size) in sizes.enumerated() {
            do throws(PeerViolation) {
                checked.append(try QueueSize(untrusted: size, maximum: QueueSize.micMaximum))
            } catch {
                throw .queueSize(size, queue: queue)
            }
        }
        return checked
    }
}

/// Why something is no device of the MIC profile.
public enum DescriptionError: Error, Hashable, Sendable, CustomStringConvertible {
    case queueCount(Int)
    case queueSize(UInt32, queue: Int)
    case featureByteCount(Int)
    case featuresDoNotFit(FeatureSet, byteCount: Int)
    case featuresNotAllowed(FeatureSet)
    case config(Int, maximum: Int)

    public var description: String {
        switch self {
        case .queueCount(0):
            "a device needs at least 1 queue; allowed are 1…4 (MIC profile); make queues/0 first"
        case .queueCount(let count):
            "queue count \(count) exceeds 4 (MIC profile); publish a second device for the rest"
        case .queueSize(let size, let queue):
            "queue \(queue): size \(size) is not allowed; give a power of two from 1 to 128 (MIC profile)"
        case .featureByteCount(let count):
            "feature bitmaps of \(count) bytes are not allowed; give 4 to 8 (MIC profile)"
        case .featuresDoNotFit(let features, let count):
            "features \(features) do not fit bitmaps of \(count) bytes; give 8 bytes, or fewer features"
        case .featuresNotAllowed(let features):
            "features \(features) cannot be offered (MIC profile: no INDIRECT_DESC, bit 28, no RING_PACKED, bit 34);"
                + " clear them"
        case .config(let count, let maximum):
            "\(count) bytes of config space exceed \(maximum), which is what a 256-byte descriptor leaves here"
                + " (MIC profile); give fewer, or fewer queues"
        }
    }
}
