internal import CPCI

/// Where functions are looked for.
public enum PCIBus: Hashable, Sendable {
    /// This machine's bus. Both paths can be another's, such as a test's: `/sys`, `/dev`.
    case system(sysfs: String, devices: String)
    /// A file as `lspci -x`, `-xxx` or `-xxxx` prints it, of any machine.
    case dump(String)

    public static let here = PCIBus.system(sysfs: "/sys", devices: "/dev")

    /// False where this was built without libpci.
    public static var isAvailable: Bool { cpci_is_available() != 0 }

    /// All functions, by address.
    ///
    /// - Throws: what libpci said: the file is none of that form, or the bus cannot be looked at.
    public func functions() throws(PCIError) -> [PCIFunction] {
        var found: UnsafeMutablePointer<cpci_function>?
        var count = 0
        var message = [CChar](repeating: 0, count: Int(CPCI_MESSAGE_CAPACITY))
        let (sysfs, dump) = libraryPaths
        // SAFETY: the strings live for the call; `message` has the capacity the shim fills at most, ended by a NUL.
        guard unsafe cpci_scan(sysfs, dump, &found, &count, &message) == 0 else {
            throw .library(
                String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        // SAFETY: the shim allocated it, `count` entries long; freed once, here.
        defer { unsafe cpci_free(found) }
        var functions: [PCIFunction] = []
        for index in 0..<count {
            // SAFETY: below `count`.
            guard let raw = unsafe found?[index], let function = PCIFunction(raw) else { continue }
            functions.append(function)
        }
        return functions.sorted { $0.address < $1.address }
    }

    /// The one at `address`.
    ///
    /// - Throws: `.noSuchFunction`, which lists those there are.
    public func function(at address: PCIAddress) throws(PCIError) -> PCIFunction {
        let all = try functions()
        guard let function = all.first(where: { $0.address == address }) else {
            throw .noSuchFunction(address, there: all.map(\.address))
        }
        return function
    }

    private var libraryPaths: (sysfs: String?, dump: String?) {
        switch self {
        case .system(let sysfs, _): ("\(sysfs)/bus/pci", nil)
        case .dump(let path): (nil, path)
        }
    }
}

extension PCIFunction {
    /// - Returns: `nil` for an address that no bus has.
    init?(_ raw: cpci_function) {
        guard
            let address = PCIAddress(
                domain: raw.domain, bus: raw.bus, device: raw.device, function: raw.function)
        else { return nil }
        self.address = address
        let configuration = Self.configuration(of: raw)
        let fault = Self.string(raw.fault)
        // A function that does not answer reads as ones everywhere.
        let isAbsent = raw.vendor_id == .max || configuration.isEmpty
        self.fault = !fault.isEmpty ? fault : isAbsent ? "its configuration space cannot be read" : nil
        vendorID = raw.vendor_id
        deviceID = raw.device_id
        classCode = raw.class_code
        subsystemVendorID = raw.subsystem_vendor_id
        subsystemID = raw.subsystem_id
        numaNode = raw.numa_node >= 0 ? Int(raw.numa_node) : nil
        bars = self.fault == nil ? Self.bars(of: raw) : []
        capabilities = self.fault == nil ? Self.capabilities(of: raw) : []
        command =
            configuration.isEmpty
            ? [] : PCICommand(rawValue: UInt16(configuration[4]) | UInt16(configuration[5]) << 8)
        isConfigurationComplete = configuration.count == Int(CPCI_CONFIG_CAPACITY)
        msix = capabilities.first { $0.id == MSIXTable.capabilityID && !$0.isExtended }
            .flatMap { MSIXTable(configuration: configuration, at: $0.position) }
    }

    // SAFETY (all below): a C array is a tuple of equal elements, one behind the other, which is what is read; no more of
    // them than the shim filled.
    private static func configuration(of raw: cpci_function) -> [UInt8] {
        unsafe withUnsafeBytes(of: raw.config) { unsafe Array($0.prefix(Int(raw.config_byte_count))) }
    }

    private static func string<Characters>(_ characters: Characters) -> String {
        unsafe withUnsafeBytes(of: characters) {
            unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    private static func bars(of raw: cpci_function) -> [BAR] {
        let all = unsafe withUnsafeBytes(of: raw.bars) { unsafe Array($0.bindMemory(to: cpci_bar.self)) }
        return all.enumerated().compactMap { number, bar in
            guard bar.is_there != 0, let index = BARIndex(number) else { return nil }
            return BAR(
                index: index,
                kind: bar.kind & 1 != 0
                    ? .ports : .memory(is64Bit: bar.kind & 4 != 0, isPrefetchable: bar.kind & 8 != 0),
                address: bar.address, byteCount: bar.byte_count == 0 ? nil : bar.byte_count,
                isUnplaced: bar.is_unplaced != 0)
        }
    }

    private static func capabilities(of raw: cpci_function) -> [PCICapability] {
        let all = unsafe withUnsafeBytes(of: raw.capabilities) {
            unsafe Array($0.bindMemory(to: cpci_capability.self))
        }
        return all.prefix(Int(raw.capability_count)).map {
            PCICapability(id: $0.id, isExtended: $0.is_extended != 0, position: $0.position)
        }
    }
}
