import SystemPackage
import Virtio

/// Queues: a known type has its own, whose sizes may change; a number has those it is given.
extension DeviceConfiguration {
    /// MIC_MAX_VRINGS
    public static let maximumQueueCount = 4

    /// The queue's name in the standard, or its index.
    public func queueName(_ index: Int) -> String {
        guard let names = kind?.queueNames, names.indices.contains(index) else { return String(index) }
        return names[index]
    }

    /// - Throws: `ENOENT` without such a queue, `EINVAL` for no number, `ERANGE` for one that is no power of two or
    ///   above 128.
    public mutating func setQueueSize(_ index: Int, to text: String) throws(ConfigurationError) {
        guard queueSizes[index] != nil else {
            throw ConfigurationError(
                .noSuchFileOrDirectory, "queue \(index) is not there; the device has \(queueSizes.count)")
        }
        queueSizes[index] = try Self.queueSize(text)
    }

    /// Gives a device of a numbered type one more queue, of 128 entries.
    ///
    /// - Throws: `EPERM` for a known type, `EEXIST` when it is there, `ERANGE` for an index above 3, `EINVAL`
    ///   before there is a type.
    public mutating func addQueue(_ index: Int) throws(ConfigurationError) {
        try requireOwnQueues()
        guard (0..<Self.maximumQueueCount).contains(index) else {
            throw .range(
                "is not allowed: a device has at most \(Self.maximumQueueCount) vrings "
                    + "(MIC profile), so an index is 0 to \(Self.maximumQueueCount - 1)")
        }
        guard queueSizes[index] == nil else {
            throw ConfigurationError(.fileExists, "is there already")
        }
        queueSizes[index] = try Self.queueSize("128")
    }

    /// - Throws: `EPERM` for a known type, `ENOENT` when it is not there.
    public mutating func removeQueue(_ index: Int) throws(ConfigurationError) {
        try requireOwnQueues()
        guard queueSizes.removeValue(forKey: index) != nil else {
            throw ConfigurationError(.noSuchFileOrDirectory, "is not there")
        }
    }

    private func requireOwnQueues() throws(ConfigurationError) {
        guard let type else { throw .form("the device has no type yet: write type first, then queues") }
        guard kind == nil else {
            throw ConfigurationError(
                .notPermitted,
                "a device of type \(type) has exactly \(queueSizes.count) queues; set their size instead")
        }
    }

    static func queueSize(_ text: String) throws(ConfigurationError) -> QueueSize {
        let allowed = "write a power of two from 1 to \(QueueSize.micMaximum) (MIC profile)"
        guard let number = UnsignedNumber(text) else {
            throw .form("\(text.quoted) is not allowed: \(allowed)")
        }
        do {
            return try QueueSize(
                untrusted: UInt32(clamping: number.value ?? .max), maximum: QueueSize.micMaximum)
        } catch {
            throw .range("\(text.quoted) is not allowed: \(allowed)")
        }
    }
}
