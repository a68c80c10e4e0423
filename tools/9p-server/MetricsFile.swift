import LinuxSystem
import Logging
import NinePServer
import SystemPackage

/// The file that `--metrics` names: replaced whole now and then, so that who reads it finds one moment's numbers.
struct MetricsFile {
    static let interval = Duration.seconds(10)

    let path: String
    private let server: NinePServer
    private let logger: Logger
    /// Whether it is known, and was said, that it cannot be written.
    private var isStuck = false

    /// Writes it for the first time.
    init(at path: String, of server: NinePServer, _ logger: Logger) throws(Failure) {
        (self.path, self.server, self.logger) = (path, server, logger)
        guard WholeFile.mayBePut(at: path) else {
            throw Failure(
                "--metrics \(path): is there and no regular file, and would be replaced; name another file")
        }
        do throws(Errno) { try replace() } catch {
            let advice =
                switch error {
                case .noSuchFileOrDirectory: "its directory does not exist; make it or name another file"
                default: "name a file in a directory where you may make one"
                }
            throw Failure("--metrics \(path): \(error); \(advice)")
        }
    }

    private func replace() throws(Errno) {
        try WholeFile.replace(path, with: Array(server.report.metrics.utf8), mode: 0o644, isDurable: false)
    }

    /// Writes it anew. Where that fails the old one stays, which is said once.
    mutating func renew() {
        do throws(Errno) {
            try replace()
            if isStuck { logger.notice("the metrics are written again", metadata: ["file": "\(path)"]) }
            isStuck = false
        } catch {
            if !isStuck {
                logger.warning(
                    "the metrics cannot be written; make room, or see who may write there",
                    metadata: ["file": "\(path)", "error": "\(error)"])
            }
            isStuck = true
        }
    }

    /// Numbers of a server that is gone would pass for those of one that idles.
    func remove() {
        do throws(Errno) { try WholeFile.remove(path) } catch {
            logger.warning("the metrics stay behind", metadata: ["file": "\(path)", "error": "\(error)"])
        }
    }
}
