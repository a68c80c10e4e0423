public import DevicePage
import SystemPackage
import Virtio

extension DeviceConfiguration {
    /// The device as it can be published.
    ///
    /// - Throws: `EINVAL` when something is missing or does not fit together; the sentence says what to write next.
    public func describe() throws(ConfigurationError) -> DeviceDescription {
        guard let type else {
            let names = DeviceType.names.map(\.name).joined(separator: ", ")
            throw .form("the device has no type: write \(names) or a number from 1 to 127 to type")
        }
        if let kind { try requireComplete(kind) }
        try requireQueuesInARow()
        do throws(DescriptionError) {
            return try DeviceDescription(
                type: type,
                queueSizes: queueSizes.sorted { $0.key < $1.key }.map { UInt32($0.value.rawValue) },
                offered: offered, config: configSpace)
        } catch {
            throw ConfigurationError(error.isBound ? .outOfRange : .invalidArgument, error.description)
        }
    }

    private func requireComplete(_ kind: DeviceKind) throws(ConfigurationError) {
        for attribute in kind.attributes where attribute.isRequired && value(of: attribute.name) == nil {
            throw .form(
                "a \(kind.type) device needs \(attribute.name), \(attribute.summary): "
                    + "write \(attribute.form.allowed) to it")
        }
        for names in kind.together {
            let missing = names.filter { value(of: $0) == nil }
            guard missing.isEmpty || missing.count == names.count else {
                throw .form(
                    "a \(kind.type) device needs all of \(names.joined(separator: " and ")) or none: "
                        + "write \(missing.joined(separator: " and ")) too")
            }
        }
    }

    /// Ring indices have no holes.
    private func requireQueuesInARow() throws(ConfigurationError) {
        guard let highest = queueSizes.keys.max() else { return }
        for index in 0..<highest where queueSizes[index] == nil {
            throw .form("queue \(highest) is there but queue \(index) is not: make queues/\(index) first")
        }
    }
}

extension DescriptionError {
    fileprivate var isBound: Bool {
        switch self {
        case .queueCount(0): false
        case .queueCount, .queueSize, .featureByteCount, .featuresDoNotFit, .featuresNotAllowed, .config: true
        }
    }
}
