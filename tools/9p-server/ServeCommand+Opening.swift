import Commands
import LinuxSystem
import Logging
import NinePServer
import SystemPackage

/// What the server opens while it may still reach everything.
struct OpenedPlaces {
    let exports: [Export]
    let accounts: Accounts
    let journals: JournalDirectory?
    let sources: OpenedSources
}

extension ServeCommand {
    func openPlaces(_ logger: Logger) throws -> OpenedPlaces {
        OpenedPlaces(
            exports: try exports.map { try $0.open(readOnly: readOnly, crossMounts: crossMounts) },
            accounts: try makeAccounts(), journals: try journalDirectory(logger), sources: try openSources())
    }

    /// What of it, and what else, is reached by path later.
    func reached(from places: OpenedPlaces) -> Confinement.Places {
        Confinement.Places(
            exports: places.exports, journals: places.journals, metrics: metrics, copyFiles: copyFiles,
            sockets: places.sources.paths)
    }

    func makeCarriers(
        _ server: NinePServer, _ journals: JournalDirectory?, _ logger: Logger
    ) throws -> [QueueCarrier] {
        try copyFiles.map { path in
            QueueCarrier(
                server, path: path, patience: .seconds(patience),
                journal: try journals.map { try journal(of: path, in: $0, server) }, logger: logger)
        }
    }

    /// By default one of the user's own. Where that cannot be had, sessions end with this process, which is said.
    private func journalDirectory(_ logger: Logger) throws -> JournalDirectory? {
        if journal == "none" { return nil }
        let path =
            journal ?? RuntimeDirectory.path("vop/journal") ?? "/dev/shm/vop-journal-\(ProcessOwner.user)"
        do throws(Errno) {
            return try JournalDirectory(at: path)
        } catch {
            let text = "\(path): \(error); name a directory on tmpfs that only you may write to, or none"
            guard journal == nil else { throw Failure("--journal \(text)") }
            logger.notice("sessions end with this process: --journal \(text)")
            return nil
        }
    }

    private func journal(
        of path: String, in directory: JournalDirectory, _ server: NinePServer
    ) throws -> SessionJournal {
        // One that was just told to end may still have it.
        let deadline = ContinuousClock.now + .seconds(5)
        while true {
            do throws(Errno) {
                return try directory.journal(named: path, of: server)
            } catch {
                if error == .wouldBlock, ContinuousClock.now < deadline {
                    Thread.pause(for: .milliseconds(50))
                    continue
                }
                throw refusal(error, of: path, directory)
            }
        }
    }

    private func refusal(_ error: Errno, of path: String, _ directory: JournalDirectory) -> Failure {
        let advice =
            switch error {
            case .wouldBlock: "another 9p-server serves \(path); stop that one"
            case .noSpace: "make room there, or name another directory"
            default: "name a directory on tmpfs that only you may write to, or none"
            }
        return Failure("--journal \(directory.path): \(error); \(advice)")
    }

    private func makeAccounts() throws -> Accounts {
        guard let map = IdentityMap(identityMaps) else {
            throw Failure("--idmap: two ranges overlap; each number may have one, on either side")
        }
        do throws(Errno) {
            return try Accounts(
                squash: squash.value, squashUser: squashUser, squashGroup: squashGroup, map: map)
        } catch {
            throw Failure("--squash-user, --squash-group: \(error); only root can act as somebody else")
        }
    }

    /// What is listened on, but for clients behind a pair of descriptors: each of those takes threads.
    private func openSources() throws -> OpenedSources {
        let sources = OpenedSources()
        try withdrawing(sources) {
            for argument in listen where !argument.isPair { try listening.open(argument) { sources.add($0) } }
        }
        return sources
    }

    private var listening: Listening {
        Listening(
            socketMode: socketMode.value, allowsNetwork: allowNetwork,
            takesStrangers: trustClients || squash.value == .all)
    }

    func withdrawing<Result>(_ sources: OpenedSources, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch {
            sources.withdraw()
            throw error
        }
    }

    func socketServers(_ server: NinePServer, _ places: OpenedPlaces) throws -> [SocketServer] {
        for argument in listen where argument.isPair {
            try listening.open(argument) { places.sources.add($0) }
        }
        return try places.sources.takeAll { source in
            try SocketServer(
                server, source, trustsAnyUser: trustClients, journals: places.journals,
                grace: .seconds(patience))
        }
    }
}
