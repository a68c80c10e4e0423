import LinuxSystem
import SystemPackage

/// An effect that is about to be made, and what was there before: written down first, so that after a crash the file
/// system can be asked whether it was.
struct Intent: Sendable {
    let kind: Effect.Kind
    /// By the clock that stamps inodes.
    let time: Int64
    let files: [FileRecord]
    let names: [[UInt8]]
    let numbers: [UInt64]
    let before: [FileMark]

    /// - Throws: why what is there cannot be told; then the effect must not be made.
    init(_ effect: Effect) throws(Errno) {
        (kind, files, names, numbers) = (effect.kind, effect.files, effect.names, effect.numbers)
        time = FileClock.now
        before = try effect.marks()
    }

    init?(from reader: inout JournalReader) {
        guard let kind = reader.take(UInt8.self).flatMap(Effect.Kind.init), let time = reader.take(Int64.self)
        else { return nil }
        (self.kind, self.time) = (kind, time)
        let shape = Effect.shape(of: kind)
        var (files, names, numbers, before) = ([FileRecord](), [[UInt8]](), [UInt64](), [FileMark]())
        for _ in 0..<shape.files { if let file = FileRecord(from: &reader) { files.append(file) } }
        for _ in 0..<shape.names { if let name = reader.takeBytes() { names.append(name) } }
        for _ in 0..<shape.numbers { if let number = reader.take(UInt64.self) { numbers.append(number) } }
        for _ in 0..<shape.marks { if let mark = FileMark(from: &reader) { before.append(mark) } }
        guard before.count == shape.marks else { return nil }
        (self.files, self.names, self.numbers, self.before) = (files, names, numbers, before)
    }

    func encode(into bytes: inout [UInt8]) {
        bytes.append(kind.rawValue)
        bytes.put(time)
        for file in files { file.encode(into: &bytes) }
        for name in names { bytes.put(bytes: name) }
        for number in numbers { bytes.put(number) }
        for mark in before { mark.encode(into: &bytes) }
    }
}

/// Whether an effect was made before its process died.
enum Verdict: Sendable, Hashable {
    case notApplied
    case applied
    /// So many bytes of an append.
    case appliedInPart(Int)
    /// Somebody else has been there: nobody can say.
    case undecidable
}

extension Intent {
    /// Asks the file system, before anything else is served. Requests of this server never work in one directory (or
    /// at one file's end) at once, so whatever else changed there was somebody else's doing.
    func verdict(among exports: [Export]) -> Verdict {
        var found: [(Node, FileRecord)] = []
        for file in files {
            // Whatever the reason: where it cannot be looked at nobody can say.
            guard let node = try? file.find(among: exports).node else { return .undecidable }
            found.append((node, file))
        }
        let effect = Effect(kind, found, names: names, numbers: numbers)
        let now: [FileMark]
        do throws(Errno) { now = try effect.marks() } catch { return .undecidable }
        switch kind {
        case .making: return ofMaking(now)
        case .removing: return ofRemoving(now)
        case .renaming: return ofRenaming(now)
        case .linking: return ofLinking(now)
        case .resizing: return ofResizing(now)
        case .appending: return ofAppending(now, effect.nodes[0])
        case .settingAttribute: return ofSettingAttribute(now, effect.nodes[0])
        }
    }

    private func ofMaking(_ now: [FileMark]) -> Verdict {
        let (directory, file) = (now[0], now[1])
        guard !before[1].exists else { return file.isSame(as: before[1]) ? .notApplied : .undecidable }
        guard file.exists else { return directory.isUntouched(since: before[0]) ? .notApplied : .undecidable }
        let birth = file.born == 0 ? file.changed : file.born
        let isOurs =
            UInt64(file.mode & 0o170000) == numbers[0] && UInt64(file.user) == numbers[1]
            && (time...time + Intent.longestEffect).contains(birth)
        return isOurs ? .applied : .undecidable
    }

    private func ofRemoving(_ now: [FileMark]) -> Verdict {
        let (directory, file) = (now[0], now[1])
        guard before[1].exists else { return file.exists ? .undecidable : .notApplied }
        guard file.exists else { return .applied }
        guard file.isSame(as: before[1]) else { return .undecidable }
        // One that had this name alone cannot have lost it and be here.
        let isCertain =
            directory.isUntouched(since: before[0]) || file.isUntouched(since: before[1])
            || before[1].linkCount == 1 || before[1].mode & 0o170000 == 0o040000
        return isCertain ? .notApplied : .undecidable
    }

    private func ofRenaming(_ now: [FileMark]) -> Verdict {
        let (source, target) = (before[1], before[3])
        let (atOld, atNew) = (now[1], now[3])
        guard source.exists else { return atOld.exists ? .undecidable : .notApplied }
        if source.isSame(as: target) {
            return atOld.isSame(as: source) && atNew.isSame(as: source) ? .notApplied : .undecidable
        }
        if atNew.isSame(as: source) { return atOld.isSame(as: source) ? .undecidable : .applied }
        guard atOld.isSame(as: source), atNew.isSame(as: target) else { return .undecidable }
        let isCertain =
            target.exists || atOld.isUntouched(since: source)
            || (now[0].isUntouched(since: before[0]) && now[2].isUntouched(since: before[2]))
        return isCertain ? .notApplied : .undecidable
    }

    private func ofLinking(_ now: [FileMark]) -> Verdict {
        let (directory, name, file) = (now[0], now[1], now[2])
        guard !before[1].exists else { return name.isSame(as: before[1]) ? .notApplied : .undecidable }
        guard !name.exists else { return name.isSame(as: before[2]) ? .applied : .undecidable }
        let isCertain = directory.isUntouched(since: before[0]) || file.isUntouched(since: before[2])
        return isCertain ? .notApplied : .undecidable
    }

    private func ofResizing(_ now: [FileMark]) -> Verdict {
        if now[0].isUntouched(since: before[0]) { return .notApplied }
        return now[0].size == numbers[0] ? .applied : .undecidable
    }

    private func ofAppending(_ now: [FileMark], _ node: Node) -> Verdict {
        let (start, size, count) = (before[0].size, now[0].size, numbers[0])
        guard size != start else { return .notApplied }
        guard size > start else { return .undecidable }
        guard size - start >= count else { return .appliedInPart(Int(size - start)) }
        // What cannot be read cannot be compared.
        guard let file = try? OpenFile(reopening: node, .readOnly),
            let bytes = try? file.description.read(count: Int(count), at: Int64(start), behind: 0)
        else { return .undecidable }
        return JournalChecksum.of(bytes[...]) == numbers[1] ? .applied : .undecidable
    }

    private func ofSettingAttribute(_ now: [FileMark], _ node: Node) -> Verdict {
        if now[0].isUntouched(since: before[0]) { return .notApplied }
        let isSet = numbers[0] == 1
        do throws(Errno) {
            let name = try KernelText(untrusted: names[0], maximumByteCount: 255)
            let value = try node.descriptor.xattr(name)
            return isSet && JournalChecksum.of(value[...]) == numbers[1] ? .applied : .undecidable
        } catch { return error == .noData && !isSet ? .applied : .undecidable }
    }

    /// A file born later than this after the intent was made by somebody else: the server goes from one to the
    /// other without a wait. In nanoseconds.
    private static let longestEffect: Int64 = 1_000_000_000
}

/// Tells data apart; not against an adversary.
enum JournalChecksum {
    static func of(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var sum: UInt64 = 0x9E37_79B9_7F4A_7C15 ^ UInt64(bytes.count)
        var reader = JournalReader(bytes)
        while let word = reader.take(UInt64.self) { sum = mix(sum, word) }
        for byte in reader.takeRest() { sum = mix(sum, UInt64(byte)) }
        return sum
    }

    private static func mix(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        let mixed = (sum ^ word) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 29
    }
}
