import DevicePage
import Links
import LinuxSystem
import SharedMemory
import Virtio

/// Rings, doorbell, slot: type last, and then the guest is told (mic-abi 2.1).
extension HostBackend {
    /// - Throws: `.pageFull`, `.outOfMemory`; then nothing is left allocated.
    func place(_ device: HostDevice) throws(HostError) {
        let rings = try allocateRings(for: device.description)
        let doorbell = link.allocateDoorbell()
        do throws(HostError) {
            let slot = try publishSlot(device, rings, doorbell)
            device.slot = HostSlot(slot, type: device.description.type, doorbell: doorbell, rings: rings)
        } catch {
            link.releaseDoorbell(doorbell)
            for ring in rings { link.free(ring.region) }
            throw error
        }
        device.state = .published
        device.republishing.done()
        // Unless it listens already, a guest finds the slot when it comes, without a sign to us.
        device.looks.watch(for: settings.watchLimit, from: clock(), settings)
        tell(.published, device)
        ringConfigDoorbell()
    }

    private func publishSlot(_ device: HostDevice, _ rings: [HostSlot.Ring], _ doorbell: DoorbellNumber)
        throws(HostError) -> DeviceSlot
    {
        let description = device.currentDescription
        do throws(PageError) {
            let slot = try publisher?.publish(
                description, ringAddresses: rings.map(\.region.address), guestToHostDoorbell: doorbell.byte
            ) { offset in
                writeDown(coming: comingSlot(device, at: offset, rings, doorbell: doorbell.rawValue))
                KillPoint.reach(.beforeSlot)
            }
            if let slot { return slot }
        } catch {
            throw .pageFull(error)
        }
        throw .link(.notUp)
    }

    private func allocateRings(for description: DeviceDescription) throws(HostError) -> [HostSlot.Ring] {
        var rings: [HostSlot.Ring] = []
        do throws(HostError) {
            for (index, size) in description.queueSizes.enumerated() {
                rings.append(try allocateRing(RingRegionLayout(size: size), description.type, index))
            }
        } catch {
            for ring in rings { link.free(ring.region) }
            throw error
        }
        return rings
    }

    private func allocateRing(_ layout: RingRegionLayout, _ type: DeviceType, _ index: Int)
        throws(HostError) -> HostSlot.Ring
    {
        let region: PeerRange
        do throws(LinkError) {
            region = try link.allocate(
                byteCount: layout.regionByteCount, alignment: RingRegionLayout.alignment)
        } catch {
            if case .outOfMemory(let byteCount) = error { throw .outOfMemory(byteCount: byteCount) }
            throw .link(error)
        }
        do throws(PeerViolation) {
            let window = try link.windows(of: .host).window(covering: region)
            layout.writeTrailer(of: type, queue: index, in: window)
            return HostSlot.Ring(layout: layout, region: region, window: window)
        } catch {
            link.free(region)
            throw .link(.peer(error))
        }
    }

    /// Gives back what a slot used; the guest has let go of it.
    func release(_ slot: HostSlot) {
        publisher?.retire(slot.page)
        KillPoint.reach(.afterSlot)
        writeDown()
        for ring in slot.rings { link.free(ring.region) }
        link.releaseDoorbell(slot.doorbell)
        // Somebody may have waited for just this room.
        if shutdown == nil { placeWaiting() }
    }

    // MARK: The guest's config doorbell

    /// Rings for what was changed on the page; a guest without the doorbell looks for itself when it comes.
    func ringConfigDoorbell() {
        lookAtConfigDoorbell()
        if let configDoorbell { link.ring(configDoorbell) }
    }

    /// Looks whether the guest listens. A guest that has just begun to is rung once: what was published between its
    /// first look at the page and this doorbell would otherwise stay unseen.
    func lookAtConfigDoorbell() {
        guard let page = publisher?.page else { return }
        let byte = page.configDoorbell
        do throws(PeerViolation) {
            let found = try DoorbellNumber(untrusted: byte, count: link.doorbellCount)
            let isNew = configDoorbell == nil
            configDoorbell = found
            if isNew, let found, !devices.isEmpty { link.ring(found) }
        } catch {
            configDoorbell = nil
            tell(
                .peerFault, nil,
                "the config doorbell is none of \(link.doorbellCount) (\(byte)): taken as none")
        }
    }
}
