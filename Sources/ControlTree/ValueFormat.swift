internal import SystemPackage

/// How values of one kind look as text: what can be written, what is shown, and what is said of a wrong one.
public struct ValueFormat<Value> {
    private let parser: (String) throws(Refusal) -> Value
    private let printer: (Value) -> String
    /// What may be written, as it ends a sentence that begins "write …".
    public let allowed: String

    public init(
        allowed: String, parse: @escaping (String) throws(Refusal) -> Value,
        print: @escaping (Value) -> String
    ) {
        parser = parse
        printer = print
        self.allowed = allowed
    }

    /// The value that a text states; spaces around it do not count.
    ///
    /// - Throws: `EINVAL` for the wrong form, `ERANGE` outside the bounds: the writer's fault.
    public func parse(_ text: String) throws(Refusal) -> Value {
        var trimmed = Substring(text)
        while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
        while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
        return try parser(String(trimmed))
    }

    /// The canonical text, which `parse` takes.
    public func print(_ value: Value) -> String { printer(value) }
}

extension Refusal {
    /// EINVAL: `text` is not of the form.
    static func form(_ text: String, _ problem: String, allowed: String) -> Refusal {
        Refusal(.invalidArgument, "'\(shortened(text))' \(problem); write \(allowed)")
    }

    /// ERANGE: `text` is of the form and outside the bounds.
    static func bounds(_ text: String, _ problem: String, allowed: String) -> Refusal {
        Refusal(.outOfRange, "'\(shortened(text))' \(problem); write \(allowed)")
    }

    private static func shortened(_ text: String) -> String {
        text.count <= 80 ? text : text.prefix(77) + "..."
    }
}
