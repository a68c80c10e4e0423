public import SystemPackage

/// The door's one rule: a C shim answers a non-negative result or `-errno`.
///
/// - Throws: the errno, unchanged. `EINTR` is thrown like any other: who waits decides whether to wait again.
@inlinable
public func checked<Result: SignedInteger>(_ result: Result) throws(Errno) -> Result {
    guard result >= 0 else { throw Errno(rawValue: CInt(-result)) }
    return result
}
