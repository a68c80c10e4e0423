import LinuxSystem
import Synchronization
import SystemPackage

/// How links' threads say something to the root session's thread, which touches the root tree alone.
final class RootMailbox: Sendable {
    typealias Message = @Sendable (LinkSet) -> Void

    private let messages = Mutex<[Message]>([])
    private let bell: EventCounter

    init() throws(Errno) { bell = try EventCounter() }

    var pollDescriptor: CInt { bell.rawDescriptor }

    func post(_ message: @escaping Message) {
        messages.withLock { $0.append(message) }
        bell.signal()
    }

    func deliver(to links: LinkSet) {
        bell.drain()
        let taken = messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
        for message in taken { message(links) }
    }
}
