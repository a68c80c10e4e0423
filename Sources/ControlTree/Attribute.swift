internal import LinuxSystem
internal import SystemPackage

/// A text file that shows one value, or takes one, or both.
///
/// A value is written whole, at offset 0, with or without a newline at its end, and is applied whole or refused. Reading takes a
/// snapshot at offset 0 and goes on in it; it has no side effect. What was refused through an open file that can also be read,
/// that file then reads as the sentence saying why, until the next write:
///
/// ```
///   exec 3<>links/ep0/devices/x/queues
///   echo 5 >&3          # write: Numerical result out of range
///   cat <&3             # links/ep0/devices/x/queues: 5 is above 4; …
/// ```
public final class Attribute: Node {
    /// The longest value that can be written, and the size `stat` shows.
    public static let byteCountMaximum = 4096

    let show: (() -> String)?
    let change: ((_ text: String, _ change: PendingChange) -> Void)?
    private(set) var version: UInt64 = 0
    private var lastShown: String?
    private let watchers = WatcherList()

    /// - Parameters:
    ///   - mode: 0o444 for state, 0o644 for what can be set, 0o200 for triggers.
    ///   - show: the value as text, one newline at most missing at its end; `nil` for a trigger.
    ///   - change: takes a new value, without its newline, and answers, now or later; `nil` for state.
    public init(
        mode: UInt32, show: (() -> String)?,
        change: ((_ text: String, _ change: PendingChange) -> Void)? = nil
    ) {
        self.show = show
        self.change = change
        super.init(mode: mode)
    }

    public override var byteCount: UInt64 {
        let shown = UInt64(lastShown?.utf8.count ?? 0)
        return max(1, (shown + 4095) / 4096) * 4096
    }

    public override func noteChange() {
        super.noteChange()
        version += 1
        watchers.wake()
    }

    override func detach() {
        super.detach()
        watchers.wake()
    }

    /// The text now, ended by a newline.
    func snapshot() -> String {
        var text = show?() ?? ""
        if text.last != "\n" { text.append("\n") }
        if let lastShown, lastShown != text { changeTime = .now }
        lastShown = text
        return text
    }

    /// - Throws: `EACCES` for reading a trigger or writing state, also by root; `ENODEV` when its object has been removed.
    public override func open(_ opening: Opening) throws(Refusal) -> any OpenNode {
        guard isAttached else { throw Refusal(.operationNotSupportedByDevice, "has been removed") }
        guard show != nil || opening.access != .reading else {
            throw Refusal(.permissionDenied, "is a trigger and cannot be read; write to it")
        }
        guard change != nil || opening.access == .reading else {
            throw Refusal(.permissionDenied, "shows state and cannot be written; open it for reading")
        }
        return OpenAttribute(self, opening.readiness, watchers)
    }
}

/// Values with a form of their own.
extension Attribute {
    /// State that shows a value.
    public convenience init<Value>(
        _ format: ValueFormat<Value>, mode: UInt32 = 0o444, get: @escaping () -> Value
    ) {
        self.init(mode: mode, show: { format.print(get()) })
    }

    /// A value that can be set.
    ///
    /// - Parameter set: applies a value of the right form, or throws what is wrong with it.
    public convenience init<Value>(
        _ format: ValueFormat<Value>, mode: UInt32 = 0o644, get: @escaping () -> Value,
        set: @escaping (Value, Requester) throws(Refusal) -> Void
    ) {
        self.init(
            mode: mode, show: { format.print(get()) },
            change: { text, change in
                change.answer { () throws(Refusal) in try set(try format.parse(text), change.requester) }
            })
    }

    /// A value whose setting may take its time.
    ///
    /// - Parameter set: applies it and answers `change`, now or later.
    public convenience init<Value>(
        _ format: ValueFormat<Value>, mode: UInt32 = 0o644, get: @escaping () -> Value,
        setLater: @escaping (Value, PendingChange) -> Void
    ) {
        self.init(
            mode: mode, show: { format.print(get()) },
            change: { text, change in
                do throws(Refusal) { setLater(try format.parse(text), change) } catch { change.refuse(error) }
            })
    }
}
