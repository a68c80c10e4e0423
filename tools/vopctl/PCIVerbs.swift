import ArgumentParser
import PCILinks
import SystemPackage

struct PCIList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List what on the PCI bus could be a link, and what it lacks.",
        usage: "vopctl pci list [OPTION]... [ADDRESS]",
        discussion: """
            Looks at this machine's bus, and changes nothing. Which functions can be links is said by rules: the \
            built-in ones, and before them those of /etc/vop/pci-rules, or of --rules FILE. For a function that is not \
            ready the lines follow that make it so, for root to run. With -d other functions are listed as well.
            """)

    @Argument(help: "One function, such as 0000:00:02.0 or 00:02.0; all without one.")
    var address: String?

    @Option(help: ArgumentHelp("Look at a dump instead, as lspci -xxxx prints it.", valueName: "file"))
    var dump: String?

    @Option(help: ArgumentHelp("Where sysfs is (default: /sys).", valueName: "path"))
    var sysfs: String?

    @Option(
        help: ArgumentHelp(
            "Rules that come before the built-in ones (default: /etc/vop/pci-rules).", valueName: "file"))
    var rules: String?

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let table = try self.table()
        var listing = try self.listing(table)
        if let address {
            guard let wanted = PCIAddress(address) else {
                throw Failure(
                    .local, "'\(address)' is no PCI address; give one such as 0000:00:02.0 or 00:02.0",
                    object: address)
            }
            listing = try listing.narrowed(to: wanted)
        }
        return listing.output(options, isDump: dump != nil)
    }

    private func table() throws(Failure) -> RuleTable {
        do throws(RuleFileError) { return try RuleFile.table(rules) } catch {
            guard case .unreadable(let path, let errno) = error else { throw Failure(.local, "\(error)") }
            throw Failure(
                errno == .noSuchFileOrDirectory ? .notFound : .local, "\(error)", errno: errno, object: path)
        }
    }

    private func listing(_ table: RuleTable) throws(Failure) -> PCIListing {
        let bus: PCIBus = dump.map(PCIBus.dump) ?? .system(sysfs: sysfs ?? "/sys", devices: "/dev")
        do throws(PCIError) {
            let (candidates, others) = try LinkCandidate.all(on: bus, by: table)
            return PCIListing(candidates: candidates, others: others)
        } catch {
            throw Failure(.local, "\(error)", object: dump)
        }
    }
}
