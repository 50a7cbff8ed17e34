/// All collectors there are. A new one is a file and a line here.
package enum Collectors {
    package static let all: [CollectorDescription] = [
        // CPU
        CPUCollector.description,
        CPUFrequencyCollector.description,
        SchedulerCollector.description,
        // Memory
        BuddyInfoCollector.description,
        MemoryCollector.description,
        SwapCollector.description,
        VirtualMemoryCollector.description,
        // Network
        ARPCollector.description,
        ConntrackCollector.description,
        EthtoolCollector.description,
        NetClassCollector.description,
        NetDevCollector.description,
        NetstatCollector.description,
        SockstatCollector.description,
        SoftnetCollector.description,
        TCPStatCollector.description,
        UDPQueuesCollector.description,
        // System
        ControlGroupsCollector.description,
        DiskStatsCollector.description,
        EntropyCollector.description,
        FileDescriptorsCollector.description,
        InterruptsCollector.description,
        KernelHungCollector.description,
        LoadAverageCollector.description,
        OperatingSystemCollector.description,
        PressureCollector.description,
        ProcessesCollector.description,
        SELinuxCollector.description,
        SoftInterruptsCollector.description,
        StatCollector.description,
        TimeCollector.description,
        TimexCollector.description,
        UnameCollector.description,
    ]
}
