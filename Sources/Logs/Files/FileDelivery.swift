import Telemetry

/// What one job makes of a followed file: its format and streams, and the lines it has not seen the end of.
///
/// A file is read once; each chunk is given to the deliveries of all jobs that name the file, one after the other, and
/// each has its own `ReadCursor` in every generation.
final class FileDelivery {
    let job: FileReadingJob
    /// How many deliveries to the same job are before it: a job may name a file more than once.
    private let number: UInt16
    let format: FileFormat
    /// By container stream, and last for lines without one.
    var streams: [3 of StreamID?]
    /// The unfinished lines of a container; nil until there is one.
    var joins: PartialJoins?

    var limits: LineLimits { job.limits }

    /// Under which its place is saved.
    var key: String { number == 0 ? job.name : "\(job.name)#\(number + 1)" }

    init(job: FileReadingJob, number: UInt16, format: FileFormat, streams: [3 of StreamID?]) {
        self.job = job
        self.number = number
        self.format = format
        self.streams = streams
    }
}

/// How far one delivery has got in a generation.
final class ReadCursor {
    /// Where the next line begins that was not given out.
    var offset: UInt64 = 0
    /// Of the line at `offset`, the pieces that were given out.
    var cut = LineCut()
    /// Up to here records have been given out before; they are only read again for the lines that were unfinished.
    var replay: Replay?
    /// Turns its lines into UTF-8; nil where they are UTF-8.
    var transcoder: Transcoder?
    /// Whether the first bytes have been looked at for a byte-order mark.
    var isEncodingKnown = false
    /// Nothing but NULs has been read so far.
    var isAtHole = false

    struct Replay {
        var until: UInt64
        var starts: [UInt64?]
    }

    /// Goes on from a saved place, or from where the lines begin that were unfinished there.
    func resume(at place: FilePosition.Place) {
        offset = place.resumeOffset
        cut = place.cut
        replay = offset < place.offset ? Replay(until: place.offset, starts: place.joinStarts) : nil
    }

    /// Begins again at the start: the file was truncated.
    func restart() {
        offset = 0
        cut = LineCut()
        replay = nil
        transcoder = nil
        isEncodingKnown = false
        isAtHole = false
    }

    /// Everything up to `end` has been given out or, in a replay, passed over.
    func advance(to end: UInt64) {
        offset = end
        if let limit = replay?.until, end >= limit { replay = nil }
    }
}
