import CLinux
import Glibc
public import SystemPackage

/// A PCI function that VFIO has handed to this process, until it lets go: its BARs, its configuration space, its
/// interrupts. No other process can have it meanwhile.
public final class VFIODevice: Sendable {
    private let container: OwnedDescriptor
    private let group: OwnedDescriptor
    private let device: OwnedDescriptor

    /// - Parameters:
    ///   - address: as `0000:00:04.0`.
    ///   - isWithoutIOMMU: the group is one that VFIO made up; the operator allowed that.
    /// - Throws: `EBUSY` when another process has the group, or others of it are held by other drivers; `EPROTO` for a
    ///   VFIO that this was not written for; what opening the nodes says.
    public init(
        container containerPath: String, group groupPath: String, address: String, isWithoutIOMMU: Bool
    )
        throws(Errno)
    {
        container = OwnedDescriptor(owning: try checked(unsafe clinux_vfio_open_container(containerPath)))
        group = OwnedDescriptor(
            owning: try checked(
                unsafe clinux_vfio_open_group(container.rawValue, groupPath, isWithoutIOMMU ? 1 : 0)))
        device = OwnedDescriptor(owning: try checked(unsafe clinux_vfio_open_device(group.rawValue, address)))
    }

    /// A BAR's size in bytes; zero where there is none.
    public func byteCount(ofBAR index: Int) throws(Errno) -> UInt64 { try region(index).byte_count }

    /// Maps `byteCount` bytes of a BAR from `offset` on, a page's start.
    ///
    /// - Throws: `ENODEV` where it cannot be mapped: it shares a page with another function's, or is of ports.
    public func mapBAR(_ index: Int, at offset: UInt64 = 0, byteCount: Int) throws(Errno) -> Mapping {
        let region = try region(index)
        let (start, wraps) = region.offset.addingReportingOverflow(offset)
        guard region.may_map != 0, !wraps, let start = Int64(exactly: start) else {
            throw Errno(rawValue: ENODEV)
        }
        return try unsafe Mapping(of: device.rawValue, at: start, byteCount: byteCount, mayVanish: true)
    }

    /// Sets bits of the command register, and answers what it was before.
    @discardableResult
    public func setCommand(_ bits: UInt16) throws(Errno) -> UInt16 {
        let place = Int64(try region(Int(clinux_vfio_config_region())).offset) + 4
        let bytes = try device.read(count: 2, at: place, behind: 0)
        guard bytes.count == 2 else { throw .ioError }
        let command = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
        let wanted = command | bits
        if wanted != command {
            let written = try device.write([UInt8(wanted & 0xff), UInt8(wanted >> 8)], at: place)
            guard written == 2 else { throw .ioError }
        }
        return command
    }

    /// MSI-X vectors that can be had, at most 64.
    public func vectorCount() throws(Errno) -> Int {
        Int(try checked(clinux_vfio_vector_count(device.rawValue)))
    }

    /// From now on vector N signals `counters[N]`; with none all are given back.
    public func setVectors(_ counters: [EventCounter]) throws(Errno) {
        let descriptors = counters.map(\.rawDescriptor)
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        _ = try checked(
            unsafe descriptors.withUnsafeBufferPointer {
                unsafe clinux_vfio_set_vectors(device.rawValue, $0.baseAddress, UInt32($0.count))
            })
    }

    /// `counter` is signalled when the kernel wants the function back: whoever holds it should let go.
    public func watchRequest(_ counter: EventCounter) throws(Errno) {
        _ = try checked(clinux_vfio_watch_request(device.rawValue, counter.rawDescriptor))
    }

    private func region(_ index: Int) throws(Errno) -> clinux_vfio_region {
        var region = clinux_vfio_region()
        // SAFETY: a local of the type the shim fills.
        _ = try checked(unsafe clinux_vfio_region(device.rawValue, UInt32(index), &region))
        return region
    }
}
