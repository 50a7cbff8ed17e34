/// All collectors there are. A new one is a file and a line here.
package enum Collectors {
    package static let all: [CollectorDescription] = [
        LoadAverageCollector.description,
        MemoryCollector.description,
        TextfileCollector.description,
    ]
}
