/// What is known of physical files: the positions as the store has them or, where changed, will have them, and who reads
/// each file at present.
struct KnownFiles {
    private struct Entry {
        /// Encoded: the arrays are the very ones that the store keeps. Nil for a file that is read and has no position yet.
        var position: [UInt8]?
        var owner: FollowedFile?
    }

    private var entries: [FileIdentity: Entry] = [:]
    /// Files with a position under a path, but for those that are being read under just this path: most files, which are
    /// found by way of their owner.
    private(set) var others: [String: [FileIdentity]] = [:]

    /// Who reads a physical file at present.
    func owner(of identity: FileIdentity) -> FollowedFile? { entries[identity]?.owner }

    func hasPosition(_ identity: FileIdentity) -> Bool { entries[identity]?.position != nil }

    func position(of identity: FileIdentity) -> FilePosition? {
        // What does not decode never comes in.
        entries[identity]?.position.flatMap { FilePosition(decoding: $0) }
    }

    /// Files with a position under the path that are not being read under it.
    func others(at path: String) -> [FileIdentity] { others[path] ?? [] }

    /// Those that are being read.
    func own(of file: FollowedFile) -> [FileIdentity] {
        file.generations.map(\.identity).filter { position(of: $0)?.path == file.path }
    }

    mutating func setOwner(_ owner: FollowedFile?, of identity: FileIdentity) {
        change(identity) { $0.owner = owner }
    }

    mutating func setPosition(_ encoded: [UInt8]?, of identity: FileIdentity) {
        change(identity) { $0.position = encoded }
    }

    private mutating func change(_ identity: FileIdentity, _ body: (inout Entry) -> Void) {
        var entry = entries[identity] ?? Entry()
        let before = Self.listing(of: entry)
        body(&entry)
        entries[identity] = entry.position == nil && entry.owner == nil ? nil : entry
        let after = Self.listing(of: entry)
        guard before != after else { return }
        if let before {
            others[before]?.removeAll { $0 == identity }
            if others[before]?.isEmpty == true { others[before] = nil }
        }
        if let after { others[after, default: []].append(identity) }
    }

    /// The path under which a file is listed.
    private static func listing(of entry: Entry) -> String? {
        guard let path = entry.position.flatMap({ FilePosition(decoding: $0) })?.path, path != entry.owner?.path else {
            return nil
        }
        return path
    }
}
