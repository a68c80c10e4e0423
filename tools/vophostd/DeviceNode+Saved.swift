import ControlTree
import HostDevices
import SystemPackage

/// A device that comes back with its daemon.
extension DeviceNode {
    /// Configures a device that has just been made.
    ///
    /// - Throws: what is wrong with a setting; those before it are made.
    func restore(_ settings: [(name: String, value: String)]) throws(Refusal) {
        guard let type = settings.first(where: { $0.name == "type" })?.value else { return }
        try setType(type)
        do throws(ConfigurationError) {
            configuration = try DeviceConfiguration(settings: settings)
        } catch { throw Refusal(error) }
        for index in configuration.queueSizes.keys.sorted() where queues[index] == nil {
            adopt(queueDirectory.add("\(index)", makeQueue(index)))
        }
    }
}
