import Logging
import Telemetry

/// Which files there are to follow.
extension FileEngine {
    /// Takes over new jobs; those whose configuration is as it was keep their readers.
    func configure(_ new: [FileJob]) {
        var kept: [FileReadingJob] = []
        for job in new {
            let same = jobs.first { old in
                old.job.configuration == job.configuration && !kept.contains { $0 === old }
            }
            kept.append(same ?? FileReadingJob(job, metrics: metrics))
        }
        for job in jobs where !kept.contains(where: { $0 === job }) {
            // Jobs that stay go on where they were, as soon as the file is followed again for them.
            for file in files where file.deliveries.contains(where: { $0.job === job }) { drop(file) }
            for directory in job.directories { forgetDirectory(directory, besides: job) }
        }
        jobs = kept
        nextDiscovery = Timestamp(nanoseconds: 0)
    }

    func discover(_ now: Timestamp) throws(SourceError) {
        lastDiscovery = now
        nextDiscovery = now.adding(watcher.isExhausted ? tuning.idleSweep : tuning.discoveryInterval)
        let (wanted, unclear) = wantedFiles()
        if !unclear.isEmpty { nextDiscovery = min(nextDiscovery, now.adding(tuning.discoverySpacing)) }
        dropVanished(wanted, now, but: unclear)
        // Rotated names after the names they derive from: those may claim them.
        var names: [String: Set<String>] = [:]
        for path in wanted.keys {
            let (directory, name) = DirectoryListing.split(path)
            names[directory, default: []].insert(name)
        }
        for paths in [Array(known.others.keys), files.map(\.path)] {
            for path in paths {
                let (directory, name) = DirectoryListing.split(path)
                if names[directory] != nil { names[directory]?.insert(name) }
            }
        }
        var later: [(path: String, base: String)] = []
        for path in wanted.keys.sorted() {
            guard let one = wanted[path], !unclear.contains(path) else { continue }
            if let file = filesByPath[path], file.isRotatedName, file.active == nil, file.queue.isEmpty { drop(file) }
            if let file = filesByPath[path] {
                update(file, one, now)
            } else if let base = Self.base(of: path, names) {
                later.append((path, base))
            } else {
                follow(path, one, now)
            }
        }
        for (path, base) in later { if let one = wanted[path] { considerRotated(path, one, base, now) } }
        awaited = awaited.filter { filesByPath[$0.key] == nil && now.seconds(since: $0.value) < 3600 }
        for key in problems.keys where key.hasPrefix(Self.labelProblem) {
            if wanted[String(key.dropFirst(Self.labelProblem.count))] == nil { setProblem(key, nil) }
        }
    }

    /// The path among the targets of which this one is a rotated generation, by its name.
    private static func base(of path: String, _ names: [String: Set<String>]) -> String? {
        let (directory, name) = DirectoryListing.split(path)
        guard let others = names[directory],
            let base = RotatedName.bases(of: name).first(where: { others.contains($0) })
        else { return nil }
        return DirectoryListing.join(directory, base)
    }

    /// Whether to leave a rotated file alone for now because its active file is not there at present, but likely to
    /// come back: it is read there, in its turn.
    private func isAwaited(_ path: String, _ now: Timestamp) -> Bool {
        let since = awaited[path] ?? now
        awaited[path] = since
        let end = since.adding(tuning.rotationPatience)
        if now < end { nextDiscovery = min(nextDiscovery, end) }
        return now < end
    }

    /// A target whose name says that it is an older generation of another: read there, if it is that.
    private func considerRotated(_ path: String, _ wanted: WantedFile, _ basePath: String, _ now: Timestamp) {
        guard !path.hasSuffix(".gz"), let status = try? FileStatus.of(path: path) else { return }
        guard known.owner(of: status.identity) == nil else { return }
        if let position = position(of: status.identity) {
            // Its own, or that of a file nobody follows any more: go on there.
            guard position.path == path || filesByPath[position.path] == nil else { return }
            if position.path != path, isAwaited(path, now) { return }
        } else if let base = filesByPath[basePath], !base.wasUnknown || base.isSettled {
            guard status.size > 0 else { return }
            // Rotated just now, before we looked?
            look(at: base, now)
            guard known.owner(of: status.identity) == nil, !known.hasPosition(status.identity) else { return }
            if base.active == nil, isAwaited(path, now) { return }
            // A copy that copytruncate makes, or is making.
            if isCopy(path, status, of: base) { return }
        } else if filesByPath[basePath] == nil, isAwaited(path, now) {
            return
        }
        follow(path, wanted, now, isRotatedName: true, considered: status.identity)
    }

    private func isCopy(_ path: String, _ status: FileStatus, of base: FollowedFile) -> Bool {
        let names = (DirectoryListing.split(path).name, DirectoryListing.split(base.path).name)
        if let name = RotatedName(names.0, of: names.1),
            GenerationSearch.holdsNothingNew(Sibling(path: path, name: name, status: status), beside: base.path)
        {
            return true
        }
        guard let content = try? FileContent(path: path) else { return false }
        for generation in base.generations where generation.head.length > 0 {
            var position = FilePosition(path: path)
            position.head = generation.head
            if content.matches(position) { return true }
        }
        return false
    }

    private func follow(
        _ path: String, _ wanted: WantedFile, _ now: Timestamp, isRotatedName: Bool = false,
        considered: FileIdentity? = nil
    ) {
        if path.hasSuffix(".gz") {
            setProblem(
                path,
                "\(path) is compressed and not followed (rotated files are read before they are compressed); "
                    + "leave it out with __path_exclude__")
            return
        }
        guard let deliveries = OneOrMore(deliveries(of: path, wanted)) else { return }
        let file = FollowedFile(path: path, wanted, deliveries, metrics: metrics)
        file.isRotatedName = isRotatedName
        file.considered = considered
        filesByPath[file.path] = file
        files.append(file)
        look(at: file, now)
    }

    /// What each job that wants the file gets of it; nothing for jobs that have no labels for it.
    private func deliveries(of path: String, _ wanted: WantedFile) -> [FileDelivery] {
        var deliveries: [FileDelivery] = []
        var withoutLabels: String?
        for (job, target) in wanted.targets {
            var isEmpty = false
            let streams = streams(of: target, job, &isEmpty)
            if isEmpty { withoutLabels = job.name }
            guard streams.indices.contains(where: { streams[$0] != nil }) else { continue }
            let earlier = deliveries.count { $0.job.name == job.name }
            deliveries.append(
                FileDelivery(job: job, number: UInt16(clamping: earlier), format: target.format, streams: streams))
        }
        if withoutLabels != nil { metrics.droppedTargets.add() }
        setProblem(
            Self.labelProblem + path,
            withoutLabels.map {
                "\(path) has no labels left after relabelling and is not followed (Loki needs one at least); "
                    + "keep one in relabel_configs of job \($0)"
            })
        return deliveries
    }

    private static let labelProblem = "labels of "

    /// Works out a target's streams; none where relabelling drops it or leaves no labels to ship it under.
    private func streams(
        of target: TailTarget, _ job: FileReadingJob, _ isEmpty: inout Bool
    ) -> [3 of StreamID?] {
        var streams: [3 of StreamID?] = [nil, nil, nil]
        var variants: [LabelSet?] = [nil, nil, target.labels]
        if target.format != .plain {
            for stream in ContainerStream.allCases {
                var labels = target.labels
                labels["__meta_docker_container_log_stream"] = stream.name
                labels["stream"] = stream.name
                variants[Int(stream.rawValue)] = labels
            }
        }
        for (index, variant) in variants.enumerated() {
            guard let variant, let relabelled = job.job.relabel(variant) else { continue }
            let tenant = relabelled["__tenant_id__"] ?? ""
            let labels = LabelSet(relabelled.labels.filter { !$0.name.hasPrefix("__") })
            guard !labels.isEmpty else {
                isEmpty = true
                continue
            }
            let stream = reader.output.writer.stream(labels: labels, tenant: tenant)
            streams[index] = stream
            while streamUses.count <= stream.index { streamUses.append(0) }
            streamUses[stream.index] += 1
        }
        return streams
    }

    private func update(_ file: FollowedFile, _ wanted: WantedFile, _ now: Timestamp) {
        file.isSettled = true
        let fingerprint = wanted.fingerprint
        guard fingerprint != file.fingerprint || wanted.isFinished != file.isFinished else { return }
        if fingerprint != file.fingerprint {
            let made = deliveries(of: file.path, wanted)
            let isSame =
                made.count == file.deliveries.count
                && zip(made, file.deliveries).allSatisfy { $0.job === $1.job && $0.format == $1.format }
            guard isSame else {
                // Others want it now: they begin where those before them are.
                let isRotatedName = file.isRotatedName
                for delivery in made { forgetStreams(delivery.streams) }
                drop(file)
                follow(file.path, wanted, now, isRotatedName: isRotatedName)
                return
            }
            for (new, old) in zip(made, file.deliveries) {
                forgetStreams(old.streams)
                old.streams = new.streams
            }
            file.fingerprint = fingerprint
        }
        file.isFinished = wanted.isFinished
        if !file.isFinished { file.isDone = false }
        file.isDue = true
    }

    /// Lets go of the files that are no targets any more. One that is gone is read to its end first.
    private func dropVanished(_ wanted: [String: WantedFile], _ now: Timestamp, but unclear: Set<String>) {
        for file in files where wanted[file.path] == nil && !unclear.contains(file.path) {
            look(at: file, now)
            if file.active != nil || file.queue.isEmpty { drop(file) }
        }
    }

    /// Stops following a file; its positions stay.
    func drop(_ file: FollowedFile) {
        if file.active == nil { flushJoins(of: file, .monotonic) }
        for generation in file.generations { release(generation, of: file) }
        markPending(.monotonic)
        for delivery in file.deliveries { forgetStreams(delivery.streams) }
        metrics.paths.remove(file.counts)
        areGaugesStale = true
        clearTrouble(file)
        setProblem(file.path, nil)
        setProblem(Self.labelProblem + file.path, nil)
        files.removeAll { $0 === file }
        filesByPath[file.path] = nil
    }

    private func forgetStreams(_ streams: [3 of StreamID?]) {
        for index in streams.indices {
            guard let stream = streams[index] else { continue }
            streamUses[stream.index] -= 1
            if streamUses[stream.index] == 0 { reader.output.writer.forget(stream) }
        }
    }

    // MARK: Directories

    func watch(_ wanted: Set<String>, of job: FileReadingJob) {
        let gone = job.directories.subtracting(wanted)
        job.directories = wanted
        for directory in gone { forgetDirectory(directory, besides: job) }
        for directory in wanted where directoryWatches[directory] == nil {
            let watch = watcher.watchDirectory(directory)
            guard watch >= 0 else { continue }
            directoryWatches[directory] = watch
            directories[watch] = directory
            // What appeared in it between the look and the watch is found by another look.
            nextDiscovery = min(nextDiscovery, lastDiscovery.adding(tuning.discoverySpacing))
        }
    }

    /// Watches all directories anew: that one of them went and another came in its place may have gone unnoticed.
    private func forgetWatchedDirectories() {
        for watch in directoryWatches.values { watcher.remove(watch) }
        directoryWatches = [:]
        directories = [:]
    }

    private func forgetDirectory(_ directory: String, besides job: FileReadingJob) {
        guard !jobs.contains(where: { $0 !== job && $0.directories.contains(directory) }),
            let watch = directoryWatches.removeValue(forKey: directory)
        else { return }
        directories[watch] = nil
        watcher.remove(watch)
    }

    /// Turns the kernel's notices into what is due.
    func takeEvents() {
        watcher.drain { event in
            if event.isOverflow {
                for file in files { file.isDue = true }
                forgetWatchedDirectories()
                nextDiscovery = lastDiscovery
            } else if let file = watches[event.watch] {
                file.isDue = true
                if event.isIgnored { watches[event.watch] = nil }
            } else if let directory = directories[event.watch] {
                if event.isIgnored || event.isMoved {
                    // A directory that was renamed keeps its watch; what is at its old path now is another.
                    if !event.isIgnored { watcher.remove(event.watch) }
                    directories[event.watch] = nil
                    directoryWatches[directory] = nil
                }
                filesByPath[DirectoryListing.join(directory, event.name)]?.isDue = true
                nextDiscovery = min(nextDiscovery, lastDiscovery.adding(tuning.discoverySpacing))
            }
        }
    }

    /// Forgets the positions of files that have been gone for long.
    func collect(_ now: Timestamp) {
        guard now.seconds(since: lastCollection) >= min(60, tuning.forgetAfter) else { return }
        lastCollection = now
        for (path, identities) in known.others {
            var unowned = identities.filter { known.owner(of: $0) == nil }
            if unowned.isEmpty { continue }
            let siblings = Sibling.all(of: path, self.siblings)
            var present = Set(siblings.map(\.status.identity))
            if let status = try? FileStatus.of(path: path) { present.insert(status.identity) }
            // The newest one tells which of the files beside it have been seen, as long as there are any.
            if !siblings.isEmpty,
                let newest = (identities + (filesByPath[path].map { known.own(of: $0) } ?? [])).max(by: {
                    (position(of: $0)?.sequence ?? 0) < (position(of: $1)?.sequence ?? 0)
                })
            {
                unowned.removeAll { $0 == newest }
            }
            for identity in unowned where changes.count < Self.positionsPerCommit {
                if present.contains(identity) {
                    goneSince[identity] = nil
                } else if let since = goneSince[identity] {
                    if now.seconds(since: since) >= tuning.forgetAfter { forget(identity) }
                } else {
                    goneSince[identity] = now
                }
            }
        }
    }

    func closeAll() {
        for file in files {
            for generation in file.generations {
                generation.content = nil
                unwatch(generation)
            }
        }
        metrics.withdraw()
        files = []
        filesByPath = [:]
    }
}
