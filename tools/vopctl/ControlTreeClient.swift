import LinuxSystem
import SystemPackage
import Virtio

/// One mounted control tree, used as a shell uses it: paths below it are relative to its top.
struct ControlTreeClient {
    let side: Side
    let path: String
    let actions: Actions

    /// What may be done, and whether to say so.
    struct Actions {
        var isDryRun = false
        var isVerbose = false
    }

    // MARK: Looking

    /// The names in a directory; `nil` when it is not there.
    func names(in directory: String) throws(Failure) -> [String]? {
        do throws(Errno) { return try DirectoryPath.names(at: "\(path)/\(directory)") } catch {
            if error == .noSuchFileOrDirectory || error == .notDirectory { return nil }
            throw unreachable(directory, error)
        }
    }

    /// What cannot be looked at is none; whoever then makes or opens it hears why.
    func isDirectory(_ place: String) -> Bool {
        (try? DirectoryPath.kind(at: "\(path)/\(place)")) == .directory
    }

    /// The text of an attribute without the newline at its end; `nil` when there is none, or it cannot be read.
    func text(_ attribute: String) throws(Failure) -> String? {
        guard let bytes = try bytes(attribute) else { return nil }
        var text = String(decoding: bytes, as: UTF8.self)
        if text.last == "\n" { text.removeLast() }
        return text
    }

    func bytes(_ attribute: String) throws(Failure) -> [UInt8]? {
        do throws(Errno) {
            return try ValueFile(reading: "\(path)/\(attribute)").contents()
        } catch {
            switch error {
            case .noSuchFileOrDirectory, .permissionDenied, .operationNotSupportedByDevice: return nil
            default: throw unreachable(attribute, error)
            }
        }
    }

    private func unreachable(_ place: String, _ error: Errno) -> Failure {
        guard error == .socketNotConnected else {
            return Failure(.local, "\(path)/\(place): \(error)", errno: error, object: place)
        }
        return Failure(
            .local, "\(path) is a dead mount: the daemon that served it has ended; start it again",
            errno: error,
            object: path)
    }

    // MARK: Changing

    /// Writes an attribute's value whole.
    ///
    /// - Throws: what the tree says, in its own sentence.
    func write(_ value: [UInt8], to attribute: String) throws(Failure) {
        guard announce("write \(Self.shown(value)) to \(path)/\(attribute)") else { return }
        let file: ValueFile
        do throws(Errno) { file = try ValueFile(writing: "\(path)/\(attribute)") } catch {
            throw notOpened(error, attribute)
        }
        do throws(Errno) { try file.write(value) } catch {
            let own = attribute.hasSuffix(".bin") ? nil : Self.refusal(in: file)
            let sentence = own ?? sentence(of: "write", attribute) ?? "\(attribute): \(error)"
            throw Failure(refused: error, sentence, object: attribute)
        }
    }

    func write(_ value: String, to attribute: String) throws(Failure) {
        try write(Array("\(value)\n".utf8), to: attribute)
    }

    func make(_ directory: String) throws(Failure) {
        guard announce("mkdir \(path)/\(directory)") else { return }
        do throws(Errno) { try DirectoryPath.make(at: "\(path)/\(directory)") } catch {
            throw Failure(
                refused: error, sentence(of: "make", directory) ?? Self.explain(error, making: directory),
                object: directory)
        }
    }

    func remove(_ directory: String) throws(Failure) {
        guard announce("rmdir \(path)/\(directory)") else { return }
        do throws(Errno) { try DirectoryPath.remove(at: "\(path)/\(directory)") } catch {
            throw Failure(
                refused: error, sentence(of: "remove", directory) ?? "\(directory): \(error)",
                object: directory)
        }
    }

    /// Removes what was made for a change that then failed.
    ///
    /// - Returns: the failure to report, which says so when it is still there.
    func takenBack(_ directory: String, after failure: Failure) -> Failure {
        do throws(Failure) { try remove(directory) } catch {
            var told = failure
            told.message +=
                "; \(directory) was made for this and is still there, not removed again: \(error.message)"
            return told
        }
        return failure
    }

    /// Says what is about to happen where that was asked for; false when it is not to happen.
    private func announce(_ action: String) -> Bool {
        if actions.isDryRun || actions.isVerbose { StandardError.print("vopctl: \(action)") }
        return !actions.isDryRun
    }

    /// The sentence that a refused write leaves in its open file; without one there is the events' or the errno.
    private static func refusal(in file: borrowing ValueFile) -> String? {
        guard let bytes = try? file.read(at: 0) else { return nil }
        let sentence = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
        return sentence.flatMap { $0.contains(": ") ? $0 : nil }
    }

    private func notOpened(_ error: Errno, _ attribute: String) -> Failure {
        let place = attribute.split(separator: "/").last ?? ""
        switch error {
        case .noSuchFileOrDirectory:
            let directory = attribute.split(separator: "/").dropLast().joined(separator: "/")
            // The failure is said; the names only help.
            let known = (try? names(in: directory)).flatMap { $0 }?.joined(separator: " ")
            return Failure(
                .notFound, "\(directory) has no attribute '\(place)'\(known.map { "; it has \($0)" } ?? "")",
                errno: error, object: attribute)
        case .permissionDenied:
            return Failure(
                refused: error,
                "\(attribute): cannot be written by this user, or at all; see its mode with ls -l",
                object: attribute)
        default:
            return Failure(refused: error, "\(attribute): \(error)", object: attribute)
        }
    }

    private static func explain(_ error: Errno, making directory: String) -> String {
        switch error {
        case .fileExists: "\(directory) exists already; choose another name, or remove it first"
        case .permissionDenied: "\(directory): this user may not make it; ask the tree's owner"
        default: "\(directory): \(error)"
        }
    }

    /// What the tree's events say of the last refusal of ours there: where there is no file to read it from. Where they
    /// cannot be read the errno is said.
    private func sentence(of operation: String, _ place: String) -> String? {
        guard let events = try? bytes("events") else { return nil }
        let lines = String(decoding: events, as: UTF8.self).split(separator: "\n")
        let refusals = lines.compactMap(TreeEvent.init(line:)).filter {
            $0.isRefusal(of: operation, at: place)
        }
        return (refusals.last { $0.process == ThisProcess.identifier } ?? refusals.last)?.message
    }

    private static func shown(_ value: [UInt8]) -> String {
        let text = String(decoding: value, as: UTF8.self)
        let isText = value.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A }
        return isText ? "'\(text.split(separator: "\n").joined(separator: " "))'" : "\(value.count) bytes"
    }
}
