/// A decoder or a state machine that takes whatever bytes it is given. A run that comes back has held: what must not happen
/// traps.
public struct FuzzTarget: Sendable {
    /// Names its corpus directory too.
    public let name: String
    public let run: @Sendable (_ input: [UInt8]) -> Void

    /// Every target, in the order of the layers.
    public static let all = [
        pageWalk, deviceQueue, driverQueue, copyBatch, ninepRequest, ninepReply, controlAttribute, meeting,
        memoryMeeting,
    ]

    public static func named(_ name: String) -> FuzzTarget? { all.first { $0.name == name } }
}

/// What must hold whatever the input was.
func require(_ holds: Bool, _ rule: @autoclosure () -> String) {
    guard holds else { fatalError("does not hold: \(rule())") }
}
