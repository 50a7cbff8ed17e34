import CLinux
import Telemetry

/// What a link could do and what it offers: the first 32 of the kernel's link modes (linux/ethtool.h), which are what
/// ETHTOOL_GSET tells.
struct EthtoolLink {
    private let supported: UInt32
    private let advertised: UInt32
    private let negotiates: Bool

    init(_ link: clinux_ethtool_link) {
        supported = link.supported
        advertised = link.advertised
        negotiates = link.autonegotiation != 0
    }

    struct Families {
        fileprivate let ports: SampleBatch.FamilyID
        fileprivate let negotiates: SampleBatch.FamilyID
        fileprivate let supported: Capabilities
        fileprivate let advertised: Capabilities

        init(_ batch: inout SampleBatch) {
            ports = batch.family("node_network_supported_port_info", .gauge, "Ports that a device has; always 1.")
            negotiates = batch.family("node_network_autonegotiate", .gauge, "Whether a device negotiates its speed.")
            supported = Capabilities(
                speed: batch.family(
                    "node_network_supported_speed_bytes", .gauge, "Speeds that a device could have, bytes per second."),
                negotiation: batch.family(
                    "node_network_autonegotiate_supported", .gauge, "Whether a device could negotiate."),
                pause: batch.family("node_network_pause_supported", .gauge, "Whether a device could pause."),
                asymmetricPause: batch.family(
                    "node_network_asymmetricpause_supported", .gauge, "Whether a device could pause one way."))
            advertised = Capabilities(
                speed: batch.family(
                    "node_network_advertised_speed_bytes", .gauge, "Speeds that a device offers, bytes per second."),
                negotiation: batch.family(
                    "node_network_autonegotiate_advertised", .gauge, "Whether a device offers to negotiate."),
                pause: batch.family("node_network_pause_advertised", .gauge, "Whether a device offers to pause."),
                asymmetricPause: batch.family(
                    "node_network_asymmetricpause_advertised", .gauge, "Whether a device offers to pause one way."))
        }
    }

    fileprivate struct Capabilities {
        let speed: SampleBatch.FamilyID
        let negotiation: SampleBatch.FamilyID
        let pause: SampleBatch.FamilyID
        let asymmetricPause: SampleBatch.FamilyID
    }

    private static let ports: [(bit: Int, name: StaticString)] = [
        (7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane"),
    ]

    /// Megabits per second by bit.
    private static let speeds: [(bit: Int, speed: Double, duplex: StaticString, mode: StaticString)] = [
        (0, 10, "half", "10baseT"), (1, 10, "full", "10baseT"), (2, 100, "half", "100baseT"),
        (3, 100, "full", "100baseT"), (4, 1000, "half", "1000baseT"), (5, 1000, "full", "1000baseT"),
        (12, 10_000, "full", "10000baseT"), (17, 1000, "full", "1000baseKX"), (18, 10_000, "full", "10000baseKX4"),
        (19, 10_000, "full", "10000baseKR"), (20, 10_000, "full", "10000baseR_FEC"),
        (21, 20_000, "full", "20000baseMLD2"), (22, 20_000, "full", "20000baseKR2"),
        (23, 40_000, "full", "40000baseKR4"), (24, 40_000, "full", "40000baseCR4"),
        (25, 40_000, "full", "40000baseSR4"), (26, 40_000, "full", "40000baseLR4"),
        (27, 56_000, "full", "56000baseKR4"), (28, 56_000, "full", "56000baseCR4"),
        (29, 56_000, "full", "56000baseSR4"), (30, 56_000, "full", "56000baseLR4"),
        (31, 25_000, "full", "25000baseCR"),
    ]

    func write(_ device: String, _ families: Families, into batch: inout SampleBatch) {
        for port in Self.ports where supported >> UInt32(port.bit) & 1 == 1 {
            batch.startLabels()
            batch.label("device", device)
            batch.label("type", port.name)
            batch.sample(families.ports, batch.endLabels(), 1)
        }
        write(supported, device, families.supported, into: &batch)
        write(advertised, device, families.advertised, into: &batch)
        batch.sample(families.negotiates, batch.labels("device", device), negotiates ? 1 : 0)
    }

    private func write(
        _ modes: UInt32, _ device: String, _ families: Capabilities, into batch: inout SampleBatch
    ) {
        for speed in Self.speeds where modes >> UInt32(speed.bit) & 1 == 1 {
            batch.startLabels()
            batch.label("device", device)
            batch.label("duplex", speed.duplex)
            batch.label("mode", speed.mode)
            batch.sample(families.speed, batch.endLabels(), speed.speed * 1e6 / 8)
        }
        let labels = batch.labels("device", device)
        batch.sample(families.negotiation, labels, Double(modes >> 6 & 1))
        batch.sample(families.pause, labels, Double(modes >> 13 & 1))
        batch.sample(families.asymmetricPause, labels, Double(modes >> 14 & 1))
    }
}
