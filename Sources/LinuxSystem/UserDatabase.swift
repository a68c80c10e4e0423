import CLinux
import Synchronization
public import SystemPackage

/// Who the users of this system are. What that is made of is the administrator's choice (nsswitch.conf): files, modules and
/// servers to which a process that gives up what it does not need has no way any more. Such a one asks another that it
/// started before, has nothing of its own, and ends with it:
///
/// ```
///   kind, byte count, number or name ──► aside: getpwuid, getgrouplist, getpwnam
///             0 or -errno, number, count, groups ◄──
/// ```
public enum UserDatabase {
    struct Entry: Sendable, Hashable {
        let group: UInt32
        let groups: [UInt32]
    }

    private enum Question: UInt8 {
        case entry
        case number
    }

    private struct Answer {
        let number: UInt32
        let groups: [UInt32]
    }

    /// A directory service may be far away.
    private static let limit = Duration.seconds(30)
    private static let headByteCount = 12
    private static let aside = Mutex<Aside?>(nil)

    private final class Aside: Sendable {
        let stream: ByteStream
        init(_ stream: consuming ByteStream) { self.stream = stream }

        func ask(_ bytes: [UInt8]) throws(Errno) -> (result: CInt, answer: Answer) {
            try stream.write(bytes, within: limit)
            let head = try stream.readWhole(headByteCount, startingWith: [], within: limit)
            let count = min(Int(head.word(at: 8)), Int(CLINUX_GROUPS_MAX))
            let groups = try stream.readWhole(4 * count, startingWith: [], within: limit)
            let answer = Answer(number: head.word(at: 4), groups: (0..<count).map { groups.word(at: 4 * $0) })
            return (CInt(bitPattern: head.word(at: 0)), answer)
        }
    }

    /// From now on another process looks things up, one after the other. It has no more rights than this one has now.
    ///
    /// - Precondition: no other thread runs.
    public static func moveAside() throws(Errno) {
        var stream: CInt = -1
        guard try checked(unsafe clinux_fork_aside("9p-users", &stream)) != 0 else {
            answer(over: ByteStream(owning: OwnedDescriptor(owning: 3)))
        }
        let aside = Aside(ByteStream(owning: OwnedDescriptor(owning: stream)))
        self.aside.withLock { $0 = aside }
    }

    /// - Throws: `ENOENT` for a number nobody has; `EIO` when the process that would know is gone, or does not answer.
    static func entry(of user: UInt32) throws(Errno) -> Entry {
        let asked = try ask(.entry, [UInt8](littleEndian: user))
        let answer = if let asked { asked } else { try here(user) }
        return Entry(group: answer.number, groups: answer.groups)
    }

    /// - Throws: as above.
    static func number(of name: KernelText) throws(Errno) -> UInt32 {
        if let answer = try ask(.number, name.bytes) { return answer.number }
        return try here(name).number
    }

    // MARK: Here

    private static func here(_ user: UInt32) throws(Errno) -> Answer {
        var group: UInt32 = 0
        let groups = try unsafe UserIdentity.groupList {
            unsafe clinux_groups_of(user, &group, $0, Int(CLINUX_GROUPS_MAX))
        }
        return Answer(number: group, groups: groups)
    }

    private static func here(_ name: KernelText) throws(Errno) -> Answer {
        var number: UInt32 = 0
        _ = try checked(unsafe clinux_user_named(name.terminated, &number))
        return Answer(number: number, groups: [])
    }

    // MARK: There

    /// - Returns: `nil` when there is no other process.
    private static func ask(_ question: Question, _ bytes: [UInt8]) throws(Errno) -> Answer? {
        guard bytes.count <= UInt8.max else { throw .fileNameTooLong }
        // One question at a time: the answers have no names.
        let answered = try aside.withLock { aside throws(Errno) -> (result: CInt, answer: Answer)? in
            guard let aside else { return nil }
            do throws(Errno) { return try aside.ask([question.rawValue, UInt8(bytes.count)] + bytes) } catch {
                // Nobody knows where the stream stands.
                aside.stream.shutDown()
                throw .ioError
            }
        }
        guard let answered else { return nil }
        _ = try checked(answered.result)
        return answered.answer
    }

    private static func answer(over stream: consuming ByteStream) -> Never {
        do throws(Errno) {
            while true {
                let head = try stream.readWhole(2, startingWith: [], within: nil)
                let body = try stream.readWhole(Int(head[1]), startingWith: [], within: nil)
                try stream.write(reply(to: head[0], body), within: nil)
            }
        } catch {
            // Whoever asked is gone.
            ThisProcess.endAtOnce(0)
        }
    }

    private static func reply(to question: UInt8, _ body: [UInt8]) -> [UInt8] {
        do throws(Errno) {
            let answer: Answer
            switch Question(rawValue: question) {
            case .entry where body.count == 4: answer = try here(body.word(at: 0))
            case .number:
                answer = try here(KernelText(untrusted: body, maximumByteCount: Int(UInt8.max)))
            default: throw .invalidArgument
            }
            var bytes = [UInt8](littleEndian: 0) + [UInt8](littleEndian: answer.number)
            bytes += [UInt8](littleEndian: UInt32(answer.groups.count))
            for group in answer.groups { bytes += [UInt8](littleEndian: group) }
            return bytes
        } catch {
            return [UInt8](littleEndian: UInt32(bitPattern: -error.rawValue))
                + [UInt8](repeating: 0, count: 8)
        }
    }
}

extension [UInt8] {
    fileprivate init(littleEndian number: UInt32) {
        self = (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }

    /// - Precondition: it lies inside.
    fileprivate func word(at position: Int) -> UInt32 { span.littleEndian(at: position) }
}
