import CLinux
import Glibc
import Telemetry

/// How the kernel keeps the time: adjtimex(2).
struct TimexCollector: Collector {
    static let description = CollectorDescription("timex", "How the kernel keeps the clock right.") {
        TimexCollector($0)
    }

    init(_ context: CollectorContext) {}

    mutating func collect(into batch: inout SampleBatch, reader: inout HostReader) throws {
        var clock = clinux_clock()
        let code = clinux_clock_state(&clock)
        // In some containers.
        if code == EPERM { throw CollectorError.absent("adjtimex is not allowed") }
        guard code == 0 else { throw CollectorError.failed("adjtimex: \(String(cString: strerror(code)))") }
        func gauge(_ name: StaticString, _ value: Double, _ help: StaticString) {
            batch.sample(name, .gauge, help, value)
        }
        func counter(_ name: StaticString, _ value: Int64, _ help: StaticString) {
            batch.sample(name, .counter, help, Double(value))
        }
        // STA_NANO: some fields are in nanoseconds instead of microseconds.
        let unit = clock.status & 0x2000 != 0 ? 1e9 : 1e6
        // Parts per million with 16 bits behind the point.
        let ratio = 1_000_000.0 * 65536
        // TIME_ERROR.
        gauge("node_timex_sync_status", clock.state == 5 ? 0 : 1, "Whether the clock follows a reliable one.")
        gauge("node_timex_offset_seconds", Double(clock.offset) / unit, "Seconds by which the clock is behind.")
        gauge(
            "node_timex_frequency_adjustment_ratio", 1 + Double(clock.frequency) / ratio,
            "How much faster than by itself the clock is made to run.")
        gauge(
            "node_timex_maxerror_seconds", Double(clock.max_error) / 1e6, "Seconds by which the clock is wrong at most."
        )
        gauge(
            "node_timex_estimated_error_seconds", Double(clock.estimated_error) / 1e6,
            "Seconds by which the clock is wrong as estimated.")
        gauge("node_timex_status", Double(clock.status), "The clock's status bits, as in adjtimex(2).")
        gauge("node_timex_loop_time_constant", Double(clock.constant), "Time constant of the phase-locked loop.")
        gauge("node_timex_tick_seconds", Double(clock.tick) / 1e6, "Seconds between two ticks.")
        gauge(
            "node_timex_pps_frequency_hertz", Double(clock.pps_frequency) / ratio, "Frequency of the pulse per second.")
        gauge("node_timex_pps_jitter_seconds", Double(clock.jitter) / unit, "Jitter of the pulse per second.")
        gauge("node_timex_pps_shift_seconds", Double(clock.shift), "Length of the pulse's interval.")
        gauge(
            "node_timex_pps_stability_hertz", Double(clock.stability) / ratio,
            "Stability of the pulse: mean of its last changes of frequency.")
        counter("node_timex_pps_jitter_total", clock.jitter_count, "Pulses that came with too much jitter.")
        counter("node_timex_pps_calibration_total", clock.calibrations, "Intervals of calibration.")
        counter("node_timex_pps_error_total", clock.errors, "Calibrations that failed.")
        counter(
            "node_timex_pps_stability_exceeded_total", clock.stability_count,
            "Calibrations with too large a change of frequency.")
        gauge("node_timex_tai_offset_seconds", Double(clock.tai), "Seconds by which atomic time (TAI) is ahead of UTC.")
    }
}
