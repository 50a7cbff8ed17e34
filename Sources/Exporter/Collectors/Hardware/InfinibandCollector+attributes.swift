import Telemetry

extension InfinibandCollector {
    /// Counters of a port (kernel, ABI/stable/sysfs-class-infiniband). Data is counted in words of four bytes.
    static let attributes = [
        DeviceAttribute(
            "counters_ext/port_multicast_rcv_packets", "node_infiniband_legacy_multicast_packets_received_total",
            "Multicast packets received, as older kernels count.", type: .counter),
        DeviceAttribute(
            "counters_ext/port_multicast_xmit_packets", "node_infiniband_legacy_multicast_packets_transmitted_total",
            "Multicast packets sent, as older kernels count.", type: .counter),
        DeviceAttribute(
            "counters_ext/port_rcv_data_64", "node_infiniband_legacy_data_received_bytes_total",
            "Bytes received, as older kernels count.", type: .counter, divisor: 0.25),
        DeviceAttribute(
            "counters_ext/port_rcv_packets_64", "node_infiniband_legacy_packets_received_total",
            "Packets received, as older kernels count.", type: .counter),
        DeviceAttribute(
            "counters_ext/port_unicast_rcv_packets", "node_infiniband_legacy_unicast_packets_received_total",
            "Unicast packets received, as older kernels count.", type: .counter),
        DeviceAttribute(
            "counters_ext/port_unicast_xmit_packets", "node_infiniband_legacy_unicast_packets_transmitted_total",
            "Unicast packets sent, as older kernels count.", type: .counter),
        DeviceAttribute(
            "counters_ext/port_xmit_data_64", "node_infiniband_legacy_data_transmitted_bytes_total",
            "Bytes sent, as older kernels count.", type: .counter, divisor: 0.25),
        DeviceAttribute(
            "counters_ext/port_xmit_packets_64", "node_infiniband_legacy_packets_transmitted_total",
            "Packets sent, as older kernels count.", type: .counter),
        DeviceAttribute(
            "counters/excessive_buffer_overrun_errors", "node_infiniband_excessive_buffer_overrun_errors_total",
            "Runs of buffer overruns.", type: .counter),
        DeviceAttribute(
            "counters/link_downed", "node_infiniband_link_downed_total", "Times that the link went down for good.",
            type: .counter),
        DeviceAttribute(
            "counters/link_error_recovery", "node_infiniband_link_error_recovery_total",
            "Times that the link recovered from an error.", type: .counter),
        DeviceAttribute(
            "counters/local_link_integrity_errors", "node_infiniband_local_link_integrity_errors_total",
            "Times that there were too many local physical errors.", type: .counter),
        DeviceAttribute(
            "counters/multicast_rcv_packets", "node_infiniband_multicast_packets_received_total",
            "Multicast packets received.", type: .counter),
        DeviceAttribute(
            "counters/multicast_xmit_packets", "node_infiniband_multicast_packets_transmitted_total",
            "Multicast packets sent.", type: .counter),
        DeviceAttribute(
            "counters/port_rcv_constraint_errors", "node_infiniband_port_constraint_errors_received_total",
            "Packets received that a switch port threw away.", type: .counter),
        DeviceAttribute(
            "counters/port_xmit_constraint_errors", "node_infiniband_port_constraint_errors_transmitted_total",
            "Packets that a switch port did not send.", type: .counter),
        DeviceAttribute(
            "counters/port_rcv_data", "node_infiniband_port_data_received_bytes_total", "Bytes received.",
            type: .counter, divisor: 0.25),
        DeviceAttribute(
            "counters/port_xmit_data", "node_infiniband_port_data_transmitted_bytes_total", "Bytes sent.",
            type: .counter, divisor: 0.25),
        DeviceAttribute(
            "counters/port_rcv_discards", "node_infiniband_port_discards_received_total",
            "Packets received and thrown away while down or congested.", type: .counter),
        DeviceAttribute(
            "counters/port_xmit_discards", "node_infiniband_port_discards_transmitted_total",
            "Packets not sent while down or congested.", type: .counter),
        DeviceAttribute(
            "counters/port_rcv_errors", "node_infiniband_port_errors_received_total", "Packets received with an error.",
            type: .counter),
        DeviceAttribute(
            "counters/port_rcv_packets", "node_infiniband_port_packets_received_total", "Packets received.",
            type: .counter),
        DeviceAttribute(
            "counters/port_xmit_packets", "node_infiniband_port_packets_transmitted_total", "Packets sent.",
            type: .counter),
        DeviceAttribute(
            "counters/port_xmit_wait", "node_infiniband_port_transmit_wait_total",
            "Ticks in which there was data to send and none was sent.", type: .counter),
        DeviceAttribute(
            "counters/port_rcv_remote_physical_errors", "node_infiniband_port_receive_remote_physical_errors_total",
            "Packets received that were marked bad on their way.", type: .counter),
        DeviceAttribute(
            "counters/port_rcv_switch_relay_errors", "node_infiniband_port_receive_switch_relay_errors_total",
            "Packets that the switch could not pass on.", type: .counter),
        DeviceAttribute(
            "counters/symbol_error", "node_infiniband_symbol_error_total", "Small errors on the physical lanes.",
            type: .counter),
        DeviceAttribute(
            "counters/unicast_rcv_packets", "node_infiniband_unicast_packets_received_total",
            "Unicast packets received.", type: .counter),
        DeviceAttribute(
            "counters/unicast_xmit_packets", "node_infiniband_unicast_packets_transmitted_total",
            "Unicast packets sent.", type: .counter),
        DeviceAttribute(
            "counters/VL15_dropped", "node_infiniband_vl15_dropped_total",
            "Management packets thrown away for lack of room.", type: .counter),
        DeviceAttribute(
            "hw_counters/duplicate_request", "node_infiniband_duplicate_requests_packets_total",
            "Requests received that had been carried out before.", type: .counter),
        DeviceAttribute(
            "hw_counters/implied_nak_seq_err", "node_infiniband_implied_nak_seq_errors_total",
            "Acknowledgements received that were ahead of what was awaited.", type: .counter),
        DeviceAttribute(
            "hw_counters/local_ack_timeout_err", "node_infiniband_local_ack_timeout_errors_total",
            "Times that no acknowledgement came in time.", type: .counter),
        DeviceAttribute(
            "hw_counters/np_cnp_sent", "node_infiniband_np_cnp_packets_sent_total", "Notices of congestion sent.",
            type: .counter),
        DeviceAttribute(
            "hw_counters/np_ecn_marked_roce_packets", "node_infiniband_np_ecn_marked_roce_packets_received_total",
            "Packets received with a mark of congestion.", type: .counter),
        DeviceAttribute(
            "hw_counters/out_of_buffer", "node_infiniband_out_of_buffer_drops_total",
            "Packets thrown away for lack of a work entry.", type: .counter),
        DeviceAttribute(
            "hw_counters/out_of_sequence", "node_infiniband_out_of_sequence_packets_received_total",
            "Packets received out of order.", type: .counter),
        DeviceAttribute(
            "hw_counters/packet_seq_err", "node_infiniband_packet_sequence_errors_total",
            "Notices received of packets out of order.", type: .counter),
        DeviceAttribute(
            "hw_counters/req_cqe_error", "node_infiniband_req_cqes_errors_total",
            "Requests that completed with an error.", type: .counter),
        DeviceAttribute(
            "hw_counters/req_cqe_flush_error", "node_infiniband_req_cqes_flush_errors_total",
            "Requests that were flushed with an error.", type: .counter),
        DeviceAttribute(
            "hw_counters/req_remote_access_errors", "node_infiniband_req_remote_access_errors_total",
            "Requests that the other side refused access.", type: .counter),
        DeviceAttribute(
            "hw_counters/req_remote_invalid_request", "node_infiniband_req_remote_invalid_request_errors_total",
            "Requests that the other side called invalid.", type: .counter),
        DeviceAttribute(
            "hw_counters/resp_cqe_error", "node_infiniband_resp_cqes_errors_total",
            "Responses that completed with an error.", type: .counter),
        DeviceAttribute(
            "hw_counters/resp_cqe_flush_error", "node_infiniband_resp_cqes_flush_errors_total",
            "Responses that were flushed with an error.", type: .counter),
        DeviceAttribute(
            "hw_counters/resp_local_length_error", "node_infiniband_resp_local_length_errors_total",
            "Requests received of a wrong length.", type: .counter),
        DeviceAttribute(
            "hw_counters/resp_remote_access_errors", "node_infiniband_resp_remote_access_errors_total",
            "Requests received that access was refused.", type: .counter),
        DeviceAttribute(
            "hw_counters/rnr_nak_retry_err", "node_infiniband_rnr_nak_retry_packets_received_total",
            "Notices received that the other side was not ready.", type: .counter),
        DeviceAttribute(
            "hw_counters/roce_adp_retrans", "node_infiniband_roce_adp_retransmits_total", "Adaptive retransmissions.",
            type: .counter),
        DeviceAttribute(
            "hw_counters/roce_adp_retrans_to", "node_infiniband_roce_adp_retransmits_timeout_total",
            "Timeouts of adaptive retransmission.", type: .counter),
        DeviceAttribute(
            "hw_counters/roce_slow_restart", "node_infiniband_roce_slow_restart_used_total", "Slow restarts used.",
            type: .counter),
        DeviceAttribute(
            "hw_counters/roce_slow_restart_cnps", "node_infiniband_roce_slow_restart_cnps_total",
            "Notices of congestion by slow restarts.", type: .counter),
        DeviceAttribute(
            "hw_counters/roce_slow_restart_trans", "node_infiniband_roce_slow_restart_total",
            "Changes to slow restart.", type: .counter),
        DeviceAttribute(
            "hw_counters/rp_cnp_handled", "node_infiniband_rp_cnp_packets_handled_total",
            "Notices of congestion acted on.", type: .counter),
        DeviceAttribute(
            "hw_counters/rp_cnp_ignored", "node_infiniband_rp_cnp_ignored_packets_received_total",
            "Notices of congestion ignored.", type: .counter),
        DeviceAttribute(
            "hw_counters/rx_atomic_requests", "node_infiniband_rx_atomic_requests_total", "Atomic requests received.",
            type: .counter),
        DeviceAttribute(
            "hw_counters/rx_dct_connect", "node_infiniband_rx_dct_connect_requests_total",
            "Requests received to connect dynamically.", type: .counter),
        DeviceAttribute(
            "hw_counters/rx_icrc_encapsulated", "node_infiniband_rx_icrc_encapsulated_errors_total",
            "Packets received with a wrong checksum.", type: .counter),
        DeviceAttribute(
            "hw_counters/rx_read_requests", "node_infiniband_rx_read_requests_total", "Read requests received.",
            type: .counter),
        DeviceAttribute(
            "hw_counters/rx_write_requests", "node_infiniband_rx_write_requests_total", "Write requests received.",
            type: .counter),
        DeviceAttribute(
            "hw_counters/lifespan", "node_infiniband_lifespan_seconds",
            "Seconds for which the counters of the hardware are kept.", divisor: 1000),
    ]
}
