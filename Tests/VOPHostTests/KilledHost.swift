import CopyFile
import Foundation
import LinuxSystem
import SharedMemory
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Virtio

@testable import HostTestSupport
@testable import Links
@testable import VOPHost

/// `vophostd` with one link and one 9p device, started again whenever it has been killed, and the guest's side of that
/// link by raw bytes.
final class KilledHost {
    let directory: String
    private let killPoint: String?
    private var process: SpawnedProcess
    private let log: Foundation.FileHandle
    private let link: SharedMemoryLink
    private let guest: ScriptedGuest
    private(set) var killCount = 0
    private(set) var changes: [String] = []
    /// What is being configured, for failures.
    private var doing = "start"

    var tree: String { "\(directory)/host" }
    var device: String { "\(tree)/links/ep0/devices/d" }
    var copyPath: String { "\(device)/queues/0/copy" }

    init(at point: KillPoint?, count: Int = 1) throws {
        directory = "/tmp/vop-kill-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(unsafe mkdir(directory, 0o700) == 0 && mkdir(directory + "/host", 0o755) == 0)
        try #require(FileManager.default.createFile(atPath: directory + "/log", contents: nil))
        let written = Foundation.FileHandle(forWritingAtPath: directory + "/log")
        log = try #require(written)
        killPoint = point.map { "\($0.rawValue):\(count)" }
        process = try Self.start(directory, log, killPoint)
        link = try SharedMemoryLink(
            .guest,
            SharedMemorySettings(
                socketPath: directory + "/socket", windowByteCount: 1 << 20, firstRetry: .milliseconds(1),
                longestRetry: .milliseconds(20), recordPath: directory + "/guest"))
        guest = ScriptedGuest(link)
        try link.start()
        try serve { exists(tree + "/version") }
    }

    private static func start(
        _ directory: String, _ log: Foundation.FileHandle, _ killPoint: String?
    ) throws -> SpawnedProcess {
        let variable = killPoint.map { ["VOP_KILL_AT=\($0)"] } ?? []
        return try SpawnedProcess(
            "/usr/bin/env",
            variable + [
                CompanionProgram.path("vophostd"), "--tree", "\(directory)/host", "--state",
                "\(directory)/state",
            ], output: log.fileDescriptor)
    }

    deinit {
        link.stop()
        process.signal(SIGTERM)
        let limit = ContinuousClock.Instant.now + .seconds(20)
        while process.ending() == nil, .now < limit { usleep(5000) }
        process.killAndWait()
        try? FileManager.default.removeItem(atPath: directory)
    }

    // MARK: The process

    func kill() { process.signal(SIGKILL) }

    /// Starts it again if it has been killed: without the kill point, which did its work.
    private func superviseHost() throws {
        guard let ending = process.ending() else { return }
        let said = (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? ""
        try #require(ending == .signalled(SIGKILL), "it \(ending): \(said.suffix(600))")
        killCount += 1
        process = try Self.start(directory, log, nil)
    }

    /// Runs the guest's side until something is so.
    func serve(until isSo: () throws -> Bool) throws {
        let limit = ContinuousClock.Instant.now + HangGuard.limit
        while try !isSo() {
            let said = { (try? String(contentsOfFile: self.directory + "/log", encoding: .utf8)) ?? "" }
            try #require(.now < limit, "not in time, at \(doing): \(said().suffix(600))")
            try superviseHost()
            let events = try guest.service()
            switch events.peer {
            case .arrived: changes.append("arrived")
            case .resumed: changes.append("resumed")
            case .gone: changes.append("gone")
            case nil: break
            }
            usleep(200)
        }
    }

    // MARK: Its tree

    func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    func read(_ path: String) throws -> String {
        String(decoding: try ValueFile(reading: path).contents(), as: UTF8.self).trimmingCharacters(
            in: .newlines)
    }

    func write(_ value: String, to path: String) throws {
        try ValueFile(writing: path).write([UInt8]("\(value)\n".utf8))
    }

    /// What is missing of the link and the device; whoever is killed meanwhile is asked again.
    func configure() throws {
        let steps: [(path: String, value: String?)] = [
            ("\(tree)/links/ep0", nil), ("\(tree)/links/ep0/socket", "\(directory)/socket"),
            ("\(tree)/links/ep0/window_bytes", "1048576"), ("\(tree)/links/ep0/up", "1"), (device, nil),
            (device + "/type", "9p"), (device + "/tag", "t"), (device + "/queues/0/size", "8"),
            (device + "/published", "1"),
        ]
        for (path, value) in steps {
            doing = "\(path) = \(value ?? "")"
            try serve { step(path, value) }
        }
        doing = "configured"
    }

    private func step(_ path: String, _ value: String?) -> Bool {
        guard let value else { return unsafe mkdir(path, 0o755) == 0 || errno == EEXIST }
        if (try? read(path)) == value { return true }
        do { try write(value, to: path) } catch { doing = "\(path) = \(value): \(error)" }
        return (try? read(path)) == value
    }

    /// Waits for its tree's mount and the link's, and none of the dead: what is answered may be before the link's is there.
    func awaitBothMounts() throws { try serve { try mountCount() == 2 } }

    private func mountCount() throws -> Int {
        let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
        return mounts.split(separator: "\n").count { $0.contains(directory) }
    }

    // MARK: The guest's driver

    private var slot: ScriptedSlot?
    private var driver: ScriptedQueue?
    private var submitted = 0
    private var seen: UInt16 = 0
    private var pending: [UInt16: String] = [:]

    /// The guest sees the device.
    func find() throws -> ScriptedSlot {
        var slots: [ScriptedSlot] = []
        try serve {
            slots = link.state == .up ? try guest.slots() : []
            return slots.count == 1
        }
        return slots[0]
    }

    /// To DRIVER_OK.
    func drive() throws {
        let slot = try find()
        try guest.setConfigDoorbell(2)
        try slot.discover(doorbell: 3)
        try slot.askReset()
        try serve { try slot.byte(.hostAck) == 1 }
        try slot.setStatus(3)
        try slot.accept(1 << 32 | 1)
        try slot.setStatus(11)
        driver = try slot.setUpQueues()[0]
        try serve { try slot.byte(.usedAddressUpdated) == 0 }
        try slot.setStatus(15)
        try slot.kick()
        self.slot = slot
    }

    /// So many requests, four in flight; each must be answered once, with its own bytes reversed.
    func exchange(requests: Int) throws {
        let end = submitted + requests
        try serve {
            guard link.state == .up, let driver, let slot else { return false }
            try takeAnswers(driver)
            for head: UInt16 in [0, 2, 4, 6] where pending[head] == nil && submitted < end {
                submitted += 1
                let text = "\(submitted) \(UInt64.random(in: 0...UInt64.max))"
                pending[head] = text
                try driver.offer(text, head: head)
            }
            try slot.kick()
            return submitted == end && pending.isEmpty
        }
    }

    private func takeAnswers(_ driver: ScriptedQueue) throws {
        let index = try driver.usedIndex
        while seen != index {
            let (id, length) = try driver.usedElement(Int(seen) % 8)
            let answered = pending.removeValue(forKey: UInt16(id))
            let text = try #require(answered, "chain \(id) was given back and is not in flight")
            #expect(try driver.answer(Int(length), head: UInt16(id)) == String(text.reversed()))
            seen &+= 1
        }
    }
}

/// A backend behind the copy file that notes what it applied, keeps its answers, and opens the file again whenever its
/// tree is dead.
final class RecordingBackend: Sendable {
    struct Tally: Equatable {
        var tokens = 0
        /// The same token for another request, or without the flag.
        var appliedTwice = 0
        /// A chain that says it was delivered before, with other bytes than then.
        var strangeReplays = 0
    }

    private struct State {
        var answers: [UInt64: [UInt8]] = [:]
        var tally = Tally()
        var isEnding = false
    }

    private let state = Mutex(State())
    private let thread = Mutex<LinuxSystem.Thread?>(nil)

    init(_ path: String) throws {
        let started = try LinuxSystem.Thread("backend") { [self] in
            while !isEnding {
                do throws(Errno) {
                    serve(try CopyFileClient(path: path, isNonBlocking: true))
                } catch { usleep(2000) }
            }
        }
        thread.withLock { $0 = started }
    }

    private var isEnding: Bool { state.withLock { $0.isEnding } }

    func end() -> Tally {
        state.withLock { $0.isEnding = true }
        thread.withLock { $0.take() }?.join()
        return state.withLock { $0.tally }
    }

    private func serve(_ client: CopyFileClient) {
        var receiver = ChainReceiver(callByteCount: 4096)
        while !isEnding {
            do throws(CopyFileError) {
                guard try client.receive(&receiver) else {
                    usleep(300)
                    continue
                }
                var batch = BatchWriter(.toDevice)
                for chain in receiver.takeChains() { batch.complete(chain.token, payload: apply(chain)) }
                try client.send(batch)
            } catch { return }
        }
    }

    private func apply(_ chain: ReceivedChain) -> [UInt8] {
        let answer = [UInt8](chain.bytes.reversed())
        state.withLock { state in
            if let before = state.answers[chain.token] {
                if !chain.isRedelivered { state.tally.appliedTwice += 1 }
                if before != answer { state.tally.strangeReplays += 1 }
            } else {
                state.answers[chain.token] = answer
                state.tally.tokens += 1
            }
        }
        return answer
    }
}
