import LinuxSystem
import Testing

@Suite struct TextRecordTests {
    private let heading = ["vop-test 1", "side host"]
    private var record: TextRecord {
        TextRecord(
            heading,
            [
                TextRecord.Line("meeting", [.max]),
                TextRecord.Line("device", [0, 7], names: ["a b\nü", ""]),
                TextRecord.Line("nothing", []),
            ])
    }

    @Test("a record comes back as it was written, and nothing that is torn does")
    func roundTrip() {
        #expect(TextRecord(heading, text: record.text) == record)
        for count in 0..<record.text.utf8.count {
            let torn = String(decoding: record.text.utf8.prefix(count), as: UTF8.self)
            #expect(TextRecord(heading, text: torn) == nil)
        }
    }

    @Test(
        "what no record gives is none",
        arguments: [
            ("vop-test 1", "vop-test 2"), ("device 0", "device +0"), ("device 0", "device 00"),
            ("device 0", "device  0"), ("device 0", "device 18446744073709551616"),
            ("device 0", "device x61 0"),
            ("x61", "x6"), ("x61", "X61"), ("end\n", "end"), ("end\n", "end\n\n"), ("meeting", "\nmeeting"),
        ])
    func altered(original: String, other: String) throws {
        let text = record.text.replacing(original, with: other)
        try #require(text != record.text)
        #expect(TextRecord(heading, text: text) == nil)
    }
}
