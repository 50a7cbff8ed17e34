import Rules
import Telemetry

/// A moment on a clock somewhere, as Go's `time.Time`: from the year 1 on.
package struct TemplateTime: Sendable, Equatable {
    /// Since 1970.
    package var seconds: Int64
    package var nanosecond: Int
    /// Seconds by which its clock is east of Greenwich, and what its time is called.
    package var offset = 0
    package var zone = "UTC"

    /// The first second of the year 1: what Go takes for no time.
    package static let zero = TemplateTime(seconds: -62_135_596_800)

    package init(seconds: Int64, nanosecond: Int = 0, offset: Int = 0, zone: String = "UTC") {
        self.seconds = seconds
        self.nanosecond = nanosecond
        self.offset = offset
        self.zone = zone
    }

    /// - Parameter milliseconds: since 1970.
    package init(milliseconds: Int64) {
        let rest = milliseconds % 1000
        let floored = rest < 0 ? milliseconds / 1000 - 1 : milliseconds / 1000
        self.init(seconds: floored, nanosecond: Int(rest < 0 ? rest + 1000 : rest) * 1_000_000)
    }

    package func formatted(_ layout: String) -> String {
        GoTime.format(civil, offset: offset, zone: zone, layout)
    }

    /// `2006-01-02T15:04:05.999999999Z07:00`, as Go writes it into JSON.
    package var rfc3339: String { formatted("2006-01-02T15:04:05.999999999Z07:00") }

    var civil: CivilTime { CivilTime(seconds: Int(seconds) + offset, nanosecond: nanosecond) }

    /// Nanoseconds from `other` to this, as far as a duration reaches.
    func nanoseconds(since other: TemplateTime) -> Int64 {
        let whole = (seconds - other.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !whole.overflow else { return seconds < other.seconds ? .min : .max }
        return whole.partialValue.addingReportingOverflow(Int64(nanosecond - other.nanosecond)).partialValue
    }

    func adding(nanoseconds: Int64) -> TemplateTime {
        var result = self
        let sum = Int64(nanosecond) + nanoseconds % 1_000_000_000
        result.seconds += nanoseconds / 1_000_000_000 + (sum < 0 ? -1 : sum >= 1_000_000_000 ? 1 : 0)
        result.nanosecond = Int((sum + 1_000_000_000) % 1_000_000_000)
        return result
    }
}

extension TemplateTime {
    // No template can write these names.
    private static let fields = (seconds: " seconds", nanosecond: " nanosecond", offset: " offset", zone: " zone")

    package var value: TemplateValue {
        var structure = TemplateStructure(
            typeName: "time.Time",
            [
                (Self.fields.seconds, .integer(seconds, .int64)), (Self.fields.nanosecond, .int(nanosecond)),
                (Self.fields.offset, .int(offset)), (Self.fields.zone, .string(zone)),
            ])
        structure.printed = formatted("2006-01-02 15:04:05.999999999 -0700 MST")
        return .structure(structure)
    }

    /// Nil where the value is no time.
    package init?(_ value: TemplateValue) {
        guard case .structure(let structure) = value, structure.typeName == "time.Time",
            case .integer(let seconds, _)? = structure[Self.fields.seconds],
            case .integer(let nanosecond, _)? = structure[Self.fields.nanosecond],
            case .integer(let offset, _)? = structure[Self.fields.offset],
            case .string(let zone)? = structure[Self.fields.zone]
        else { return nil }
        self.init(seconds: seconds, nanosecond: Int(nanosecond), offset: Int(offset), zone: zone)
    }

    /// On the clocks of a zone; nil where this host does not know it.
    func on(zoneNamed name: String) -> TemplateTime? {
        guard let file = TimeZones.zone(named: name) else { return nil }
        var result = self
        result.offset = file.offset(at: seconds)
        // The system's zone file is read for its offsets alone: as Go does for a zone without a name, it is told by them.
        result.zone =
            name == "UTC" || name.isEmpty
            ? "UTC"
            : GoTime.format(civil, offset: result.offset, zone: "", result.offset % 3600 == 0 ? "-07" : "-0700")
        return result
    }
}
