import ControlTree
import FUSEMount
import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@Suite("What people do to a tree is harmless", .serialized)
struct HarmlessTests {
    /// A tree with everything in it, which counts what was changed or opened as a stream.
    private func makeTree(_ touched: Box<Int>, allowsOthers: Bool = false) throws -> ServedTree {
        try ServedTree(allowsOthers: allowsOthers) { root in
            root.add("version", Attribute(.text(byteCountAtMost: 80), get: { "1.0" }))
            root.add("events", EventsNode(EventLog()))
            let device = root.addDirectory("links").addDirectory("ep0").addDirectory("con0")
            device.add(
                "size", Attribute(.unsigned(in: 0...9), get: { 3 }, set: { _, _ in touched.value += 1 }))
            device.add(
                "reset",
                Attribute(
                    mode: 0o200, show: nil,
                    change: { _, change in
                        touched.value += 1
                        change.succeed()
                    }))
            device.add(
                "page.bin",
                BinaryAttribute(mode: 0o444, count: { 4096 }, show: { Array(repeating: 0, count: 4096) }))
            device.add(
                "stream",
                StreamNode { opening in
                    touched.value += 1
                    return ScriptedStream(opening)
                })
        }
    }

    @Test(
        "reading everything ends, and changes nothing",
        arguments: [
            "ls -lR \"$1\"", "find \"$1\" -newer / -type f", "grep -r 1.0 \"$1\"",
            "tar -C \"$1\" -cf /dev/null .",
            "d=$(mktemp -d) && cp -a \"$1\"/. $d; rm -rf $d", "du -a \"$1\"", "stat -f \"$1\"",
            "cat \"$1\"/*",
        ])
    func reading(line: String) throws {
        let touched = Box(0)
        let tree = try makeTree(touched)
        defer { tree.end() }
        _ = try Program.shell(line, tree.path)
        #expect(touched.value == 0)
    }

    @Test("a tool that reads finds the values, with their sizes and a stable order")
    func finding() throws {
        let tree = try makeTree(Box(0))
        defer { tree.end() }
        #expect(try Program.shell("grep -rh 1.0 \"$1\"", tree.path).output.contains("1.0\n"))
        let listed = try Program.shell("ls -fA \"$1\"/links/ep0/con0", tree.path).output
        #expect(listed == "size\nreset\npage.bin\nstream\n")
        let copied = try Program.shell(
            "d=$(mktemp -d) && cp -a \"$1\"/links/ep0/con0/size \"$1\"/links/ep0/con0/page.bin $d && cat $d/size && "
                + "stat -c %s $d/page.bin; rm -rf $d", tree.path)
        #expect(copied.output == "3\n4096\n")
    }

    @Test(
        "the kernel keeps others out until they are let in",
        .enabled(if: ProcessOwner.user == 0, "needs two users"))
    func permissions() throws {
        let touched = Box(0)
        let tree = try makeTree(touched, allowsOthers: true)
        defer { tree.end() }
        let size = tree.file("links/ep0/con0/size")
        let asOther = "exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "
        #expect(try Program.shell(asOther + "'cat \"$1\"' sh \"$1\"", size).output == "3\n")
        let refused = try Program.shell(asOther + "'echo 4 > \"$1\"' sh \"$1\"", size)
        #expect(!refused.isSuccess && refused.output.contains("Permission denied"))
        #expect(touched.value == 0)
        #expect(!(try Program.shell(asOther + "'chmod 666 \"$1\"' sh \"$1\"", size)).isSuccess)
        try Client.check(unsafe chown(size, 65534, 65534))
        #expect(
            try Program.shell(asOther + "'echo 4 > \"$1\" && chmod 600 \"$1\"' sh \"$1\"", size).isSuccess)
        #expect(touched.value == 1)
    }
}
