import Telemetry

/// Families of the `units` collector, label `unit`:
///
/// - `tocsin_unit_cpu_seconds_total`: CPU time, user and system together.
/// - `tocsin_unit_memory_bytes`: what the kernel accounts to the unit, caches included.
/// - `tocsin_unit_memory_working_set_bytes`: without the file pages that have not been used lately.
/// - `tocsin_unit_tasks`: processes and threads.
/// - `tocsin_unit_io_read_bytes_total`, `tocsin_unit_io_written_bytes_total`: of all devices that are not made of others.
/// - `tocsin_unit_oom_kills_total`: processes that the kernel killed for want of memory.
struct UnitFamilies {
    private let cpu: SampleBatch.FamilyID
    private let memory: SampleBatch.FamilyID
    private let workingSet: SampleBatch.FamilyID
    private let tasks: SampleBatch.FamilyID
    private let read: SampleBatch.FamilyID
    private let written: SampleBatch.FamilyID
    private let oomKills: SampleBatch.FamilyID

    init(in batch: inout SampleBatch) {
        cpu = batch.family("tocsin_unit_cpu_seconds_total", .counter, "CPU time that the unit has used, in seconds.")
        memory = batch.family("tocsin_unit_memory_bytes", .gauge, "Memory that the unit has in use, caches included.")
        workingSet = batch.family(
            "tocsin_unit_memory_working_set_bytes", .gauge,
            "Memory that the unit has in use without file pages that have not been used lately.")
        tasks = batch.family("tocsin_unit_tasks", .gauge, "Processes and threads of the unit.")
        read = batch.family("tocsin_unit_io_read_bytes_total", .counter, "Bytes that the unit has read from devices.")
        written = batch.family(
            "tocsin_unit_io_written_bytes_total", .counter, "Bytes that the unit has written to devices.")
        oomKills = batch.family(
            "tocsin_unit_oom_kills_total", .counter, "Processes of the unit that were killed for want of memory.")
    }

    func write(
        _ usage: CgroupUsage, _ labels: SampleBatch.Labels, devices: inout DeviceNames, into batch: inout SampleBatch
    ) {
        func sample(_ family: SampleBatch.FamilyID, _ value: ContainerValue, _ batch: inout SampleBatch) {
            if let number = usage[value] { batch.sample(family, labels, number) }
        }
        sample(cpu, .cpuTotal, &batch)
        sample(memory, .memory, &batch)
        sample(workingSet, .workingSet, &batch)
        sample(tasks, .threads, &batch)
        sample(oomKills, .oomKills, &batch)
        if usage.devices.isEmpty { return }
        var total = (read: 0.0, written: 0.0)
        for device in usage.devices where !devices.isStacked(device.major, device.minor) {
            total.read += device.readBytes
            total.written += device.writtenBytes
        }
        batch.sample(read, labels, total.read)
        batch.sample(written, labels, total.written)
    }
}
