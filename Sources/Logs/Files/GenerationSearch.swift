import Bytes
import Telemetry

/// A file beside a followed one whose name says that it is an older generation of it.
struct Sibling {
    var path: String
    var name: RotatedName
    var status: FileStatus

    /// The rotated generations beside `path`, and beside the file it links to; in no order. A rotation may be going
    /// on: looks until two looks agree.
    static func all(of path: String, _ index: SiblingIndex) -> [Sibling] {
        var found = look(beside: path, index)
        for _ in 0..<8 {
            let again = look(beside: path, index)
            let isSame =
                found.count == again.count
                && zip(found, again).allSatisfy {
                    $0.path == $1.path && $0.status.identity == $1.status.identity
                }
            found = again
            if isSame { break }
        }
        // While a file is being compressed both are there, and the compressed one is not complete.
        return found.filter { one in
            !one.name.isCompressed || !found.contains { $0.path == one.path.dropLast(3) }
        }
    }

    private static func look(beside path: String, _ index: SiblingIndex) -> [Sibling] {
        var found: [Sibling] = []
        var bases = [path]
        if let resolved = DirectoryListing.resolved(path), resolved != path { bases.append(resolved) }
        for base in bases {
            let (directory, name) = DirectoryListing.split(base)
            for entry in index.names(directory, of: name) {
                guard let rotated = RotatedName(entry, of: name) else { continue }
                let path = DirectoryListing.join(directory, entry)
                guard let status = try? FileStatus.of(path: path), status.isRegular,
                    !found.contains(where: { $0.status.identity == status.identity })
                else { continue }
                found.append(Sibling(path: path, name: rotated, status: status))
            }
        }
        return found
    }

    /// Whether its path still leads to it.
    var isInPlace: Bool { (try? FileStatus.of(path: path))?.identity == status.identity }

    /// Whether this one was active before `other` was, as far as names and times tell.
    func isOlder(than other: Sibling) -> Bool {
        if let older = name.isOlder(than: other.name) { return older }
        let (mine, others) = (status, other.status)
        return (mine.modified, mine.identity.birth) < (others.modified, others.identity.birth)
    }
}

/// What is known of a generation that was read before, and whether someone is reading it now.
struct Checkpoint {
    var identity: FileIdentity
    var position: FilePosition
    var isBeingRead = false
    /// What is held open of it.
    var held: FileContent?
    /// The file was truncated: what it held before is only in a copy.
    var isTruncated = false
}

/// What the files beside a followed one turned out to be.
struct GenerationSearch {
    /// To be read before the active file, oldest first, all detached and placed.
    var generations: [Generation] = []
    /// Checkpoints whose content is a file of another identity now.
    var moved: [FileIdentity] = []
    /// Checkpoints whose file is nowhere to be found.
    var missing: [Checkpoint] = []
    /// Of the deliveries that read what is found.
    private let keys: [String]

    private init(keys: [String]) { self.keys = keys }

    /// Looks for the checkpointed generations of `path` and for those that came and went unseen since the newest
    /// checkpoint. `isKnown` tells files that have a position or are being read; `others` are positions of files
    /// beside it that were read under their own names.
    ///
    /// A rotation may go on meanwhile, so that a name leads to another file, or to none, by the time it is opened: looks
    /// until all names are at the end what they were at the beginning.
    static func run(
        _ file: FollowedFile, active: FileIdentity?, checkpoints: [Checkpoint], index: SiblingIndex,
        others: () -> [FilePosition], now: Timestamp, isKnown: (FileIdentity) -> Bool
    ) -> GenerationSearch {
        guard !checkpoints.isEmpty else { return GenerationSearch(keys: file.keys) }
        var siblings = Sibling.all(of: file.path, index)
        for _ in 0..<8 {
            let search = look(file, active, checkpoints, siblings, others, now, isKnown)
            if siblings.allSatisfy(\.isInPlace) { return search }
            siblings = Sibling.all(of: file.path, index)
        }
        return look(file, active, checkpoints, siblings, others, now, isKnown)
    }

    private static func look(
        _ file: FollowedFile, _ active: FileIdentity?, _ unsorted: [Checkpoint], _ all: [Sibling],
        _ others: () -> [FilePosition], _ now: Timestamp, _ isKnown: (FileIdentity) -> Bool
    ) -> GenerationSearch {
        let path = file.path
        var search = GenerationSearch(keys: file.keys)
        let checkpoints = unsorted.sorted { $0.position.sequence < $1.position.sequence }
        guard let newest = checkpoints.last else { return search }
        let siblings = all.filter { $0.status.identity != active }
        var strangers = siblings.filter { !isKnown($0.status.identity) }
        var place: Sibling?
        for checkpoint in checkpoints {
            let isNewest = checkpoint.identity == newest.identity
            if !checkpoint.isTruncated,
                let same = siblings.first(where: { $0.status.identity == checkpoint.identity })
            {
                if isNewest { place = same }
                if checkpoint.isBeingRead || checkpoint.position.isAllRead(of: same.status) { continue }
                if let content = Self.verified(same, checkpoint.position, checkpoint.position.isCompressed) {
                    search.add(content, same, checkpoint.identity, checkpoint.position, now)
                    continue
                }
            } else if checkpoint.isBeingRead && !checkpoint.isTruncated {
                // Held open; it may meanwhile have been deleted or compressed. Where nothing of it was read yet, what
                // looks like a copy may be another file with the same first bytes: only all of it tells.
                let copy =
                    checkpoint.position.offset > 0
                    ? Self.takeCopy(of: checkpoint.position, from: &strangers)?.sibling
                    : Self.takeCompressed(checkpoint.held, from: &strangers)
                if let copy, isNewest { place = copy }
                continue
            }
            guard let copy = Self.takeCopy(of: checkpoint.position, from: &strangers) else {
                search.missing.append(checkpoint)
                continue
            }
            if isNewest { place = copy.sibling }
            if !checkpoint.isTruncated { search.moved.append(checkpoint.identity) }
            search.add(
                copy.content, copy.sibling, copy.sibling.status.identity, checkpoint.position.at(copy.content), now)
        }
        // What is newer than the newest checkpoint was never seen.
        let isUnread = newest.position.offset == 0
        if newest.identity == active && !newest.isTruncated && !isUnread { return search }
        var unseen = strangers.filter { candidate in
            guard let place else { return candidate.status.modified > newest.position.modified }
            return place.isOlder(than: candidate)
        }
        if unseen.isEmpty { return search }
        let others = others()
        unseen.sort { $0.isOlder(than: $1) }
        for sibling in unseen {
            var isCopy = isNewest(newest, active) && holdsNothingNew(sibling, beside: path)
            for position in checkpoints.map(\.position) + others where !isCopy && position.offset > 0 {
                var one = [sibling]
                isCopy = Self.takeCopy(of: position, from: &one) != nil
            }
            if isCopy { continue }
            guard let content = try? FileContent(path: sibling.path, isCompressed: sibling.name.isCompressed),
                !sibling.name.isCompressed || content.hasBytes
            else { continue }
            let generation = Generation(
                identity: sibling.status.identity, path: sibling.path, content: content,
                sequence: file.takeSequence(), deliveries: file.deliveries.count)
            generation.place(sibling.status, now)
            generation.isDirty = true
            search.generations.append(generation)
        }
        return search
    }

    private static func isNewest(_ newest: Checkpoint, _ active: FileIdentity?) -> Bool {
        newest.identity == active && !newest.isTruncated
    }

    /// Whether all that the sibling holds is in the active file too: a copytruncate is between its copy and its
    /// truncation. What is lost of it then, the next look finds.
    static func holdsNothingNew(_ sibling: Sibling, beside path: String) -> Bool {
        // The copy may only just have been begun.
        if sibling.status.size == 0 { return true }
        guard let copy = try? FileContent(path: sibling.path, isCompressed: sibling.name.isCompressed),
            let original = try? FileContent(path: path)
        else { return false }
        var position = FilePosition(path: path)
        position.offset = sibling.status.size
        if sibling.name.isCompressed { position.offset = 0 }
        position.head = copy.fingerprint(at: 0, Fingerprint.headLength)
        let length = Int(min(position.offset, UInt64(Fingerprint.tailLength)))
        position.tail = copy.fingerprint(at: position.offset - UInt64(length), length)
        return position.head.length > 0 && original.matches(position)
    }

    private mutating func add(
        _ content: FileContent, _ sibling: Sibling, _ identity: FileIdentity, _ position: FilePosition,
        _ now: Timestamp
    ) {
        let generation = Generation(
            identity: identity, path: sibling.path, content: content, sequence: position.sequence,
            deliveries: keys.count)
        generation.resume(at: position, keys)
        generation.place(sibling.status, now)
        generation.isDirty = !generation.isReplaying
        generations.append(generation)
    }

    /// The content of `sibling`, where it holds what `position` was made of.
    static func verified(_ sibling: Sibling, _ position: FilePosition, _ isCompressed: Bool) -> FileContent? {
        guard let content = try? FileContent(path: sibling.path, isCompressed: isCompressed),
            content.matches(position)
        else { return nil }
        return content
    }

    /// Takes the file out of `strangers` that is a copy, plain or compressed, of what `position` was made of.
    private static func takeCopy(
        of position: FilePosition, from strangers: inout [Sibling]
    ) -> (sibling: Sibling, content: FileContent)? {
        guard position.head.length > 0 else { return nil }
        var found: (index: Int, sibling: Sibling, content: FileContent)?
        for (index, sibling) in strangers.enumerated() {
            // Where nothing was read yet only the first bytes tell, which others may share: the oldest is meant then,
            // of those that are not older than the position.
            if position.offset == 0 {
                guard sibling.status.modified >= position.modified else { continue }
                if let found, !sibling.isOlder(than: found.sibling) { continue }
            }
            guard let content = verified(sibling, position, sibling.name.isCompressed) else { continue }
            found = (index, sibling, content)
            if position.offset > 0 { break }
        }
        guard let found else { return nil }
        strangers.remove(at: found.index)
        return (found.sibling, found.content)
    }
}

extension GenerationSearch {
    /// Takes the file out of `strangers` that holds, compressed, what the deleted file does that is held open.
    private static func takeCompressed(_ held: FileContent?, from strangers: inout [Sibling]) -> Sibling? {
        guard let held, !held.isCompressed, let status = try? held.status(), status.linkCount == 0, status.size > 0
        else { return nil }
        let index = strangers.firstIndex { sibling in
            guard sibling.name.isCompressed,
                GzipContent.length(of: sibling.path) == UInt32(truncatingIfNeeded: status.size),
                let content = try? FileContent(path: sibling.path, isCompressed: true)
            else { return false }
            return content.begins(as: held, status.size)
        }
        return index.map { strangers.remove(at: $0) }
    }
}

extension Generation {
    fileprivate func place(_ status: FileStatus, _ now: Timestamp) {
        size = isCompressed ? .max : status.size
        modified = status.modified
        detached = now
    }
}

extension FilePosition {
    /// Whether the file, unchanged since, has nothing more to give.
    fileprivate func isAllRead(of status: FileStatus) -> Bool {
        guard places.allSatisfy({ $0.offset == offset && $0.resumeOffset == offset }) else { return false }
        return isCompressed ? isFinished && status.modified == modified : status.size == offset
    }

    /// The same place in another file with the same content.
    fileprivate func at(_ content: FileContent) -> FilePosition {
        var position = self
        position.isCompressed = content.isCompressed
        return position
    }
}

extension FileContent {
    /// Whether the bytes at the beginning and those before the offset are the ones the position remembers.
    func matches(_ position: FilePosition) -> Bool {
        var bytes = ByteBuffer(capacity: Fingerprint.headLength)
        guard let head = try? read(at: 0, length: position.head.length, into: &bytes),
            head == position.head.length, Fingerprint(bytes.bytes) == position.head
        else { return false }
        bytes.removeAll()
        let length = position.tail.length
        guard let tail = try? read(at: position.offset - UInt64(length), length: length, into: &bytes),
            tail == length
        else { return false }
        return Fingerprint(bytes.bytes) == position.tail
    }

    fileprivate func fingerprint(at offset: UInt64, _ length: Int) -> Fingerprint {
        var bytes = ByteBuffer(capacity: length)
        guard (try? read(at: offset, length: length, into: &bytes)) != nil else { return .empty }
        return Fingerprint(bytes.bytes)
    }

    /// Whether the first bytes are the other's, which has `size` of them; a mebibyte is compared at most.
    fileprivate func begins(as other: FileContent, _ size: UInt64) -> Bool {
        var mine = ByteBuffer()
        var others = ByteBuffer()
        let end = min(size, 1 << 20)
        var offset: UInt64 = 0
        while offset < end {
            let length = Int(min(end - offset, 64 << 10))
            mine.removeAll()
            others.removeAll()
            guard (try? read(at: offset, length: length, into: &mine)) == length,
                (try? other.read(at: offset, length: length, into: &others)) == length,
                mine.bytes.equals(others.bytes)
            else { return false }
            offset += UInt64(length)
        }
        return true
    }

    fileprivate var hasBytes: Bool {
        var bytes = ByteBuffer()
        return (try? read(at: 0, length: 1, into: &bytes)) == 1
    }
}
