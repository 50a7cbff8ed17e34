import Bytes
import Testing

@testable import Exporter

@Suite struct EthtoolNameTests {
    @Test(
        "names of drivers' counters become names of metrics",
        arguments: [
            ("rx_bytes", "received_bytes_total"), ("tx_packets", "transmitted_packets_total"),
            ("rx_queue_0_drops", "received_queue_0_drops"), ("tx_tx_timeouts", "transmitted_tx_timeouts"),
            ("rx-RX.rx", "received_rx_received"), ("port.tx_bytes_nic", "port_transmitted_bytes_nic"),
            ("  [0]: Rx ucast", "0___received_ucast"), ("vf_txq", "vf_txq"), ("", ""),
        ])
    func names(_ driver: String, _ metric: String) {
        var raw = ByteBuffer()
        raw.append(driver)
        var plain = ByteBuffer()
        EthtoolName.sanitize(raw.bytes, into: &plain)
        var name = ByteBuffer()
        EthtoolName.append(plain.bytes, to: &name)
        #expect(String(lossy: name.bytes) == metric)
    }
}
