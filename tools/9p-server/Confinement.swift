import ArgumentParser
import LinuxSystem
import Logging
import NinePServer
import SystemPackage

/// How much the server insists on giving up what it does not need.
enum ConfineArgument: String, ExpressibleByArgument, CaseIterable {
    /// As much as this kernel can; what it cannot is said.
    case auto
    /// All of it, or the server does not begin.
    case require
    case none
}

/// Gives up what serving does not need, before anybody is served: reaching other files than those it serves and keeps
/// (Landlock), and all system calls but a server's (a seccomp filter).
///
/// ```
///   one thread │ users are looked up by a process aside │ sockets, exports, journals are open │ files held to those
///   ───────────┴──────────────────────────────────────┴─────────────────────────────────────┴────────────────────
///   threads    │ what threads keep is open │ calls held to a server's, in all threads │ the first client
/// ```
struct Confinement {
    private let degree: ConfineArgument
    private let logger: Logger

    /// - Throws: all of it is wanted, and cannot be had.
    init(_ degree: ConfineArgument, _ logger: Logger) throws(Failure) {
        (self.degree, self.logger) = (degree, logger)
        guard degree != .require || !ThisProcess.hasSanitizer else {
            throw Failure(
                "--confine require: a sanitizer is built in, which does things of its own; use another build")
        }
    }

    private var isOn: Bool { degree != .none && !ThisProcess.hasSanitizer }

    /// While there is one thread.
    func moveUsersAside() throws(Failure) {
        guard isOn else { return }
        do throws(Errno) { try UserDatabase.moveAside() } catch {
            throw Failure(
                "--confine \(degree): a process that looks users up cannot be started: \(error); try none")
        }
    }

    /// What is reached by a path from here on.
    struct Places {
        let exports: [Export]
        let journals: JournalDirectory?
        let metrics: String?
        let copyFiles: [String]
        /// Files that are taken away at the end.
        let sockets: [String]
    }

    /// While there is one thread: others would not be held to it.
    func restrictFiles(to places: Places) throws(Failure) {
        guard isOn else { return }
        do throws(Errno) {
            guard try ThisProcess.threadCount() == 1 else { throw .resourceBusy }
            let rules = try LandlockRuleset()
            for export in places.exports { try rules.allow(export) }
            if let journals = places.journals { try rules.allow(journals) }
            if let metrics = places.metrics { try allow(.replaceFile, around: metrics, under: rules) }
            for socket in places.sockets { try allow(.removeFile, around: socket, under: rules) }
            for file in places.copyFiles { try allow(file, under: rules) }
            try rules.allowProcesses()
            try rules.enforce()
        } catch {
            let reason =
                switch error {
                case .noFunction, .notSupported:
                    "this kernel has no Landlock, or one before version 2 (Linux 5.19)"
                case .resourceBusy: "something loaded into it has started threads of its own"
                default: "Landlock fails"
                }
            try lack("to its files: \(reason)", error)
        }
    }

    /// Where there is no such directory there is nothing to allow, which whoever wants the file says in its own words.
    private func allow(
        _ access: LandlockRuleset.Access, around file: String, under rules: borrowing LandlockRuleset
    ) throws(Errno) {
        let directory =
            file.lastIndex(of: "/").map { $0 == file.startIndex ? "/" : String(file[..<$0]) } ?? "."
        do throws(Errno) { try rules.allow(access, beneath: directory) } catch {
            guard error == .noSuchFileOrDirectory || error == .notDirectory else { throw error }
        }
    }

    /// A copy file may be gone for a while, with the whole control tree, which is a mount: the directory around that stays.
    private func allow(_ copyFile: String, under rules: borrowing LandlockRuleset) throws(Errno) {
        guard let place = ControlTreePlace.directory(around: copyFile) else { return }
        if place == "/" {
            logger.notice(
                "files anywhere may be read and written: the copy file's control tree is to come to /",
                metadata: ["queue": "\(copyFile)"])
        }
        try rules.allow([.readFile, .writeFile], beneath: place)
    }

    /// When all is open that needs more, in whatever thread.
    func restrictCalls() throws(Failure) {
        guard isOn else {
            if degree != .none {
                logger.notice("not confined: a sanitizer is built in, which does things of its own")
            }
            return
        }
        do throws(Errno) { try CallFilter.fileServing.enforce(onAllThreads: true) } catch {
            let reason =
                switch error {
                case .noFunction, .invalidArgument: "this kernel, or machine, has no filters for them"
                case .noSuchProcess: "a thread has another filter"
                default: "seccomp fails"
                }
            try lack("to its system calls: \(reason)", error)
        }
    }

    private func lack(_ what: String, _ error: Errno) throws(Failure) {
        guard degree != .require else {
            throw Failure(
                "--confine require: it cannot be held \(what): \(error); --confine auto goes on without")
        }
        logger.notice("not held \(what)", metadata: ["error": "\(error)"])
    }
}

/// Where a control tree lies, going by the path of a copy file in it.
enum ControlTreePlace {
    /// What `vophostd` puts between its tree and a queue's copy file: `links/L/devices/D/queues/N/copy`.
    private static let depth = 7

    /// The directory that the tree is mounted in, or would be; where that does not exist yet, the one above it that does. Of
    /// any other file the one that it lies in, if there is one.
    static func directory(around copyFile: String) -> String? {
        let parts = AbsolutePath.of(copyFile).split(separator: "/").map(String.init)
        let below = Array(parts.suffix(depth))
        let isInTree =
            below.count == depth && [below[0], below[2], below[4]] == ["links", "devices", "queues"]
        var place = Array(parts.dropLast(isInTree ? depth + 1 : 1))
        while !place.isEmpty, (try? OwnedDescriptor.root(at: "/" + place.joined(separator: "/"))) == nil {
            guard isInTree else { return nil }
            place.removeLast()
        }
        return "/" + place.joined(separator: "/")
    }
}
