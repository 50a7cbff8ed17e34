import Telemetry

/// The families of the collector `systemd`. A family that nothing is written of is not on the page.
struct SystemdFamilies {
    let state: SampleBatch.FamilyID
    let units: SampleBatch.FamilyID
    private let restarts: SampleBatch.FamilyID
    private let accepted: SampleBatch.FamilyID
    private let connections: SampleBatch.FamilyID
    private let refused: SampleBatch.FamilyID
    private let lastTrigger: SampleBatch.FamilyID
    private let startTime: SampleBatch.FamilyID
    private let tasks: SampleBatch.FamilyID
    private let mostTasks: SampleBatch.FamilyID

    init(in batch: inout SampleBatch) {
        state = batch.family("node_systemd_unit_state", .gauge, "Whether a unit is in a state.")
        units = batch.family("node_systemd_units", .gauge, "Units in each state, those left out elsewhere too.")
        restarts = batch.family(
            "node_systemd_service_restart_total", .counter, "Times that systemd restarted a service by itself.")
        accepted = batch.family(
            "node_systemd_socket_accepted_connections_total", .counter, "Connections that a socket unit accepted.")
        connections = batch.family(
            "node_systemd_socket_current_connections", .gauge, "Connections that a socket unit has.")
        // A gauge by node_exporter's word, whatever its name says.
        refused = batch.family(
            "node_systemd_socket_refused_connections_total", .gauge, "Connections that a socket unit refused.")
        lastTrigger = batch.family(
            "node_systemd_timer_last_trigger_seconds", .gauge,
            "When a timer last went off, in seconds since 1970; 0 for never.")
        startTime = batch.family(
            "node_systemd_unit_start_time_seconds", .gauge,
            "When an active unit became so, in seconds since 1970; 0 for others.")
        tasks = batch.family("node_systemd_unit_tasks_current", .gauge, "Tasks that a service has.")
        mostTasks = batch.family("node_systemd_unit_tasks_max", .gauge, "Tasks that a service may have.")
    }

    /// Nil for what becomes a label.
    func family(of property: UnitProperty) -> SampleBatch.FamilyID? {
        switch property {
        case .serviceType, .mountType: nil
        case .restarts: restarts
        case .accepted: accepted
        case .connections: connections
        case .refused: refused
        case .lastTrigger: lastTrigger
        case .activeSince: startTime
        case .tasks: tasks
        case .mostTasks: mostTasks
        }
    }
}
