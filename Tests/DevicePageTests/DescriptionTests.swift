import DevicePage
import Testing
import Virtio

@Suite("What may be published")
struct DescriptionTests {
    private func describe(
        queues: [UInt32] = [128], features: Int = 8, offered: UInt64 = 1 << 32, config: Int = 0
    ) throws(DescriptionError) -> DeviceDescription {
        try DeviceDescription(
            type: .net, queueSizes: queues, featureByteCount: features,
            offered: FeatureSet(rawValue: offered),
            config: [UInt8](repeating: 1, count: config))
    }

    @Test("one to four queues", arguments: 0...6)
    func queueCount(count: Int) {
        let queues = [UInt32](repeating: 16, count: count)
        if (1...4).contains(count) {
            #expect(throws: Never.self) { try describe(queues: queues) }
        } else {
            #expect(throws: DescriptionError.queueCount(count)) { try describe(queues: queues) }
        }
    }

    @Test("queue sizes are powers of two up to 128", arguments: [UInt32(0), 3, 100, 129, 256, .max])
    func queueSize(size: UInt32) {
        #expect(throws: DescriptionError.queueSize(size, queue: 1)) { try describe(queues: [128, size]) }
    }

    @Test("Q16: bitmaps have 4 to 8 bytes", arguments: [0, 3, 9, 255])
    func featureBytes(count: Int) {
        #expect(throws: DescriptionError.featureByteCount(count)) {
            try describe(features: count, offered: 0)
        }
    }

    @Test("offered bits must fit the bitmap")
    func featuresFit() {
        #expect(throws: DescriptionError.featuresDoNotFit(.version1, byteCount: 4)) {
            try describe(features: 4)
        }
        #expect(throws: Never.self) { try describe(features: 5) }
        #expect(throws: Never.self) { try describe(offered: 1 << 63) }
    }

    @Test("Q21: indirect tables and packed rings are never offered", arguments: [UInt64(1) << 28, 1 << 34])
    func neverOffered(bit: UInt64) {
        #expect(throws: DescriptionError.featuresNotAllowed(FeatureSet(rawValue: bit))) {
            try describe(offered: bit | 1)
        }
    }

    @Test("the config space gets what 256 bytes leave")
    func configRoom() {
        #expect(DeviceDescription.configMaximum(queueCount: 4, featureByteCount: 4) == 144)
        #expect(DeviceDescription.configMaximum(queueCount: 1, featureByteCount: 8) == 208)
        #expect(throws: Never.self) { try describe(config: 208) }
        #expect(throws: DescriptionError.config(209, maximum: 208)) { try describe(config: 209) }
    }

    @Test("each refusal says what is wrong, what is allowed and what to do, in one line")
    func messages() {
        let errors: [DescriptionError] = [
            .queueCount(0), .queueCount(5), .queueSize(3, queue: 1), .featureByteCount(9),
            .featuresDoNotFit(.version1, byteCount: 4), .featuresNotAllowed(.packedRing),
            .config(300, maximum: 208),
        ]
        for error in errors {
            #expect(error.description.contains("MIC profile") || error.description.contains("give 8 bytes"))
            #expect(!error.description.contains("\n") && error.description.contains(";"))
        }
    }
}
