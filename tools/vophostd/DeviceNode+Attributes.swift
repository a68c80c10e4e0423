import ControlTree
import HostDevices
import SystemPackage
import VOPHost
import Virtio

/// The device's own files, and those its type brings.
extension DeviceNode {
    func addAttributes() {
        addSettable("type", show: { $0.configuration.type?.description ?? "" }) {
            node, text throws(Refusal) in
            try node.setType(text)
        }
        addSettable("offered", show: { $0.configuration.offered.description }) { node, text throws(Refusal) in
            try node.stage { configuration throws(ConfigurationError) in try configuration.setOffered(text) }
        }
        addState("negotiated") { $0.snapshot?.negotiated?.description ?? "" }
        addState("status") { ($0.snapshot?.status ?? []).description }
        addState("state") { $0.snapshot?.state.rawValue ?? "staged" }
        addState("slot") { $0.snapshot?.slot.map(String.init) ?? "" }
        addState("fault") { $0.snapshot?.lastFault?.description ?? "" }
        addConfigSpace()
        addSettable("backend", show: { _ in "copy" }) { _, text throws(Refusal) in
            _ = try ValueFormat.choice(["copy"]).parse(text)
        }
        addPublished()
        directory.add(
            "reset",
            Attribute(mode: 0o200, show: nil) { [weak self] text, change in
                change.answer { () throws(Refusal) in
                    guard text.trimmed == "1" else {
                        throw Refusal(.invalidArgument, "'\(text)' is not 1; write 1 to reset the device")
                    }
                    try self?.reset()
                }
            })
    }

    private func addState(_ name: String, _ show: @escaping (DeviceNode) -> String) {
        let node = Attribute(mode: 0o444, show: { [weak self] in self.map(show) ?? "" })
        stateNodes.append(directory.add(name, node))
    }

    private func addSettable(
        _ name: String, show: @escaping (DeviceNode) -> String,
        set: @escaping (DeviceNode, String) throws(Refusal) -> Void
    ) {
        directory.add(
            name,
            Attribute(
                mode: 0o644, show: { [weak self] in self.map(show) ?? "" },
                change: { [weak self] text, change in
                    guard let self else { return }
                    change.answer { () throws(Refusal) in try set(self, text.trimmed) }
                }))
    }

    private func addPublished() {
        let published = Attribute(
            mode: 0o644, show: { [weak self] in self?.isPublished == true ? "1" : "0" },
            change: { [weak self] text, change in
                guard let self else { return }
                do throws(Refusal) {
                    if try ValueFormat.boolean.parse(text) {
                        try publish()
                        change.succeed()
                    } else {
                        unpublish { change.finish($0) }
                    }
                } catch { change.refuse(error) }
            })
        stateNodes.append(directory.add("published", published))
    }

    // MARK: Type

    func setType(_ text: String) throws(Refusal) {
        let before = configuration
        try stage { configuration throws(ConfigurationError) in try configuration.setType(text) }
        guard configuration.type != before.type else { return }
        for attribute in before.attributes { directory.remove(attribute.name) }
        directory.remove(Self.configSizeName)
        for index in before.queueSizes.keys { dropQueue(index) }
        for attribute in configuration.attributes { addKindAttribute(attribute.name) }
        if configuration.kind == nil { addConfigSize() }
        for index in configuration.queueSizes.keys.sorted() {
            adopt(queueDirectory.add("\(index)", makeQueue(index)))
        }
        noteChange()
    }

    private func addKindAttribute(_ name: String) {
        let node = Attribute(
            mode: 0o644, show: { [weak self] in self?.configuration.value(of: name) ?? "" },
            change: { [weak self] text, change in
                self?.setLive(change) { configuration throws(ConfigurationError) in
                    try configuration.set(name, to: text.trimmed)
                }
            })
        adopt(directory.add(name, node))
    }
}

extension PendingChange {
    func finish(_ result: Result<Void, Refusal>) {
        switch result {
        case .success: succeed()
        case .failure(let refusal): refuse(refusal)
        }
    }
}

extension String {
    /// Without blanks at either end.
    var trimmed: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
