import ArgumentParser
import DevicePage
import LinuxSystem
import SystemPackage

struct PageShow: Verb {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show the page of a link, decoded.",
        usage: "vopctl page show [OPTION]... LINK")

    @Argument(help: "The link.")
    var link: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        PageOutput.of(try PageReport(decoding: LinkPage.bytes(of: link, options)), object: link)
    }
}

struct PageDump: Verb {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Write the page of a link, 4096 raw bytes, to standard output.",
        usage: "vopctl page dump [OPTION]... LINK")

    @Argument(help: "The link.")
    var link: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output { Output(raw: try LinkPage.bytes(of: link, options)) }
}

struct PageDecode: Verb {
    static let configuration = CommandConfiguration(
        commandName: "decode", abstract: "Decode a dump of a page, from anywhere.",
        usage: "vopctl page decode [OPTION]... FILE|-",
        discussion:
            "Exits 1, after printing what could be read, when the dump is no device page or a slot is broken."
    )

    @Argument(help: "A file of 4096 bytes; - is standard input.")
    var file: String

    @OptionGroup var options: GlobalOptions

    func perform() throws -> Output {
        let bytes = try dump()
        do throws(DumpError) { return PageOutput.of(try PageReport(decoding: bytes), object: file) } catch {
            throw Failure(.local, "\(file): \(error)", object: file)
        }
    }

    private func dump() throws(Failure) -> [UInt8] {
        do throws(Errno) {
            return try file == "-"
                ? StandardInput.contents(limit: 4096) : ValueFile(reading: file).read(at: 0)
        } catch {
            throw Failure(
                error == .noSuchFileOrDirectory ? .notFound : .local, "\(file): \(error)", errno: error,
                object: file)
        }
    }
}

/// The bytes of a link's page, from its tree.
private enum LinkPage {
    static func bytes(of name: String, _ options: GlobalOptions) throws(Failure) -> [UInt8] {
        let link = try Trees(options).link(name)
        let bytes = try link.tree.bytes("\(link.path)/page.bin") ?? []
        guard bytes.isEmpty else { return bytes }
        let state = try link.tree.text("\(link.path)/state") ?? "down"
        throw Failure(
            .refused,
            "link \(name) is \(state): it has a page once both sides have met; see vopctl link show \(name)",
            object: name)
    }
}

private enum PageOutput {
    static func of(_ report: PageReport, object: String) -> Output {
        Output(
            report.text, json: report.json(), prettyJSON: report.json(pretty: true),
            complaint: complaint(report, object))
    }

    private static func complaint(_ report: PageReport, _ object: String) -> Failure? {
        if !report.isMagicRight {
            return Failure(
                .local, "\(object) is no device page: its magic is \(report.magic), not 0xc0ffee00",
                object: object)
        }
        guard report.end.kind == .broken else { return nil }
        let reason = report.end.reason.value ?? "unknown"
        return Failure(
            .local, "\(object) is broken at \(report.end.offset): \(reason); slots behind it cannot be found",
            object: object)
    }
}
