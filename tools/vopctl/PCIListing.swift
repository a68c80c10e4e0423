import DevicePage
import PCILinks

/// The bus as a table and as a document.
struct PCIListing {
    var candidates: [LinkCandidate]
    var others: [PCIFunction]

    func narrowed(to address: PCIAddress) throws(Failure) -> PCIListing {
        let listing = PCIListing(
            candidates: candidates.filter { $0.function.address == address },
            others: others.filter { $0.address == address })
        guard listing.candidates.isEmpty else { return listing }
        guard let other = listing.others.first else {
            let there = (candidates.map(\.function.address) + others.map(\.address)).sorted()
            throw Failure(
                .notFound, "\(PCIError.noSuchFunction(address, there: there))", object: "\(address)")
        }
        throw Failure(
            .notFound,
            "\(address) is \(other.identity), which no rule knows; write one, see Documentation/pci-links.md",
            object: "\(address)")
    }

    func output(_ options: GlobalOptions, isDump: Bool) -> Output {
        var text = table(options)
        if !isDump {
            for candidate in candidates { text += candidate.advice }
        }
        if options.details, !others.isEmpty { text += "\n" + othersTable(options) }
        return Output(
            text,
            .document([
                "functions": .array(candidates.map(\.document)),
                "others": .array(
                    others.map {
                        .object([
                            "address": .string("\($0.address)"), "id": .string($0.identity),
                            "class": .string($0.classText), "fault": $0.fault.map(JSONValue.string) ?? .null,
                        ])
                    }),
            ]))
    }

    private func table(_ options: GlobalOptions) -> String {
        let rows = candidates.map { each in
            [
                "\(each.function.address)", each.function.identity, each.rule.name, each.memoryText,
                "\(each.function.msix?.vectorCount ?? 0)", each.driverText, each.binding?.group ?? "",
                each.accessText,
            ]
        }
        return Tables.text(
            [
                .left("FUNCTION"), .left("ID"), .left("RULE"), .right("MEMORY"), .right("VECTORS"),
                .left("DRIVER"), .left("GROUP"), .left("ACCESS"),
            ], rows, options,
            ifEmpty: "no function of this bus could be a link by the rules; there are \(others.count) others")
    }

    private func othersTable(_ options: GlobalOptions) -> String {
        Tables.text(
            [.left("OTHER FUNCTION"), .left("ID"), .left("CLASS"), .left("FAULT")],
            others.map { ["\($0.address)", $0.identity, $0.classText, $0.fault ?? ""] }, options, ifEmpty: "")
    }
}

extension LinkCandidate {
    fileprivate var memoryByteCount: UInt64? {
        function.bar(rule.memory.bar)?.byteCount.map { $0 - min($0, rule.memory.offset) }
    }

    fileprivate var memoryText: String { memoryByteCount.map { Tables.size("\($0)") } ?? "" }

    fileprivate var driverText: String { binding?.driver ?? "" }

    fileprivate var accessText: String {
        binding == nil ? "" : access?.rawValue ?? "none"
    }

    /// What is missing, way by way, and the lines that mend it; nothing for a function that is as it should be.
    fileprivate var advice: String {
        var text = ""
        if !rule.remark.isEmpty { text += "\n\(function.address): \(rule.remark)\n" }
        for way in Access.allCases where way != .polling || access == nil {
            guard let missing = obstacles[way], !missing.isEmpty else { break }
            text +=
                "\n\(function.address), \(way.rawValue): \(missing.map(\.description).joined(separator: "; "))\n"
            text += remedies(for: way).map { "    \($0)\n" }.joined()
        }
        return text
    }

    fileprivate var document: JSONValue {
        .object([
            "address": .string("\(function.address)"), "id": .string(function.identity),
            "rule": .string(rule.name), "remark": .string(rule.remark),
            "memory_bar": .number(rule.memory.bar.rawValue),
            "memory_bytes": memoryByteCount.flatMap { Int(exactly: $0) }.map(JSONValue.number) ?? .null,
            "vectors": .number(function.msix?.vectorCount ?? 0),
            "numa_node": function.numaNode.map(JSONValue.number) ?? .null,
            "memory_enabled": .bool(function.command.contains(.memory)),
            "bus_master": .bool(function.command.contains(.busMaster)),
            "driver": binding?.driver.map(JSONValue.string) ?? .null,
            "iommu_group": binding?.group.map(JSONValue.string) ?? .null,
            "access": binding == nil ? .null : access.map { .string($0.rawValue) } ?? .null,
            "bars": .array(function.bars.map(\.document)),
            "capabilities": .array(
                function.capabilities.map {
                    .object([
                        "id": .string("0x" + String($0.id, radix: 16)), "extended": .bool($0.isExtended),
                        "position": .number(Int($0.position)),
                    ])
                }),
            "ways": .object(
                Dictionary(
                    uniqueKeysWithValues: Access.allCases.map { way in (way.rawValue, document(of: way)) })),
        ])
    }

    private func document(of way: Access) -> JSONValue {
        .object([
            "missing": .array(
                (obstacles[way] ?? []).map {
                    .object(["code": .string($0.code), "message": .string($0.description)])
                }),
            "commands": .array(remedies(for: way).map(JSONValue.string)),
        ])
    }
}

extension BAR {
    fileprivate var document: JSONValue {
        var is64Bit = false
        var isPrefetchable = false
        if case .memory(let wide, let prefetchable) = kind {
            (is64Bit, isPrefetchable) = (wide, prefetchable)
        }
        return .object([
            "index": .number(index.rawValue), "kind": .string(isMemory ? "memory" : "ports"),
            "address": .string("0x" + String(address, radix: 16)),
            "bytes": byteCount.flatMap { Int(exactly: $0) }.map(JSONValue.number) ?? .null,
            "is_64_bit": .bool(is64Bit), "is_prefetchable": .bool(isPrefetchable),
            "is_placed": .bool(isPlaced),
        ])
    }
}
