import DevicePage
import Links
import SharedMemory
import Virtio
import Virtqueue

/// From found to driven (mic-abi 2.4, 2.5; VIRTIO 1.3, 3.1.1).
///
/// ```
///   guest                                              host
///     status ACKNOWLEDGE, DRIVER                 ──►
///     accepted features, status FEATURES_OK      ──►
///     used rings, used_address, flag, doorbell   ──►     maps them
///                                                ◄──     flag back to 0
///     status DRIVER_OK                           ──►     serves
/// ```
extension GuestDevice {
    /// What the rings of this side can do, whatever the driver.
    static let ringFeatures: FeatureSet = [.version1, .eventIndex]

    /// - Precondition: unbound.
    func bind(_ kind: GuestDriverKind) {
        do throws(GuestDriverError) {
            guard entry.queues.count >= kind.queueCount else {
                throw .unsuitable(
                    "driver \(kind.name) needs \(kind.queueCount) queues; the device has \(entry.queues.count)"
                )
            }
            write(status: [.acknowledge])
            write(status: [.acknowledge, .driver])
            negotiate(kind)
            try setUpQueues()
        } catch { return fail(error.description, isAnswerable: true) }
        // Before the host is asked to write there.
        backend.writeDown()
        let handshake = Handshake(
            .usedAddress, of: slot, within: backend.settings.limits.usedAddress, now: backend.clock())
        begin(handshake) { .settingUp($0, kind) }
    }

    private func negotiate(_ kind: GuestDriverKind) {
        let accepted = entry.offered.intersection(kind.features.union(Self.ringFeatures))
        slot.accept(accepted)
        negotiated = accepted
        // A legacy device knows no FEATURES_OK.
        if accepted.contains(.version1) { write(status: status.union(.featuresOK)) }
    }

    private func setUpQueues() throws(GuestDriverError) {
        var made: [GuestQueue] = []
        for index in entry.queues.indices {
            let (size, region) = try checkedRegion(of: index)
            let used = try memory.allocate(
                byteCount: RingRegionLayout(size: size).usedRegionByteCount,
                alignment: RingRegionLayout.alignment)
            made.append(try queue(index, size, region, used.range.address, isResumed: false))
            slot.setUsedAddress(used.range.address, of: index)
            usedAddresses.append(used.range.address)
        }
        queues = made
    }

    /// Queues that an earlier process set up, at the used addresses that are ours already.
    func takeUpQueues() throws(GuestDriverError) {
        var made: [GuestQueue] = []
        for index in entry.queues.indices {
            let (size, region) = try checkedRegion(of: index)
            made.append(try queue(index, size, region, usedAddresses[index], isResumed: true))
        }
        queues = made
    }

    private func queue(
        _ index: Int, _ size: QueueSize, _ region: PeerRange, _ usedRing: UInt64, isResumed: Bool
    ) throws(GuestDriverError) -> GuestQueue {
        do throws(PeerViolation) {
            let setup = try QueueSetup(
                size: size, ringRegion: region.address, usedRing: usedRing, negotiated: negotiated ?? [])
            let ring = try setup.activate(
                asDriverWithRingsIn: backend.link.windows(of: .host),
                usedRingIn: backend.link.windows(of: .guest), isResumed: isResumed)
            return GuestQueue(index: index, ring: ring, counters: counters[index]) { [weak self] in
                self?.notify()
            }
        } catch { throw .peer(error) }
    }

    /// What the host states of a queue, checked: its size, and a region whole in the host's windows that is marked
    /// as this device's.
    private func checkedRegion(of index: Int) throws(GuestDriverError) -> (QueueSize, PeerRange) {
        let stated = entry.queues[index]
        do throws(PeerViolation) {
            let size = try stated.size()
            let layout = RingRegionLayout(size: size)
            let range = try PeerRange(
                untrustedAddress: stated.address, byteCount: UInt64(layout.regionByteCount))
            let alignment = UInt64(RingRegionLayout.alignment)
            guard range.address % alignment == 0 else {
                throw .misaligned(address: range.address, alignment: alignment)
            }
            let region = try backend.link.windows(of: .host).window(covering: range)
            _ = try layout.variant(of: entry.type, queue: index, in: region)
            return (size, range)
        } catch { throw .peer(error) }
    }

    func finishSetUp(_ kind: GuestDriverKind, _ outcome: HandshakeOutcome) {
        guard outcome == .acknowledged else {
            return fail(
                "the host did not map the used rings within \(backend.settings.limits.usedAddress)",
                isAnswerable: false)
        }
        do throws(GuestDriverError) {
            let life = UInt64.random(in: 1 ... .max)
            let driver = try kind.make(BoundDevice(self, life: life))
            try run(kind, driver, life: life)
        } catch { return fail(error.description, isAnswerable: true) }
        backend.tell(.bound, name, "driver \(kind.name)")
        serviceDriver()
    }

    func run(_ kind: GuestDriverKind, _ driver: any GuestDriver, life: UInt64) throws(GuestDriverError) {
        phase = .running(kind, driver)
        self.life = life
        try backend.watch(driver)
        // Before the host is told of any memory of the driver's.
        backend.writeDown()
        write(status: status.union(.driverOK))
    }
}
