extension StoreConfiguration {
    /// At least eight segments fit under the cap, so that deleting the oldest one never takes most of the store.
    var effectiveSegmentSize: Int { max(4 << 10, min(segmentSize, maxSize / 8)) }

    var retentionNanoseconds: Int64 { Int64(min(max(0, retention), 4e9) * 1e9) }
}
