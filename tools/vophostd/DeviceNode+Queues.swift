import ControlTree
import HostDevices
import SystemPackage
import VOPHost

/// `queues/<n>`: a known type brings them, for a number they are made and removed.
extension DeviceNode {
    func addQueue(_ name: String) throws(Refusal) -> Node {
        let index = try queueIndex(name)
        try stage { configuration throws(ConfigurationError) in try configuration.addQueue(index) }
        return makeQueue(index)
    }

    func makeQueue(_ index: Int) -> Directory {
        let queue = QueueNode(index, of: self)
        queues[index] = queue
        return queue.directory
    }

    func removeQueue(_ name: String) throws(Refusal) {
        let index = try queueIndex(name)
        try stage { configuration throws(ConfigurationError) in try configuration.removeQueue(index) }
        dropQueue(index)
    }

    /// Takes the queue's directory away; who has it open is told.
    func dropQueue(_ index: Int) {
        queues.removeValue(forKey: index)?.queue.remove()
        queueDirectory.remove("\(index)")
    }

    private func queueIndex(_ name: String) throws(Refusal) -> Int {
        guard let index = Int(name), "\(index)" == name else {
            throw Refusal(.invalidArgument, "'\(name)' is no queue; a queue's name is its index, 0 to 3")
        }
        return index
    }
}
