import DevicePage
import FoundationEssentials
import SharedMemory
import TestSupport
import Testing

@Suite("The page as a report")
struct PageReportTests {
    @Test(
        "tables are at most 100 columns wide, and every line ends",
        arguments: [
            "net-example", "all-devices", "removed", "full", "no-magic", "broken-rings", "broken-removed",
        ])
    func width(name: String) throws {
        let text = try PageReport(decoding: GoldenFile.bytes("\(name).bin")).text
        #expect(text.hasSuffix("\n"))
        for line in text.split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
    }

    @Test("the worked example's table")
    func netExample() throws {
        let report = try PageReport(decoding: GoldenFile.bytes("net-example.bin"))
        #expect(
            report.text == """
                magic 0xc0ffee00  config doorbell 3  node 1  devices 1  removed 0  free 3968 bytes

                SLOT  OFFSET  BYTES  TYPE  OFFERED             NEGOTIATED          H2G  G2H  STATUS
                   0      24    104  net   0x00000001000003c1  0x0000000100000041    7    5  0x0f driver-ok

                SLOT  QUEUE  SIZE  ADDRESS             USED ADDRESS
                   0      0   128  0x0000000000010000  0x0000000040000000
                   0      1   128  0x0000000000012000  0x0000000040001000

                SLOT  AT  CONFIG SPACE
                   0   0  52 54 00 12 34 56 01 00 01 00 dc 05

                """)
    }

    @Test("a broken page says where and why; an empty or foreign one says that")
    func endings() throws {
        let broken = try PageReport(decoding: GoldenFile.bytes("broken-rings.bin"))
        #expect(broken.text.contains("broken at 80: 5 queues, at most 4; what lies behind cannot be found"))
        #expect(!broken.isSound)
        #expect(try PageReport(decoding: GoldenFile.bytes("no-magic.bin")).text.contains("no device page"))
        #expect(try PageReport(decoding: GoldenFile.bytes("full.bin")).isSound)
    }

    @Test(
        "JSON comes back as the same value, on one line or many",
        arguments: ["net-example", "removed", "broken-end"])
    func json(name: String) throws {
        let report = try PageReport(decoding: GoldenFile.bytes("\(name).bin"))
        for pretty in [false, true] {
            let text = report.json(pretty: pretty)
            #expect(text.contains("\n") == pretty)
            #expect(try JSONDecoder().decode(PageReport.self, from: Data(text.utf8)) == report)
        }
        #expect(report.json().contains(#""schema":1"#))
        #expect(report.json().contains(#""reason":null"#) == (name != "broken-end"))
    }

    @Test("a dump is 4096 bytes", arguments: [0, 4095, 4097])
    func dumpLength(count: Int) {
        #expect(throws: DumpError.length(count)) {
            try PageReport(decoding: [UInt8](repeating: 0, count: count))
        }
    }
}
