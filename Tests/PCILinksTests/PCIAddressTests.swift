import PCILinks
import Testing

@Suite("PCI address")
struct PCIAddressTests {
    @Test(
        "is read in every short form, and written in full",
        arguments: [
            ("0000:00:02.0", "0000:00:02.0"), ("00:02.0", "0000:00:02.0"), ("2.0", "0000:00:02.0"),
            ("00:02", "0000:00:02.0"), ("10000:e1:1F.7", "10000:e1:1f.7"),
        ])
    func forms(text: String, says: String) {
        #expect(PCIAddress(text)?.description == says)
    }

    @Test(
        "what is none is refused",
        arguments: [
            "", ":", ".", "00:02.", "00:20.0", "00:02.8", "100:02.0", "0000:00:02.0.0", "0:0:0:2.0",
            "+1:02.0",
            "00:-2.0", "00:02.0 ", "123456789:00:02.0", "x",
        ])
    func refused(text: String) {
        #expect(PCIAddress(text) == nil)
    }

    @Test("addresses are in the bus's order")
    func order() {
        let sorted = ["0:1f.7", "1:00.0", "1:00.1", "0001:0:0.0"].compactMap(PCIAddress.init)
        #expect(sorted.count == 4 && sorted.shuffled().sorted() == sorted)
    }
}
