public import DevicePage
public import Links
public import SharedMemory
public import Virtio
public import Virtqueue

/// The host side of a loopback link, by hand: publishes what a test tells it to, and answers only when told.
public final class ScriptedHost {
    /// One published device.
    public final class Device {
        public let description: DeviceDescription
        public let slot: DeviceSlot
        public let rings: [PeerRange]
        public let doorbell: DoorbellNumber

        init(
            _ description: DeviceDescription, _ slot: DeviceSlot, _ rings: [PeerRange],
            _ doorbell: DoorbellNumber
        ) {
            (self.description, self.slot, self.rings, self.doorbell) = (description, slot, rings, doorbell)
        }
    }

    public let link: LoopbackLink
    public var publisher: PagePublisher?

    public init(_ link: LoopbackLink) { self.link = link }

    public struct NotThere: Error {
        let what: String
        public init(_ what: String) { self.what = what }
    }

    public var page: DevicePage {
        get throws {
            guard let page = publisher?.page else { throw NotThere("page") }
            return page
        }
    }

    /// Formats the page of the meeting that is on.
    public func format() throws { publisher = PagePublisher(formatting: try pageWindow()) }

    public func pageWindow() throws -> MemoryWindow {
        try link.windows(of: .host).window(
            covering: PeerRange(untrustedAddress: link.devicePageAddress, byteCount: 4096))
    }

    /// - Parameters:
    ///   - ringAddresses: where the page says the rings are; right ones where absent.
    ///   - doorbell: what the page says rings us; a right one where absent.
    ///   - variant: which trailer the regions have; `nil` for none.
    public func publish(
        _ type: DeviceType, queueSizes: [UInt32] = [8], offered: FeatureSet = [.version1],
        config: [UInt8] = [],
        ringAddresses: [UInt64]? = nil, doorbell stated: Int8? = nil,
        variant: RingRegionLayout.Variant? = .c
    ) throws -> Device {
        let description = try DeviceDescription(
            type: type, queueSizes: queueSizes, offered: offered, config: config)
        var rings: [PeerRange] = []
        for (queue, size) in description.queueSizes.enumerated() {
            let layout = RingRegionLayout(size: size)
            let range = try link.allocate(byteCount: layout.regionByteCount, alignment: 4096)
            let region = try link.addressSpace.window(covering: range)
            switch variant {
            case .c: layout.writeTrailer(of: type, queue: queue, in: region)
            case .b:
                let magic = RingRegionLayout.magic(of: type, queue: queue)
                let offset = layout.trailerOffset(.b) + 4
                region.store16(UInt16(truncatingIfNeeded: magic), at: offset)
                region.store16(UInt16(truncatingIfNeeded: magic >> 16), at: offset + 2)
            case nil: break
            }
            rings.append(range)
        }
        let doorbell = link.allocateDoorbell()
        guard
            let slot = try publisher?.publish(
                description, ringAddresses: ringAddresses ?? rings.map(\.address),
                guestToHostDoorbell: stated ?? doorbell.byte)
        else { throw NotThere("page") }
        ringConfig()
        return Device(description, slot, rings, doorbell)
    }

    /// Rings the guest's config doorbell, if it has given one.
    public func ringConfig() {
        let byte = publisher?.page.configDoorbell ?? -1
        if byte >= 0, let number = DoorbellNumber(rawValue: Int(byte)) { link.ring(number) }
    }

    /// Rings the guest for a device.
    public func ring(_ device: Device) {
        let byte = device.slot.control.hostToGuestDoorbell
        if byte >= 0, let number = DoorbellNumber(rawValue: Int(byte)) { link.ring(number) }
    }

    /// Says that the used rings are mapped.
    public func acceptUsedRings(of device: Device) throws {
        guard device.slot.control.isUsedAddressPending else { throw NotThere("used addresses") }
        device.slot.control.acknowledgeUsedAddresses()
        ring(device)
    }

    public func answerReset(of device: Device) throws {
        guard device.slot.control.isResetPending else { throw NotThere("reset") }
        device.slot.setStatus([])
        device.slot.control.acknowledgeReset()
        ring(device)
    }

    /// The device role of one queue, as the page and the guest say.
    public func activate(_ queue: Int, of device: Device) throws -> DeviceQueue {
        let entry = device.slot.queueEntry(queue)
        let setup = try QueueSetup(
            size: try entry.size(), ringRegion: entry.address, usedRing: entry.usedAddress,
            negotiated: device.slot.acceptedFeatures)
        return try setup.activate(
            asDeviceWithRingsIn: link.windows(of: .host), usedRingIn: link.windows(of: .guest),
            buffersIn: link.windows(of: .guest))
    }
}
