import CLinux
import Glibc
public import SystemPackage

/// Signals read from a descriptor instead of interrupting a thread. Made before any other thread is started, so
/// that all inherit the blocked mask.
public final class SignalDescriptor: Sendable {
    private let descriptor: OwnedDescriptor

    public init(_ signals: [Signal]) throws(Errno) {
        let numbers = signals.map(\.rawValue)
        // SAFETY: the array's own storage, borrowed for the call with its own count.
        descriptor = OwnedDescriptor(
            owning: try checked(
                unsafe numbers.withUnsafeBufferPointer { unsafe clinux_signalfd($0.baseAddress, $0.count) }))
    }

    public var rawDescriptor: CInt { descriptor.rawValue }

    /// The next pending signal, `nil` when there is none.
    public func take() -> Signal? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        // SAFETY: one whole local structure, of the size a signalfd writes.
        return unsafe read(descriptor.rawValue, &information, size) == size
            ? Signal(rawValue: CInt(information.ssi_signo)) : nil
    }
}
