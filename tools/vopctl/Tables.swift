import DevicePage

/// Tables as this program prints them.
enum Tables {
    /// At most 100 columns unless details are asked for; a sentence where there are no rows.
    static func text(
        _ columns: [TextTable.Column], _ rows: [[String]], _ options: GlobalOptions, ifEmpty sentence: String
    ) -> String {
        guard !rows.isEmpty else { return sentence + "\n" }
        let cells = rows.map { row in row.map { $0.isEmpty ? "-" : $0 } }
        return TextTable(columns: columns, rows: cells).text(within: options.details ? .max : 100) + "\n"
    }

    /// Names and values below a title.
    static func attributes(_ title: String, _ list: AttributeList, _ options: GlobalOptions) -> String {
        let table = TextTable(columns: [.left(title), .left("")], rows: list.rows)
        return table.text(within: options.details ? .max : 100) + "\n"
    }

    /// Powers of two with their unit.
    static func size(_ text: String) -> String {
        guard let count = Int(text), count > 0 else { return text }
        for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] where count % (1 << shift) == 0 {
            return "\(count >> shift) \(unit)"
        }
        return "\(count) bytes"
    }
}
