/// All collectors there are. A new one is a file and a line here.
package enum Collectors {
    package static let all: [CollectorDescription] = [
        // CPU
        CPUCollector.description,
        CPUFrequencyCollector.description,
        SchedulerCollector.description,
        // Hardware
        BondingCollector.description,
        DMICollector.description,
        EDACCollector.description,
        HwmonCollector.description,
        InfinibandCollector.description,
        PowerSupplyCollector.description,
        RAPLCollector.description,
        ThermalZoneCollector.description,
        WatchdogCollector.description,
        // Memory
        MemoryCollector.description,
        VirtualMemoryCollector.description,
        // Network
        ARPCollector.description,
        ConntrackCollector.description,
        IPVSCollector.description,
        NetClassCollector.description,
        NetDevCollector.description,
        NetstatCollector.description,
        SockstatCollector.description,
        SoftnetCollector.description,
        UDPQueuesCollector.description,
        // Storage
        BcacheCollector.description,
        BtrfsCollector.description,
        CertificatesCollector.description,
        FilesystemCollector.description,
        MDCollector.description,
        MultipathCollector.description,
        NFSCollector.description,
        NFSDCollector.description,
        NVMeCollector.description,
        UpdatesCollector.description,
        XFSCollector.description,
        ZFSCollector.description,
        // System
        DiskStatsCollector.description,
        EntropyCollector.description,
        FileDescriptorsCollector.description,
        KernelHungCollector.description,
        LoadAverageCollector.description,
        OperatingSystemCollector.description,
        PressureCollector.description,
        SELinuxCollector.description,
        StatCollector.description,
        TimeCollector.description,
        TimexCollector.description,
        UnameCollector.description,
    ]
}
