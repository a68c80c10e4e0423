import LinuxSystem
import SystemPackage

/// A way to a function's BARs, held as long as the value is.
protocol FunctionBARs: AnyObject {
    /// Zero where there is none.
    func byteCount(of bar: BARIndex) throws(PCIError) -> UInt64
    func map(_ bar: BARIndex, at offset: UInt64, byteCount: Int) throws(PCIError) -> Mapping
    /// One counter for each vector that can be had; none where there are no interrupts.
    func vectors() throws(PCIError) -> [EventCounter]
}

/// Through VFIO.
final class VFIOBARs: FunctionBARs {
    private let address: PCIAddress
    private let device: VFIODevice

    init(_ candidate: LinkCandidate, _ request: EventCounter) throws(PCIError) {
        let address = candidate.function.address
        guard let binding = candidate.binding, let node = binding.groupNode else {
            throw .unusable(address, [.vfio: [.noIOMMUGroup]], remedy: nil)
        }
        self.address = address
        device = try address.during("opening it through VFIO") { () throws(Errno) in
            let device = try VFIODevice(
                container: binding.containerNode, group: node, address: "\(address)",
                isWithoutIOMMU: binding.isWithoutIOMMU)
            // Without these it neither answers nor sends messages; VFIO leaves both to us.
            try device.setCommand(PCICommand([.memory, .busMaster]).rawValue)
            try device.watchRequest(request)
            return device
        }
    }

    func byteCount(of bar: BARIndex) throws(PCIError) -> UInt64 {
        try address.during("asking for \(bar)") { () throws(Errno) in
            try device.byteCount(ofBAR: bar.rawValue)
        }
    }

    func map(_ bar: BARIndex, at offset: UInt64, byteCount: Int) throws(PCIError) -> Mapping {
        try unsafe address.during("mapping \(bar)") { () throws(Errno) in
            try unsafe device.mapBAR(bar.rawValue, at: offset, byteCount: byteCount)
        }
    }

    func vectors() throws(PCIError) -> [EventCounter] {
        try address.during("asking for its vectors") { () throws(Errno) in
            var counters: [EventCounter] = []
            for _ in 0..<(try device.vectorCount()) { counters.append(try EventCounter()) }
            if !counters.isEmpty { try device.setVectors(counters) }
            return counters
        }
    }
}

/// Through the files that sysfs has for it, without interrupts.
final class ResourceBARs: FunctionBARs {
    private let address: PCIAddress
    private let directory: String
    private var files: [BARIndex: ResourceFile] = [:]

    init(_ candidate: LinkCandidate) throws(PCIError) {
        address = candidate.function.address
        guard let binding = candidate.binding else { throw .noSuchFunction(address, there: []) }
        directory = binding.directory
    }

    func byteCount(of bar: BARIndex) throws(PCIError) -> UInt64 {
        let file = try file(of: bar)
        return try address.during("asking for \(bar)") { () throws(Errno) in try file.byteCount() }
    }

    func map(_ bar: BARIndex, at offset: UInt64, byteCount: Int) throws(PCIError) -> Mapping {
        let file = try file(of: bar)
        return try unsafe address.during("mapping \(bar)") { () throws(Errno) in
            try unsafe file.map(at: offset, byteCount: byteCount)
        }
    }

    func vectors() -> [EventCounter] { [] }

    private func file(of bar: BARIndex) throws(PCIError) -> ResourceFile {
        if let file = files[bar] { return file }
        let path = "\(directory)/resource\(bar.rawValue)"
        let file = try address.during("opening \(path)") { () throws(Errno) in try ResourceFile(path) }
        files[bar] = file
        return file
    }
}

extension PCIAddress {
    /// Says of a system call's failure whom it was about and what was being done.
    fileprivate func during<Result>(
        _ what: @autoclosure () -> String, _ body: () throws(Errno) -> Result
    ) throws(PCIError) -> Result {
        do throws(Errno) { return try body() } catch { throw .system(error, during: "\(self): \(what())") }
    }
}
