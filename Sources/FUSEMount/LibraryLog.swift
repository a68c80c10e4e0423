internal import CFUSE
internal import Glibc
internal import Synchronization

/// What libfuse would print on standard error: kept, the last few lines, for the error that explains them.
enum LibraryLog {
    private static let lines = Mutex<[String]>([])
    private static let installed: Void = {
        unsafe fuse_set_log_func { _, format, arguments in
            guard let format = unsafe format, let arguments = unsafe arguments else { return }
            var buffer = [CChar](repeating: 0, count: 512)
            // SAFETY: the format and its arguments are libfuse's own pair; the buffer is bounded by its count.
            unsafe vsnprintf(&buffer, buffer.count, format, arguments)
            let text = String(
                decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            LibraryLog.add(text)
        }
    }()

    static func install() { _ = installed }

    private static func add(_ text: String) {
        let line = text.split(separator: "\n").joined(separator: "; ")
        lines.withLock { kept in
            if kept.count >= 8 { kept.removeFirst() }
            kept.append(line)
        }
    }

    /// What was said since the last time, oldest first.
    static func takeText() -> String {
        lines.withLock { kept in
            defer { kept = [] }
            return kept.joined(separator: "; ")
        }
    }
}
