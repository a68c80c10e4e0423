import CLinux
import Glibc
public import SystemPackage

/// Which system calls a process may make from some moment on: a program that the kernel runs before each (seccomp(2)).
///
/// What it is shown, `struct seccomp_data`, and an instruction of it, `struct sock_filter`:
///
/// ```
///    0        4              8                     16            24                   63
///   ┌────────┬──────────────┬─────────────────────┬─────────────┬─────────────────────┐
///   │ number │ architecture │ instruction pointer │ argument 0  │ arguments 1 to 5    │   in this machine's order
///   └────────┴──────────────┴─────────────────────┴─────────────┴─────────────────────┘
///    0      2      3      4            7
///   ┌──────┬──────┬──────┬─────────────┐  code: load a word of the above, compare it with k, or return k
///   │ code │  jt  │  jf  │      k      │  jt, jf: how many instructions to leave out when it compares, and when not
///   └──────┴──────┴──────┴─────────────┘
/// ```
///
/// Each rule is a block that begins with "is it this call? else leave this block out" and ends by returning, so that the
/// rules may be read from top to bottom, and what none of them is about ends at the last instruction: EPERM.
public struct CallFilter: Sendable {
    /// When a call is allowed; a condition looks at the lower 32 bits of one argument.
    public enum Condition: Sendable {
        case always
        case argumentIs(Int, oneOf: [UInt32])
        case argumentHas(Int, allOf: UInt32)
        case argumentLacks(Int, allOf: UInt32)
        /// Never, and answered so: for callers that know another way.
        case never(Errno)
    }

    public struct Rule: Sendable {
        public let number: UInt32
        public let condition: Condition

        /// - Parameter number: `SYS_…`.
        init(_ number: CInt, _ condition: Condition) {
            (self.number, self.condition) = (UInt32(number), condition)
        }
    }

    public let rules: [Rule]
    /// The newest call that whoever wrote the rules knew of. A newer one answers ENOSYS, as on the kernel they were written
    /// for, and its callers use an older one.
    public let newestKnown: UInt32

    public init(_ rules: [Rule], newestKnown: UInt32) {
        (self.rules, self.newestKnown) = (rules, newestKnown)
    }

    /// Holds every thread of the process to it, or the calling one and those it starts; none is ever let off again, nor
    /// are programs that they run. The kernel's log says what was refused.
    ///
    /// - Throws: `EINVAL` where the kernel has no such filters, `ENOSYS` on a machine whose calls we do not know.
    public func enforce(onAllThreads: Bool) throws(Errno) {
        guard clinux_audit_architecture() != 0 else { throw .noFunction }
        let program = instructions
        // SAFETY: the array's own storage with its own count, which the kernel copies.
        let result = unsafe program.withUnsafeBufferPointer {
            unsafe clinux_filter_calls($0.baseAddress, $0.count, onAllThreads ? 1 : 0)
        }
        _ = try checked(result)
    }

    // MARK: The program

    private static let numberOffset: UInt32 = 0
    private static let architectureOffset: UInt32 = 4

    private var instructions: [sock_filter] {
        var program = [
            Self.load(Self.architectureOffset), Self.skipping(1, whenEqualTo: clinux_audit_architecture()),
            // A call by another machine's numbers: nobody but an intruder makes one.
            Self.returning(SECCOMP_RET_KILL_PROCESS),
            Self.load(Self.numberOffset), Self.passing(1, unlessAbove: newestKnown),
            Self.returning(.noFunction),
        ]
        for rule in rules {
            let answer = Self.answer(under: rule.condition)
            program.append(Self.compare(BPF_JEQ, rule.number, whenTrue: 0, whenFalse: answer.count))
            program += answer
        }
        return program + [Self.returning(.notPermitted)]
    }

    private static func answer(under condition: Condition) -> [sock_filter] {
        let refused = returning(.notPermitted)
        return switch condition {
        case .always: [allowed]
        case .never(let error): [returning(error)]
        case .argumentIs(let index, oneOf: let values):
            // From each value to the instruction behind the refusal.
            [load(lowerWordOf: index)]
                + values.enumerated().map { skipping(values.count - $0.offset, whenEqualTo: $0.element) }
                + [refused, allowed]
        case .argumentHas(let index, allOf: let bits):
            [
                load(lowerWordOf: index), instruction(BPF_ALU | BPF_AND | BPF_K, bits),
                skipping(1, whenEqualTo: bits), refused, allowed,
            ]
        case .argumentLacks(let index, allOf: let bits):
            [load(lowerWordOf: index), compare(BPF_JSET, bits, whenTrue: 0, whenFalse: 1), refused, allowed]
        }
    }

    private static func instruction(_ code: CInt, _ k: UInt32, jt: Int = 0, jf: Int = 0) -> sock_filter {
        sock_filter(code: UInt16(code), jt: UInt8(jt), jf: UInt8(jf), k: k)
    }

    private static func load(_ offset: UInt32) -> sock_filter {
        instruction(BPF_LD | BPF_W | BPF_ABS, offset)
    }

    private static func load(lowerWordOf argument: Int) -> sock_filter {
        precondition((0..<6).contains(argument), "a call has six arguments")
        return load(16 + 8 * UInt32(argument) + (1.littleEndian == 1 ? 0 : 4))
    }

    private static func compare(_ how: CInt, _ value: UInt32, whenTrue: Int, whenFalse: Int) -> sock_filter {
        instruction(BPF_JMP | how | BPF_K, value, jt: whenTrue, jf: whenFalse)
    }

    private static func skipping(_ count: Int, whenEqualTo value: UInt32) -> sock_filter {
        compare(BPF_JEQ, value, whenTrue: count, whenFalse: 0)
    }

    private static func passing(_ count: Int, unlessAbove value: UInt32) -> sock_filter {
        compare(BPF_JGT, value, whenTrue: 0, whenFalse: count)
    }

    private static func returning(_ action: UInt32) -> sock_filter { instruction(BPF_RET | BPF_K, action) }

    private static func returning(_ error: Errno) -> sock_filter {
        returning(UInt32(SECCOMP_RET_ERRNO) | UInt32(error.rawValue))
    }

    private static var allowed: sock_filter { returning(UInt32(SECCOMP_RET_ALLOW)) }
}
