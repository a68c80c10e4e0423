import ControlTree
import SystemPackage
import Testing

/// The errno a text is refused with, `nil` when it is taken.
private func refusal<Value>(_ format: ValueFormat<Value>, _ text: String) -> Errno? {
    do throws(Refusal) {
        _ = try format.parse(text)
        return nil
    } catch { return error.errno }
}

@Suite("Values as text")
struct ValueFormatTests {
    @Test("a number is decimal or hexadecimal after 0x, and shown in decimal")
    func numbers() throws {
        let format = ValueFormat<UInt64>.unsigned(in: 1...128)
        #expect(try format.parse("0x10") == 16)
        #expect(try format.parse(" 128 ") == 128)
        #expect(format.print(16) == "16")
        #expect(refusal(format, "129") == .outOfRange)
        #expect(refusal(format, "99999999999999999999999") == .outOfRange)
        for text in ["", "+1", "-1", "1 2", "0x", "0x-1", "1.5", "4K"] {
            #expect(refusal(format, text) == .invalidArgument, "\(text)")
        }
    }

    @Test("a refusal says what was written, what is allowed, and why")
    func sentence() {
        let format = ValueFormat<UInt64>.unsigned(in: 1...4, note: "MIC profile")
        #expect(throws: Refusal(.outOfRange, "'5' is above 4; write a number from 1 to 4 (MIC profile)")) {
            try format.parse("5")
        }
    }

    @Test("a size takes K, M, G and T, and is shown in bytes")
    func sizes() throws {
        let format = ValueFormat<UInt64>.byteCount(in: 4096...1 << 40)
        #expect(try format.parse("64M") == 64 << 20)
        #expect(try format.parse("1GiB") == 1 << 30)
        #expect(try format.parse("0x1000") == 4096)
        #expect(format.print(64 << 20) == "67108864")
        #expect(refusal(format, "64X") == .invalidArgument)
        #expect(refusal(format, "1K") == .outOfRange)
        #expect(refusal(format, "99999999T") == .outOfRange)
        #expect(format.allowed == "a size from 4K to 1T, as 4096, 64K or 16M")
    }

    @Test("a time takes its unit, and is shown with the largest that needs no fraction")
    func durations() throws {
        let format = ValueFormat<Duration>.duration(in: .milliseconds(1)...(.seconds(3600)))
        #expect(try format.parse("10s") == .seconds(10))
        #expect(try format.parse("1m") == .seconds(60))
        #expect(format.print(.milliseconds(1500)) == "1500ms")
        #expect(format.print(.seconds(120)) == "2m")
        #expect(format.print(.zero) == "0s")
        #expect(refusal(format, "10") == .invalidArgument)
        #expect(refusal(format, "1.5s") == .invalidArgument)
        #expect(refusal(format, "2h") == .outOfRange)
        #expect(refusal(format, "9999999999999999h") == .outOfRange)
    }

    @Test("names, paths, masks, switches and hardware addresses keep to their forms")
    func others() throws {
        for name in ["a", "ep0", "con0.x_y-z", "0", String(repeating: "n", count: 63)] {
            #expect(refusal(.name, name) == nil, "\(name)")
        }
        for name in ["", "-a", ".a", "a/b", "a b", "ä", String(repeating: "n", count: 64)] {
            #expect(refusal(.name, name) == .invalidArgument, "\(name)")
        }
        #expect(try ValueFormat.optionalName.parse("") == "")
        #expect(refusal(.absolutePath(), "/run/vop/ep0.socket") == nil)
        #expect(refusal(.absolutePath(), "run") == .invalidArgument)
        #expect(refusal(.absolutePath(), "/run/../etc") == .invalidArgument)
        #expect(refusal(.absolutePath(orNothing: true), "") == nil)
        #expect(ValueFormat.mask.print(0x1_3000_0020) == "0x130000020")
        #expect(try ValueFormat.mask.parse("0x130000020") == 0x1_3000_0020)
        #expect(refusal(.boolean, "yes") == .invalidArgument)
        #expect(try ValueFormat.macAddress.parse("02:00:00:00:00:0a") == [2, 0, 0, 0, 0, 10])
        #expect(ValueFormat.macAddress.print([2, 0, 0, 0, 0, 10]) == "02:00:00:00:00:0a")
        #expect(refusal(.macAddress, "01:00:00:00:00:01") == .outOfRange)
        #expect(refusal(.macAddress, "2:0:0:0:0:1") == .invalidArgument)
        #expect(refusal(.macAddress, "02:-0:00:00:00:01") == .invalidArgument)
        #expect(refusal(.choice(["loopback", "shm"]), "pci") == .invalidArgument)
    }
}
