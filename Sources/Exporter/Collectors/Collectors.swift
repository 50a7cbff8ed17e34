/// All collectors there are. A new one is a file and a line here.
package enum Collectors {
    package static let all: [CollectorDescription] = [
        LoadAverageCollector.description,
        MemoryCollector.description,

        HwmonCollector.description,
        ThermalZoneCollector.description,
        PowerSupplyCollector.description,
        MDCollector.description,
        NVMeCollector.description,
        EDACCollector.description,
        RAPLCollector.description,
        BondingCollector.description,
        WatchdogCollector.description,
        DMICollector.description,

        FilesystemCollector.description,
        ZFSCollector.description,
        BtrfsCollector.description,
        XFSCollector.description,
        BcacheCollector.description,
        NFSCollector.description,
        NFSDCollector.description,
        InfinibandCollector.description,
        IPVSCollector.description,
        MultipathCollector.description,
    ]
}
