import ArgumentParser
import Commands
import LinuxSystem

/// The command and its objects. What a word means is decided by `CommandWords` before anything is parsed.
struct VOPControl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vopctl",
        abstract: "Looks at and changes VOP links, devices and drivers.",
        usage: "vopctl [OPTION]... OBJECT [VERB] [ARGUMENT]...",
        discussion: """
            Works through the control trees that vophostd and vopguestd mount, and through nothing else; only pci looks \
            at this machine's bus. A DEVICE is LINK/NAME. Objects and verbs may be shortened as long as they stay unambiguous; without a verb it is show. \
            Options may stand anywhere. -b FILE performs a command a line (- is standard input). add-device is device add.

            Exit codes: 0 done; 1 wrong usage, or something on this side; 2 the service or the other side refused; \
            3 timed out; 4 not found; 5 partly done (batch).
            """,
        version: Version.line(of: "vopctl"),
        subcommands: [
            LinkObject.self, PageObject.self, DeviceObject.self, QueueObject.self, DriverObject.self,
            PCIObject.self, MonitorVerb.self,
        ])
}

struct LinkObject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "link", abstract: "What joins two sides: windows of memory and doorbells.",
        subcommands: [
            LinkShow.self, LinkList.self, LinkAdd.self, LinkDelete.self, LinkPing.self, LinkTest.self,
            LinkPerf.self,
            LinkPeek.self, LinkPoke.self, LinkRing.self,
        ])
}

struct PageObject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "page", abstract: "The device page of a link: which devices it lists.",
        subcommands: [PageShow.self, PageDump.self, PageDecode.self])
}

struct DeviceObject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "A virtio device on a link's page.",
        subcommands: [
            DeviceShow.self, DeviceList.self, DeviceAdd.self, DeviceSet.self, DeviceDelete.self,
            DeviceReset.self,
        ])
}

struct QueueObject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "A device's virtqueues.",
        subcommands: [QueueShow.self, QueueDump.self])
}

struct DriverObject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "driver", abstract: "What drives a device on the guest's side.",
        subcommands: [DriverList.self, DriverBind.self, DriverUnbind.self])
}

struct PCIObject: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pci", abstract: "PCI functions of this machine that could be links.",
        subcommands: [PCIList.self])
}
