import TestSupport
import Testing

@Suite(.serialized) struct ProgramsTests {
    static let combinations: [(ServedDirectory.Server, String)] = [
        (.own, "none"), (.own, "mmap"), (.diod, "none"), (.diod, "mmap"),
    ]

    @Test("files behave on the mount as on a local file system", arguments: combinations)
    func files(server: ServedDirectory.Server, caching: String) throws {
        let directory = try ServedDirectory(server)
        let mount = try directory.mount(["--cache", caching])
        let (code, output) = try directory.check(
            "files.py", [directory.mountPoint, caching, server.rawValue])
        #expect(code == 0, "\(output); \(mount.output); \(directory.server.output)")
        #expect(try directory.end(mount) == 0)
    }

    @Test("random operations leave what they would leave in memory, on both sides", arguments: combinations)
    func randomOperations(server: ServedDirectory.Server, caching: String) throws {
        let directory = try ServedDirectory(server)
        let mount = try directory.mount(["--cache", caching])
        let arguments = [directory.mountPoint, directory.export, "\(Int.random(in: 0..<1_000_000))", caching]
        let (code, output) = try directory.check("random_operations.py", arguments)
        #expect(code == 0, "seed \(arguments[2]): \(output)")
        #expect(try directory.end(mount) == 0)
    }

    @Test(
        "messages of any allowed size carry any read and write", arguments: ["4096", "4097", "8191", "65535"])
    func smallMessages(msize: String) throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount(["--msize", msize])
        let arguments = [directory.mountPoint, directory.export, "1", "none"]
        let (code, output) = try directory.check("random_operations.py", arguments)
        #expect(code == 0, "\(output)")
        #expect(try directory.end(mount) == 0)
    }

    @Test("fcntl and flock locks hold between processes, are waited for, and go with their owners")
    func locks() throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount()
        let (code, output) = try directory.check("locks.py", [directory.mountPoint])
        #expect(code == 0, "\(output)")
        #expect(try directory.end(mount) == 0)
    }

    @Test(
        "4.3 (6): fcntl and flock locks hold between two mounts, and between a mount and local programs",
        arguments: ["none", "mmap"])
    func locksBetween(caching: String) throws {
        let directory = try ServedDirectory(.own)
        let mounts = [
            try directory.mount(["--cache", caching]), try directory.secondMount(["--cache", caching]),
        ]
        let (code, output) = try directory.check(
            "locks_between.py", [directory.mountPoint, directory.secondMountPoint, directory.export])
        #expect(code == 0, "\(output)")
        for mount in mounts { #expect(try directory.end(mount) == 0) }
    }

    @Test(
        "4.3: sparse files, times, large and changing directories, unlinked files, deep paths, mappings: both sides alike",
        arguments: ["none", "mmap"])
    func extremes(caching: String) throws {
        let directory = try ServedDirectory(.own)
        let mounts = [
            try directory.mount(["--cache", caching]), try directory.secondMount(["--cache", caching]),
        ]
        let (code, output) = try directory.check(
            "extremes.py", [directory.mountPoint, directory.secondMountPoint, directory.export, caching])
        #expect(code == 0, "\(output)")
        for mount in mounts { #expect(try directory.end(mount) == 0) }
    }

    @Test("files that are gone leave no fid behind on the server")
    func fids() throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount()
        func descriptorCount() throws -> Int {
            let listing = try Program(
                "/bin/ls", ["/proc/\(directory.server.identifier)/fd"], in: directory.base)
            _ = try listing.exitCode()
            return listing.output.split(separator: "\n").count
        }
        let before = try descriptorCount()
        let script =
            "for i in $(seq 300); do mkdir d$i; echo $i > d$i/f; cat d$i/f; done > /dev/null; rm -r d*"
        let shell = try Program(
            "/bin/sh", ["-c", "cd \(directory.mountPoint) && \(script)"], in: directory.base)
        #expect(try shell.exitCode() == 0, "\(shell.output)")
        try eventually("the descriptors are \(before) again") { try descriptorCount() <= before }
        #expect(try directory.end(mount) == 0)
    }

    @Test("a read-only mount refuses every change")
    func readOnly() throws {
        let directory = try ServedDirectory(.own)
        let mount = try directory.mount(["--read-only"])
        let shell = try Program("/bin/sh", ["-c", "echo x > \(directory.mountPoint)/f"], in: directory.base)
        #expect(try shell.exitCode() != 0)
        #expect(shell.output.contains("Read-only file system"))
        #expect(try directory.end(mount) == 0)
    }
}
