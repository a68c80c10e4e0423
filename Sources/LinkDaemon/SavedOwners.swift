import ControlTree
import LinuxSystem
import SystemPackage

/// Whom the files of one tree belong to and who may use them, where somebody has changed that: saved with each change, in
/// a file of its own, and given again to whatever stands at the same place.
///
/// ```
/// vop-settings 1
/// [links/ep0]          everything in it, as made by that user
/// user 1000
/// group 1000
/// [links/ep0/up]       this file alone, by chown or chmod
/// user 0
/// group 42
/// mode 0664
/// ```
final class SavedOwners {
    private struct Entry {
        let user: UInt32
        let group: UInt32
        /// `nil` for all below as well, whose modes stay.
        let mode: UInt32?
    }

    private unowned let tree: Tree
    private let path: String
    private let fail: (_ event: String, _ story: String) -> Void
    /// What is in the file could not be used: it is somebody's to mend, and is left alone.
    private var isUnusable = false
    /// By their place, from the tree's root.
    private var ofFiles: [String: Entry] = [:]
    private var ofAll: [String: Entry] = [:]

    /// Gives the tree's nodes what was saved of them, and saves from now on.
    ///
    /// - Parameter fail: told what could not be read (`not-restored`) or saved (`not-saved`); what was saved before stays.
    @discardableResult
    init(_ tree: Tree, at path: String, fail: @escaping (_ event: String, _ story: String) -> Void) {
        (self.tree, self.path, self.fail) = (tree, path, fail)
        read()
        give(to: tree.root)
        tree.onGrant = { [self] node in
            let own = node.ownership
            ofFiles[node.path] = Entry(user: own.user, group: own.group, mode: own.mode)
            save()
        }
        tree.onMake = { [self] node in
            let own = node.ownership
            guard own.user != ProcessOwner.user || own.group != ProcessOwner.group else { return }
            ofAll[node.path] = Entry(user: own.user, group: own.group, mode: nil)
            save()
        }
        tree.onAdd = { [self] node in give(to: node) }
        tree.onRemove = { [self] place in forget(place) }
    }

    // MARK: Giving

    private func give(to node: Node) {
        guard !ofFiles.isEmpty || !ofAll.isEmpty else { return }
        give(to: node, node.path)
    }

    private func give(to node: Node, _ place: String) {
        if let entry = ofAll[place] { node.assign(user: entry.user, group: entry.group) }
        if let entry = ofFiles[place], let mode = entry.mode {
            node.restore(Ownership(user: entry.user, group: entry.group, mode: mode))
        }
        guard let directory = node as? Directory else { return }
        for child in directory.children {
            give(to: child.node, place.isEmpty ? child.name : "\(place)/\(child.name)")
        }
    }

    /// The object is gone for good; another of its name is another's.
    private func forget(_ place: String) {
        func isGone(_ other: String) -> Bool { other == place || other.hasPrefix("\(place)/") }
        let count = ofFiles.count + ofAll.count
        ofFiles = ofFiles.filter { !isGone($0.key) }
        ofAll = ofAll.filter { !isGone($0.key) }
        if ofFiles.count + ofAll.count != count { save() }
    }

    // MARK: Saved

    private func save() {
        guard !isUnusable else {
            fail(
                "not-saved",
                "\(path) is left as it is, as it could not be used: mend it, or remove it, and start again")
            return
        }
        // Whoever has all of a directory comes before those who have files in it.
        let objects =
            ofAll.sorted { $0.key < $1.key }.map(Self.object)
            + ofFiles.sorted { $0.key < $1.key }.map(Self.object)
        do throws(Errno) { try SavedSettings(objects).write(to: path) } catch {
            fail("not-saved", "\(path): \(error); owners and modes will come back as they were saved before")
        }
    }

    private static func object(_ place: String, _ entry: Entry) -> SavedSettings.Object {
        let mode = entry.mode.map { [SavedSettings.Setting("mode", ValueFormat.permissions.print($0))] } ?? []
        return SavedSettings.Object(
            place,
            [
                SavedSettings.Setting("user", "\(entry.user)"),
                SavedSettings.Setting("group", "\(entry.group)"),
            ] + mode)
    }

    private func read() {
        do throws(SavedSettings.Failure) {
            for object in try SavedSettings.read(from: path)?.objects ?? [] {
                guard let entry = Self.entry(object) else {
                    throw SavedSettings.Failure(
                        description:
                            "\(path): what it says of '\(object.name)' is no owner: mend or remove it")
                }
                if entry.mode == nil { ofAll[object.name] = entry } else { ofFiles[object.name] = entry }
            }
        } catch {
            isUnusable = true
            fail("not-restored", error.description)
        }
    }

    private static func entry(_ object: SavedSettings.Object) -> Entry? {
        func value(_ name: String) -> String? { object.settings.first { $0.name == name }?.value }
        guard let user = value("user").flatMap({ UInt32($0) }),
            let group = value("group").flatMap({ UInt32($0) })
        else { return nil }
        guard let text = value("mode") else { return Entry(user: user, group: group, mode: nil) }
        guard let mode = UInt32(text, radix: 8), mode <= 0o7777 else { return nil }
        return Entry(user: user, group: group, mode: mode)
    }
}
