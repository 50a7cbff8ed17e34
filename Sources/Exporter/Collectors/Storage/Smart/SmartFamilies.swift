import Telemetry

/// The families that a disk's health becomes.
struct SmartFamilies {
    private let info, readable, asleep, readTime, healthy: SampleBatch.FamilyID
    private let value, worst, threshold, raw: SampleBatch.FamilyID
    private let temperature, powerOn, cycles: SampleBatch.FamilyID
    private let warning, spare, spareThreshold, used: SampleBatch.FamilyID
    private let read, written, mediaErrors, shutdowns, logEntries, hot: SampleBatch.FamilyID
    private let corrected, uncorrected, processed: SampleBatch.FamilyID

    init(_ batch: inout SampleBatch) {
        func gauge(_ name: StaticString, _ help: StaticString) -> SampleBatch.FamilyID {
            batch.family(name, .gauge, help)
        }
        func counter(_ name: StaticString, _ help: StaticString) -> SampleBatch.FamilyID {
            batch.family(name, .counter, help)
        }
        info = gauge("tocsin_smart_info", "What a disk is; always 1.")
        readable = gauge("tocsin_smart_readable", "Whether a disk answered when it was last asked.")
        asleep = gauge(
            "tocsin_smart_asleep", "Whether a disk stood still when it was last looked at, and was not asked.")
        readTime = gauge("tocsin_smart_read_timestamp_seconds", "When a disk last told of its health.")
        healthy = gauge("tocsin_smart_healthy", "Whether a disk thinks that it will not fail soon.")
        value = gauge("tocsin_smart_attribute_value", "An attribute as its maker rates it; more is better.")
        worst = gauge("tocsin_smart_attribute_worst", "The least that an attribute's value ever was.")
        threshold = gauge("tocsin_smart_attribute_threshold", "The value at which an attribute tells of failure.")
        raw = gauge("tocsin_smart_attribute_raw", "The maker's own number for an attribute, 48 bits.")
        temperature = gauge("tocsin_smart_temperature_celsius", "Temperature of a disk.")
        powerOn = gauge("tocsin_smart_power_on_seconds", "Seconds that a disk has been on in its life.")
        cycles = counter("tocsin_smart_power_cycles_total", "Times that a disk was switched on.")
        warning = gauge("tocsin_smart_critical_warning", "Whether a controller of NVMe warns of something.")
        spare = gauge("tocsin_smart_available_spare_ratio", "Part of the spare blocks that is left.")
        spareThreshold = gauge(
            "tocsin_smart_available_spare_threshold_ratio", "Part of the spare blocks below which there is a warning.")
        used = gauge("tocsin_smart_used_ratio", "Part of the life that the maker expects which is over; it may pass 1.")
        read = counter("tocsin_smart_read_bytes_total", "Bytes that a disk has read for its hosts.")
        written = counter("tocsin_smart_written_bytes_total", "Bytes that a disk has written for its hosts.")
        mediaErrors = counter("tocsin_smart_media_errors_total", "Times that data could not be read back whole.")
        shutdowns = counter("tocsin_smart_unsafe_shutdowns_total", "Times that power went without a warning.")
        logEntries = counter("tocsin_smart_error_log_entries_total", "Entries that the log of errors ever had.")
        hot = counter("tocsin_smart_hot_seconds_total", "Seconds spent above a limit of temperature.")
        corrected = counter("tocsin_smart_corrected_errors_total", "Errors that a SCSI disk corrected.")
        uncorrected = counter("tocsin_smart_uncorrected_errors_total", "Errors that a SCSI disk could not correct.")
        processed = counter("tocsin_smart_processed_bytes_total", "Bytes that a SCSI disk counts its errors among.")
    }

    func write(_ disk: String, _ state: SmartDisk.State, into batch: inout SampleBatch) {
        let labels = batch.labels("device", disk)
        // Before the first answer nothing is known.
        guard state.reading != nil || state.isAsleep || state.problem != nil else { return }
        batch.sample(readable, labels, state.problem == nil ? 1 : 0)
        batch.sample(asleep, labels, state.isAsleep ? 1 : 0)
        guard let reading = state.reading else { return }
        batch.startLabels()
        batch.label("device", disk)
        batch.label("firmware", reading.firmware)
        batch.label("model", reading.model)
        batch.label("serial", reading.serial)
        batch.label("standard", reading.standard.rawValue)
        batch.sample(info, batch.endLabels(), 1)
        if let time = state.readTime { batch.sample(readTime, labels, time.secondsSince1970) }
        if let isHealthy = reading.isHealthy { batch.sample(healthy, labels, isHealthy ? 1 : 0) }
        if let degrees = reading.temperature { batch.sample(temperature, labels, degrees) }
        if let seconds = reading.powerOnSeconds { batch.sample(powerOn, labels, seconds) }
        if let count = reading.powerCycles { batch.sample(cycles, labels, count) }
        for attribute in reading.attributes { write(attribute, of: disk, into: &batch) }
        for counts in reading.errors { write(counts, of: disk, into: &batch) }
        if let wear = reading.wear { write(wear, of: disk, labels, into: &batch) }
    }

    private func write(_ attribute: SmartReading.Attribute, of disk: String, into batch: inout SampleBatch) {
        batch.startLabels()
        batch.label("device", disk)
        batch.label("id", Int(attribute.id))
        batch.label("name", ATAAttributeNames.name(attribute.id))
        let labels = batch.endLabels()
        batch.sample(value, labels, Double(attribute.value))
        batch.sample(worst, labels, Double(attribute.worst))
        if let limit = attribute.threshold { batch.sample(threshold, labels, Double(limit)) }
        batch.sample(raw, labels, Double(attribute.raw))
    }

    private func write(_ counts: SmartReading.ErrorCounts, of disk: String, into batch: inout SampleBatch) {
        batch.startLabels()
        batch.label("device", disk)
        batch.label("operation", counts.operation.text)
        let labels = batch.endLabels()
        if let count = counts.corrected { batch.sample(corrected, labels, Double(count)) }
        if let count = counts.uncorrected { batch.sample(uncorrected, labels, Double(count)) }
        if let bytes = counts.processedBytes { batch.sample(processed, labels, Double(bytes)) }
    }

    private func write(
        _ wear: SmartReading.Wear, of disk: String, _ labels: SampleBatch.Labels, into batch: inout SampleBatch
    ) {
        for (bit, name) in SmartReading.warnings.enumerated() {
            batch.startLabels()
            batch.label("device", disk)
            batch.label("warning", name)
            batch.sample(warning, batch.endLabels(), wear.warnings >> UInt8(bit) & 1 == 1 ? 1 : 0)
        }
        batch.sample(spare, labels, Double(wear.spare) / 100)
        batch.sample(spareThreshold, labels, Double(wear.spareThreshold) / 100)
        batch.sample(used, labels, Double(wear.used) / 100)
        batch.sample(read, labels, wear.readBytes)
        batch.sample(written, labels, wear.writtenBytes)
        batch.sample(mediaErrors, labels, wear.mediaErrors)
        batch.sample(shutdowns, labels, wear.unsafeShutdowns)
        batch.sample(logEntries, labels, wear.logEntries)
        func sample(_ level: StaticString, _ seconds: Double) {
            batch.startLabels()
            batch.label("device", disk)
            batch.label("level", level)
            batch.sample(hot, batch.endLabels(), seconds)
        }
        sample("critical", wear.criticalSeconds)
        sample("warning", wear.hotSeconds)
    }
}
