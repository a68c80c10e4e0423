/// Columns of text, as wide as what stands in them, two spaces apart; nothing at all where there are no rows.
public struct TextTable: Sendable {
    public enum Column: Sendable {
        case left(String)
        case right(String)

        var title: String {
            switch self {
            case .left(let title), .right(let title): title
            }
        }

        func padded(_ cell: String, to width: Int) -> String {
            let padding = String(repeating: " ", count: width - cell.count)
            return switch self {
            case .left: cell + padding
            case .right: padding + cell
            }
        }
    }

    public let columns: [Column]
    public let rows: [[String]]

    public init(columns: [Column], rows: [[String]]) {
        self.columns = columns
        self.rows = rows
    }

    /// Without a newline at its end.
    public var text: String { text(within: .max) }

    /// The same, its widest columns cut with `…` until no line is wider than `width`.
    public func text(within width: Int) -> String {
        guard !rows.isEmpty else { return "" }
        let lines = [columns.map(\.title)] + rows
        let widths = fittedWidths(lines, width)
        return lines.map { cells in
            let padded = columns.indices.map { column in
                columns[column].padded(Self.cut(cells[column], to: widths[column]), to: widths[column])
            }
            return String(padded.joined(separator: "  ").reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }

    private func fittedWidths(_ lines: [[String]], _ width: Int) -> [Int] {
        var widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        while widths.reduce(2 * (widths.count - 1), +) > width, let widest = widths.max(), widest > 1,
            let column = widths.firstIndex(of: widest)
        {
            widths[column] -= 1
        }
        return widths
    }

    private static func cut(_ cell: String, to width: Int) -> String {
        cell.count <= width ? cell : cell.prefix(width - 1) + "…"
    }
}
