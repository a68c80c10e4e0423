import FuzzTargets
import Glibc

/// The target that VOP_FUZZ_TARGET names.
private let target: FuzzTarget = {
    let name = unsafe getenv("VOP_FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget.named(name) else {
        let known = FuzzTarget.all.map(\.name).joined(separator: ", ")
        fatalError("VOP_FUZZ_TARGET is '\(name)'; allowed are \(known)")
    }
    return target
}()

/// libFuzzer's entry point: one input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ byteCount: Int) -> CInt {
    // SAFETY: libFuzzer lends `byteCount` bytes for the length of this call; they are copied here.
    unsafe target.run(Array(UnsafeBufferPointer(start: bytes, count: byteCount)))
    return 0
}
