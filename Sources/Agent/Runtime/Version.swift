/// The agent's version, as `tocsin version`, the User-Agent and `tocsin_build_info` give it.
enum Version {
    static let current = "0.1.0"
    /// The commit it was built from, where the build knows it.
    static let revision = "unknown"
}
