import Glibc
import Logging
import Telemetry

/// Finding out what became of a followed file.
extension FileEngine {
    /// Looks at the path and at what is held open, and takes note of what there is to read.
    func look(at file: FollowedFile, _ now: Timestamp) {
        let wasTold = file.isDue
        file.isDue = false
        if file.isDone { return }
        do {
            let status = try FileStatus.of(path: file.path)
            if let active = file.active, active.identity == status.identity {
                if wasTold || status.size != active.size || status.modified != active.modified || !active.isAtEnd {
                    let isChanged = status.size != active.size || status.modified != active.modified
                    if isChanged { file.lastChange = now }
                    if isChanged && active.isUnread { takeUnread(of: file, status, now) }
                    if active.isUnread && status.size < active.size { active.shrink(to: status.size) }
                    active.size = status.size
                    active.modified = status.modified
                    file.hasMore = true
                }
            } else {
                try replaceActive(of: file, status, now)
            }
            if !file.isTroubleOfReading { clearTrouble(file) }
        } catch {
            if error.isMissing {
                detachActive(of: file, now)
                if file.isSearchDue {
                    file.isSearchDue = false
                    take(search(file, active: nil, checkpoints(of: file), now), file)
                }
                clearTrouble(file)
            } else {
                report(error, file)
            }
        }
        if file.queue.count > (file.active == nil ? 0 : 1) { file.hasMore = true }
        lookAtLingering(file, now)
        let isActive = now.seconds(since: file.lastChange) < 10 || !file.lingering.isEmpty
        file.nextPoll = now.adding(isActive ? tuning.activeSweep : tuning.idleSweep)
    }

    private func lookAtLingering(_ file: FollowedFile, _ now: Timestamp) {
        let hasLingered = !file.lingering.isEmpty
        for generation in file.lingering {
            guard let status = try? generation.content?.status() else { continue }
            generation.modified = status.modified
            if !generation.isCompressed, status.size != generation.offset {
                generation.size = status.size
                file.lingering.removeAll { $0 === generation }
                file.queue.insert(generation, at: 0)
                file.hasMore = true
                continue
            }
            let isDeleted = status.linkCount == 0
            let since = now.seconds(since: generation.detached ?? now)
            if since >= (isDeleted ? tuning.deletedLingerTime : tuning.lingerTime) {
                release(generation, of: file)
            }
        }
        // Gone for good, perhaps: whether it is still wanted, the next look at the file system says.
        if file.generations.isEmpty && !file.isDone && hasLingered { nextDiscovery = min(nextDiscovery, now) }
    }

    /// Closes a generation, its position staying what it is.
    func release(_ generation: Generation, of file: FollowedFile) {
        if generation.isDirty { note(generation, of: file) }
        generation.content = nil
        unwatch(generation)
        if known.owner(of: generation.identity) === file { known.setOwner(nil, of: generation.identity) }
        file.queue.removeAll { $0 === generation }
        file.lingering.removeAll { $0 === generation }
        if file.active === generation { file.active = nil }
    }

    /// Nothing has been read of the active file yet: where it was filled and truncated meanwhile, only a copy tells.
    private func takeUnread(of file: FollowedFile, _ status: FileStatus, _ now: Timestamp) {
        let found = search(file, active: status.identity, checkpoints(of: file), now)
        take(found, file)
        if let active = file.active, !found.generations.isEmpty {
            // What was found came before it, whenever it was found.
            active.sequence = file.takeSequence()
            active.isDirty = true
        }
        if let active = file.active, status.size < active.size, found.generations.isEmpty {
            countLost(file.path, from: 0, to: active.size, "was truncated")
        }
    }

    /// States what is gone without having been read.
    private func countLost(_ path: String, from start: UInt64, to end: UInt64, _ reason: String) {
        guard end > start else { return }
        metrics.lostBytes.add(Int(clamping: end - start))
        context.logger.warning(
            "\(name): \(path) \(reason) before it was read to its end: bytes \(start) to \(end) are lost")
    }

    /// The path no longer names the file that was the active one.
    private func detachActive(of file: FollowedFile, _ now: Timestamp) {
        guard let active = file.active else { return }
        // Names that appear beside it from now on are of its generations.
        file.isSettled = true
        file.hasMore = true
        file.lastChange = now
        guard active.content != nil else {
            // Closed while idle: what it got since is looked for as after a restart.
            release(active, of: file)
            file.isSearchDue = true
            return
        }
        active.detached = now
        file.active = nil
        if let status = try? active.content?.status() {
            active.size = status.size
            active.modified = status.modified
        }
    }

    /// Another file stands at the path: what stood there before is read to its end first.
    private func replaceActive(
        of file: FollowedFile, _ status: FileStatus, _ now: Timestamp
    ) throws(FileError) {
        guard status.isRegular else { throw FileError(code: EISDIR, path: file.path) }
        if file.active != nil { metrics.rotations.add() }
        detachActive(of: file, now)
        if let owner = known.owner(of: status.identity) {
            // Its own file renamed back, or another path to a file that is read already.
            guard owner === file, let own = file.generations.first(where: { $0.identity == status.identity }) else {
                return
            }
            file.queue.removeAll { $0 === own }
            file.lingering.removeAll { $0 === own }
            own.detached = nil
            own.isFinished = false
            own.size = status.size
            file.queue.append(own)
            file.active = own
            file.hasMore = true
            return
        }
        let isOther = file.considered.map { $0 != status.identity } ?? false
        if file.isRotatedName, isOther || !file.generations.isEmpty || !known.others(at: file.path).isEmpty,
            position(of: status.identity)?.path != file.path
        {
            // The names have moved on by one: the file of this name before it is asked about the new one.
            nextDiscovery = min(nextDiscovery, lastDiscovery.adding(tuning.discoverySpacing))
            return
        }
        let content = try FileContent(path: file.path)
        let opened = try content.status()
        if opened.identity != status.identity {
            // Replaced this very moment: look again.
            file.isDue = true
            return
        }
        adopt(content, opened, as: file, now)
    }

    /// Makes an opened file the active one, behind whatever is found of older generations.
    private func adopt(_ content: FileContent, _ status: FileStatus, as file: FollowedFile, _ now: Timestamp) {
        var checkpoints = checkpoints(of: file)
        for checkpoint in checkpoints {
            file.nextSequence = max(file.nextSequence, checkpoint.position.sequence + 1)
        }
        var saved: FilePosition?
        if let position = position(of: status.identity) {
            checkpoints.removeAll { $0.identity == status.identity }
            let isIntact = content.matches(position)
            if isIntact { saved = position } else { metrics.truncations.add() }
            checkpoints.append(
                Checkpoint(
                    identity: status.identity, position: position, isBeingRead: isIntact, isTruncated: !isIntact))
        }
        if checkpoints.isEmpty && file.queue.isEmpty { file.wasUnknown = true }
        let older = search(file, active: status.identity, checkpoints, now)
        let active = Generation(
            identity: status.identity, path: file.path, content: content, sequence: file.takeSequence(),
            deliveries: file.deliveries.count)
        if let saved {
            let sequence = active.sequence
            active.resume(at: saved, file.keys)
            if saved.path != file.path || !older.generations.isEmpty { active.sequence = sequence }
        }
        active.size = status.size
        active.modified = status.modified
        // So that a rotation while we are down is seen even if nothing was read by then.
        active.isDirty =
            !active.isReplaying
            && (saved == nil || saved?.path != file.path || saved?.sequence != active.sequence)
        take(older, file)
        if !known.hasPosition(status.identity) {
            active.noteHead()
            fresh.append((active, file))
        }
        own(active, file)
        file.queue.append(active)
        file.active = active
        file.hasMore = true
        file.lastChange = now
        file.isSearchDue = false
        markPending(now)
        // Opened again when it is its turn.
        if FileContent.openCount > descriptorLimit { park(file) }
    }

    /// What is known of the generations of this path, those that are being read included.
    private func checkpoints(of file: FollowedFile) -> [Checkpoint] {
        var checkpoints: [Checkpoint] = []
        for identity in known.others(at: file.path) {
            guard known.owner(of: identity) == nil, let position = position(of: identity) else { continue }
            checkpoints.append(Checkpoint(identity: identity, position: position))
        }
        for generation in file.generations {
            checkpoints.append(
                Checkpoint(
                    identity: generation.identity, position: file.position(of: generation), isBeingRead: true,
                    held: generation.content))
        }
        return checkpoints
    }

    private func search(
        _ file: FollowedFile, active: FileIdentity?, _ checkpoints: [Checkpoint], _ now: Timestamp
    ) -> GenerationSearch {
        GenerationSearch.run(
            file, active: active, checkpoints: checkpoints, index: siblings,
            others: { self.positionsOfRotated(file.path) }, now: now,
            isKnown: { self.known.hasPosition($0) || self.known.owner(of: $0) != nil })
    }

    /// Of generations that were read under their own names, when the active file was away for long.
    private func positionsOfRotated(_ active: String) -> [FilePosition] {
        let (directory, name) = DirectoryListing.split(active)
        var positions: [FilePosition] = []
        func take(_ path: String, _ identities: () -> [FileIdentity]) {
            guard path != active, path.hasPrefix(directory) else { return }
            let other = DirectoryListing.split(path)
            guard other.directory == directory, RotatedName(other.name, of: name) != nil else { return }
            positions += identities().compactMap { position(of: $0) }
        }
        for (path, identities) in known.others { take(path) { identities } }
        for file in files { take(file.path) { known.own(of: file) } }
        return positions
    }

    /// `kept` bytes after a truncated generation's offset, the beginning of a line, are given out.
    private func take(_ search: GenerationSearch, _ file: FollowedFile, kept: Int = 0) {
        for generation in search.generations {
            if !known.hasPosition(generation.identity) && generation.isUnread {
                generation.noteHead()
                fresh.append((generation, file))
            }
            own(generation, file)
            if let active = file.active, let index = file.queue.firstIndex(where: { $0 === active }) {
                file.queue.insert(generation, at: index)
            } else {
                file.queue.append(generation)
            }
        }
        for identity in search.moved { forget(identity) }
        for checkpoint in search.missing where checkpoint.position.unreadCount > 0 {
            let position = checkpoint.position
            countLost(
                file.path, from: position.offset + (checkpoint.isTruncated ? UInt64(kept) : 0), to: position.size,
                checkpoint.isTruncated ? "was truncated" : "(a former generation) is gone")
        }
        for checkpoint in search.missing where !checkpoint.isTruncated {
            context.logger.notice(
                "\(name): a former generation of \(file.path), read up to byte \(checkpoint.position.offset), is gone")
            forget(checkpoint.identity)
        }
    }

    private func own(_ generation: Generation, _ file: FollowedFile) {
        known.setOwner(file, of: generation.identity)
        if generation.detached == nil, let path = generation.content?.watchPath {
            generation.watch = watcher.watchFile(path)
            if generation.watch >= 0 { watches[generation.watch] = file }
        }
    }

    func unwatch(_ generation: Generation) {
        guard generation.watch >= 0 else { return }
        if watches.removeValue(forKey: generation.watch) != nil { watcher.remove(generation.watch) }
        generation.watch = -1
    }

    /// What was read of the file is no longer in it: what a copytruncate's copy has more is read first, then the
    /// file from its beginning.
    func handleTruncation(of generation: Generation, _ file: FollowedFile, _ now: Timestamp) {
        metrics.truncations.add()
        let kept = generation.partial.count
        if generation === file.active {
            var checkpoints = checkpoints(of: file).filter { $0.identity != generation.identity }
            checkpoints.append(
                Checkpoint(
                    identity: generation.identity, position: file.position(of: generation), isTruncated: true))
            let found = search(file, active: generation.identity, checkpoints, now)
            if found.missing.contains(where: { $0.isTruncated }) { givePartial(of: generation, file, now) }
            take(found, file, kept: kept)
        } else {
            givePartial(of: generation, file, now)
            countLost(
                generation.path, from: generation.offset + UInt64(kept), to: generation.greatestSize, "was truncated")
        }
        generation.restart(sequence: file.takeSequence())
        if let status = try? generation.content?.status() {
            generation.size = status.size
            generation.modified = status.modified
        }
        markPending(now)
    }

    // MARK: Trouble

    private func report(_ error: FileError, _ file: FollowedFile) {
        guard file.trouble != error else { return }
        file.trouble = error
        setProblem(file.path, error.description)
    }

    func clearTrouble(_ file: FollowedFile) {
        file.isTroubleOfReading = false
        guard file.trouble != nil else { return }
        file.trouble = nil
        setProblem(file.path, nil)
    }

    /// What is there cannot be read at present: it is tried again at every look.
    func reportReading(_ error: FileError, _ file: FollowedFile) {
        report(error, file)
        file.isTroubleOfReading = true
        // A descriptor of a network file system may stay dead after the server has come back.
        if error.code == ESTALE { park(file) }
    }
}
