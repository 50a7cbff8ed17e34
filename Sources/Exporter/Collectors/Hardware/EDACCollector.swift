import Bytes
import Telemetry

/// `/sys/devices/system/edac/mc` (kernel, admin-guide/RAS): memory errors by controller, row and channel.
struct EDACCollector: Collector {
    static let description = CollectorDescription("edac", "Errors that memory controllers saw.") { EDACCollector($0) }

    private final class Controller {
        let number: String
        let corrected, correctedAnywhere, uncorrected, uncorrectedAnywhere: String
        let rows: DeviceList<Row>

        init(number: String, path: String) {
            self.number = number
            corrected = "\(path)/ce_count"
            correctedAnywhere = "\(path)/ce_noinfo_count"
            uncorrected = "\(path)/ue_count"
            uncorrectedAnywhere = "\(path)/ue_noinfo_count"
            rows = DeviceList(path) { name, path in
                name.number(after: "csrow").map { Row(number: $0, path: path) }
            }
        }
    }

    private final class Row {
        let number: String
        let corrected, uncorrected: String
        let channels: DeviceList<Channel>

        init(number: String, path: String) {
            self.number = number
            corrected = "\(path)/ce_count"
            uncorrected = "\(path)/ue_count"
            channels = DeviceList(path) { name, file in
                guard let rest = name.number(after: "ch"), rest.hasSuffix("_ce_count") else { return nil }
                let channel = String(rest.dropLast("_ce_count".count))
                return Channel(
                    number: channel, corrected: file, uncorrected: "\(path)/ch\(channel)_ue_count",
                    label: "\(path)/ch\(channel)_dimm_label")
            }
        }
    }

    private final class Channel {
        let number: String
        let corrected, uncorrected: String
        private let labelFile: String
        private var knownLabel: String?

        init(number: String, corrected: String, uncorrected: String, label: String) {
            self.number = number
            self.corrected = corrected
            self.uncorrected = uncorrected
            labelFile = label
        }

        /// The name that the firmware or the administrator gave the slot, `mc0_csrow0_channel0`; set once at boot.
        func label(_ reader: inout HostReader) -> String {
            if let knownLabel { return knownLabel }
            guard let text = reader.string(labelFile) else { return "unknown" }
            let label = text.replacing("#", with: "").replacing("csrow", with: "_csrow")
                .replacing("channel", with: "_channel")
            knownLabel = label
            return label
        }
    }

    private let controllers: DeviceList<Controller>

    init(_ context: CollectorContext) {
        controllers = DeviceList(context.paths.sys("devices/system/edac/mc")) { name, path in
            name.number(after: "mc").map { Controller(number: $0, path: path) }
        }
    }

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        // A host without such memory is no failure.
        guard try controllers.refreshIfPresent() else { return }
        let corrected = batch.family(
            "node_edac_correctable_errors_total", .counter, "Memory errors that were corrected.")
        let uncorrected = batch.family(
            "node_edac_uncorrectable_errors_total", .counter, "Memory errors that could not be corrected.")
        let rows = RowFamilies(into: &batch)
        for controller in controllers.devices {
            let labels = batch.labels("controller", controller.number)
            if let value = reader.number(controller.corrected) { batch.sample(corrected, labels, value) }
            if let value = reader.number(controller.uncorrected) { batch.sample(uncorrected, labels, value) }
            let anywhere = Self.labels(controller.number, "unknown", into: &batch)
            if let value = reader.number(controller.correctedAnywhere) {
                batch.sample(rows.corrected, anywhere, value)
            }
            if let value = reader.number(controller.uncorrectedAnywhere) {
                batch.sample(rows.uncorrected, anywhere, value)
            }
            guard try controller.rows.refreshIfPresent() else { continue }
            for row in controller.rows.devices {
                let labels = Self.labels(controller.number, row.number, into: &batch)
                if let value = reader.number(row.corrected) { batch.sample(rows.corrected, labels, value) }
                if let value = reader.number(row.uncorrected) { batch.sample(rows.uncorrected, labels, value) }
                guard try row.channels.refreshIfPresent() else { continue }
                for channel in row.channels.devices {
                    write(channel, of: row.number, controller.number, rows, into: &batch, &reader)
                }
            }
        }
    }

    private struct RowFamilies {
        let corrected, uncorrected, channelCorrected, channelUncorrected: SampleBatch.FamilyID

        init(into batch: inout SampleBatch) {
            corrected = batch.family(
                "node_edac_csrow_correctable_errors_total", .counter, "Memory errors of a row that were corrected.")
            uncorrected = batch.family(
                "node_edac_csrow_uncorrectable_errors_total", .counter,
                "Memory errors of a row that could not be corrected.")
            channelCorrected = batch.family(
                "node_edac_channel_correctable_errors_total", .counter,
                "Memory errors of a channel that were corrected.")
            channelUncorrected = batch.family(
                "node_edac_channel_uncorrectable_errors_total", .counter,
                "Memory errors of a channel that could not be corrected.")
        }
    }

    private func write(
        _ channel: Channel, of row: String, _ controller: String, _ families: RowFamilies,
        into batch: inout SampleBatch, _ reader: inout HostReader
    ) {
        batch.startLabels()
        batch.label("channel", channel.number)
        batch.label("controller", controller)
        batch.label("csrow", row)
        batch.label("dimm_label", channel.label(&reader))
        let labels = batch.endLabels()
        if let value = reader.number(channel.corrected) { batch.sample(families.channelCorrected, labels, value) }
        if let value = reader.number(channel.uncorrected) { batch.sample(families.channelUncorrected, labels, value) }
    }

    private static func labels(
        _ controller: String, _ row: String, into batch: inout SampleBatch
    ) -> SampleBatch.Labels {
        batch.startLabels()
        batch.label("controller", controller)
        batch.label("csrow", row)
        return batch.endLabels()
    }
}
