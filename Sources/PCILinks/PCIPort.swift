public import Links
import LinuxSystem
import SharedMemory
import SystemPackage

/// The way to a shared memory that a PCI function has in one of its BARs. It looks for the function until it is there, and
/// again when it has gone.
public final class PCIPort: SharedMemoryPort {
    private enum State {
        case closed
        case looking(next: ContinuousClock.Instant)
        /// VFIO says when the function goes; without it somebody has to look.
        case attached(OpenFunction, nextLook: ContinuousClock.Instant?)
    }

    private let settings: PCISettings
    private let clock = ContinuousClock()
    /// Signalled when the kernel wants the function back.
    private let request: EventCounter
    private var state = State.closed
    /// What was last said about why it is not open: said once.
    private var lastFault = ""

    public init(_ settings: PCISettings) throws(LinkError) {
        self.settings = settings
        do throws(Errno) { request = try EventCounter() } catch {
            throw .system(error, during: "making an eventfd")
        }
    }

    public var place: String {
        if case .attached(let function, _) = state { return "\(function.candidate.function.address)" }
        return settings.address.map(\.description) ?? "the PCI bus"
    }

    /// - Throws: that libpci is not in this build; everything else may come right.
    public func open() throws(LinkError) {
        guard PCIBus.isAvailable else {
            throw .configuration(
                "this was built without libpci (the package trait PCI), so no PCI link can be had")
        }
        state = .looking(next: clock.now)
        request.signal()
    }

    public func close() { state = .closed }

    public var pollDescriptor: CInt { request.rawDescriptor }

    public var nextDeadline: ContinuousClock.Instant? {
        switch state {
        case .closed: nil
        case .looking(let next): next
        case .attached(_, let nextLook): nextLook
        }
    }

    public var attachment: SharedMemoryAttachment? {
        guard case .attached(let function, _) = state else { return nil }
        return function.attachment
    }

    public func ring(_ vector: Int, of peer: PeerNumber) {
        guard case .attached(let function, _) = state else { return }
        function.ring(vector, of: peer)
    }

    public func service() throws(LinkError) -> SharedMemoryPortEvents {
        let isRequested = request.drain() > 0
        switch state {
        case .closed: return SharedMemoryPortEvents()
        case .looking(let next):
            return isRequested || clock.now >= next ? look() : SharedMemoryPortEvents()
        case .attached(let function, let nextLook):
            if isRequested { return lose("the kernel asked for it back") }
            guard let nextLook, clock.now >= nextLook else { return SharedMemoryPortEvents() }
            if function.isGone { return lose("it does not answer any more") }
            state = .attached(function, nextLook: clock.now + settings.retry)
            return SharedMemoryPortEvents()
        }
    }

    // MARK: Finding and losing it

    private func look() -> SharedMemoryPortEvents {
        do throws(PCIError) {
            let candidate = try settings.candidate()
            let access = try candidate.access(by: settings.way)
            let function = try OpenFunction(
                candidate, by: access, ownNumber: settings.ownNumber, request: request)
            state = .attached(function, nextLook: access == .vfio ? nil : clock.now + settings.retry)
            lastFault = ""
            var events = SharedMemoryPortEvents(change: .attached)
            events.notes = [Self.note(function)]
            return events
        } catch {
            state = .looking(next: clock.now + settings.retry)
            var events = SharedMemoryPortEvents()
            let fault = "\(error)"
            if fault != lastFault { events.notes = [fault] }
            lastFault = fault
            return events
        }
    }

    private func lose(_ why: String) -> SharedMemoryPortEvents {
        let text = "\(place): \(why)"
        state = .looking(next: clock.now + settings.retry)
        return SharedMemoryPortEvents(change: .lost(text))
    }

    private static func note(_ function: OpenFunction) -> String {
        let attachment = function.attachment
        let what =
            "\(function.candidate.function.address) (\(function.candidate.rule.name)): "
            + "\(attachment.memory.byteCount) bytes, number \(attachment.ownNumber)"
        if !attachment.vectors.isEmpty { return "\(what), \(attachment.vectors.count) vectors through VFIO" }
        let why = function.candidate.obstacles[.vfio]?.map(\.description).joined(separator: "; ") ?? ""
        return "\(what), without interrupts" + (why.isEmpty ? "" : " (\(why))")
    }
}
