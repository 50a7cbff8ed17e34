import Bytes

extension GenerationFile.Kind {
    /// Positions of sources.
    static let positions = GenerationFile.Kind(rawValue: 1)
    /// What one destination has taken.
    static let destination = GenerationFile.Kind(rawValue: 2)
}
