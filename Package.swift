// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of this package is compiled with.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    // So that the linker can leave out or move each function by itself.
    .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
]

/// Rooms where nothing is done once a line or once a sample are compiled for size.
let cold = strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))]

/// Nothing loads the executable as a library: without exported symbols it is a tenth smaller. The toolchain's own linker
/// keeps what is only read out of the pages that relocation makes private. Packed, relocations take a hundredth of their
/// 1.5 MB; glibc 2.36 (Debian 12) is the first to read them. Functions of the same code are one: 0.5 MB, and nothing here
/// compares functions by their addresses. The index by which C++ finds who catches its exceptions is 0.9 MB; nothing here throws any.
/// What runs all the time lies side by side (scripts/order-functions): the kernel maps 64 KiB of code around each page that is
/// used, which made ten megabytes resident for one. Constants are not writable (layout.ld), so that their pages can be let go of.
let linking: [LinkerSetting] = [
    .unsafeFlags([
        "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-O2", "-Xlinker", "-z", "-Xlinker",
        "pack-relative-relocs", "-Xlinker", "--icf=all", "-Xlinker", "--no-eh-frame-hdr",
    ]),
    .unsafeFlags(
        [
            "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/scripts/link/function-order.txt",
            "-Xlinker", "--no-warn-symbol-ordering",
            "-Xlinker", "-T\(Context.packageDirectory)/scripts/link/layout.ld",
        ], .when(configuration: .release)),
]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOHTTP1", package: "swift-nio"),
]
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")

let package = Package(
    name: "tocsin",
    products: [.executable(name: "tocsin", targets: ["Agent"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // C: system libraries, and the calls that Glibc's module lacks.
        .target(name: "CLinux", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CLoader", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])],
            linkerSettings: [.linkedLibrary("dl")]),
        .target(
            name: "CCurl", dependencies: ["CLoader"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(name: "CNFTables", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "COpenSSL", dependencies: ["CLoader"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CCrypt", dependencies: ["CLoader"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CSQLite", dependencies: ["CLoader"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CBus", dependencies: ["CSystemd"], cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
        .systemLibrary(name: "CSnappy", providers: [.apt(["libsnappy-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // Swift, from the bottom up; an import never points the other way.
        .target(name: "Bytes", dependencies: ["CLinux", "CSnappy", "CPCRE2"], swiftSettings: strict),
        .target(name: "Telemetry", dependencies: ["Bytes", "CLinux", "Configuration"], swiftSettings: strict),
        .target(name: "Configuration", dependencies: ["Bytes", "CYaml"], swiftSettings: cold),
        .target(
            name: "Transport", dependencies: ["Bytes", "CCurl", "Configuration", "Telemetry"],
            swiftSettings: cold),
        .target(
            name: "Logs",
            dependencies: ["Bytes", "CLinux", "CSystemd", "CZlib", "Configuration", "Telemetry", log],
            swiftSettings: strict),
        .target(
            name: "Exporter",
            dependencies: ["Bytes", "CBus", "CLinux", "CZlib", "Configuration", "Telemetry", "Transport", log],
            swiftSettings: strict),
        .target(
            name: "Rules", dependencies: ["Bytes", "CLinux", "Configuration", "Telemetry"], swiftSettings: strict),
        .target(
            name: "Jails",
            dependencies: [
                "Bytes", "CLinux", "CNFTables", "CSQLite", "Configuration", "Logs", "Telemetry", "Transport",
            ],
            swiftSettings: strict),
        .target(
            name: "Loki",
            dependencies: ["Bytes", "CLinux", "Configuration", "Logs", "Telemetry", "Transport", log],
            swiftSettings: strict),
        .target(
            name: "Alerting",
            dependencies: ["Bytes", "CLinux", "Configuration", "Rules", "Telemetry", "Transport", log],
            swiftSettings: cold),
        .target(
            name: "Web",
            dependencies: [
                "Bytes", "CCrypt", "CLinux", "COpenSSL", "Configuration", "Exporter", "Telemetry", log,
            ] + nio,
            swiftSettings: cold),
        .executableTarget(
            name: "Agent",
            dependencies: [
                "Alerting", "Bytes", "CLinux", "Configuration", "Exporter", "Jails", "Logs", "Loki", "Rules",
                "Telemetry",
                "Transport", "Web", log, lifecycle, .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ], swiftSettings: cold, linkerSettings: linking),

        // Drives the scraper and the parsers for Tests/Integration and Benchmarks.
        .executableTarget(
            name: "ScrapeRunner", dependencies: ["Bytes", "Configuration", "Exporter", "Telemetry"],
            path: "Tests/ScrapeRunner", swiftSettings: strict),
        .executableTarget(
            name: "SeriesStoreRunner",
            dependencies: ["CAllocations", "Bytes", "Configuration", "Rules", "Telemetry"],
            path: "Tests/SeriesStoreRunner", swiftSettings: strict),
        .executableTarget(
            name: "remote-write-source", dependencies: ["Configuration", "Exporter", "Telemetry", log],
            path: "Tests/RemoteWriteSource", swiftSettings: strict),
        .target(
            name: "CAllocations", path: "Tests/CAllocations",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .executableTarget(
            name: "promql-runner", dependencies: ["Rules"], path: "Tests/PromQLRunner",
            swiftSettings: strict),
        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),
        .target(
            name: "PushServer", dependencies: ["Bytes"], path: "Tests/PushServer", swiftSettings: strict),
        .testTarget(name: "BytesTests", dependencies: ["TestSupport", "Bytes"], swiftSettings: strict),
        .testTarget(
            name: "TelemetryTests", dependencies: ["Bytes", "Configuration", "Telemetry"], swiftSettings: strict),
        .testTarget(
            name: "ConfigurationTests",
            dependencies: ["TestSupport", "Bytes", "Configuration", "Logs", "Loki", "Telemetry", "Transport"],
            swiftSettings: strict),
        .testTarget(
            name: "TransportTests", dependencies: ["Bytes", "Configuration", "PushServer", "Telemetry", "Transport"],
            swiftSettings: strict),
        .testTarget(
            name: "LogsTests",
            dependencies: ["TestSupport", "Bytes", "CLinux", "CSystemd", "Configuration", "Logs", "Telemetry", log],
            swiftSettings: strict),
        .testTarget(
            name: "LokiTests",
            dependencies: [
                "TestSupport", "Bytes", "Configuration", "Logs", "Loki", "PushServer", "Telemetry", "Transport", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ExporterTests",
            dependencies: [
                "CAllocations", "TestSupport", "Bytes", "CLinux", "CZlib", "Configuration", "Exporter", "PushServer",
                "Telemetry", "Transport", log,
            ],
            swiftSettings: strict),
        .testTarget(
            name: "RulesTests",
            dependencies: ["CAllocations", "TestSupport", "Bytes", "Configuration", "Rules", "Telemetry"],
            exclude: ["PromQL/Scripts"], swiftSettings: strict),
        .testTarget(
            name: "JailsTests",
            dependencies: [
                "CAllocations", "TestSupport", "PushServer", "Bytes", "CLinux", "CNFTables", "Configuration", "Jails",
                "Telemetry", "Transport",
            ],
            exclude: ["NativeFilterTests"], swiftSettings: strict),
        .testTarget(
            name: "AlertingTests",
            dependencies: [
                "TestSupport", "Alerting", "Bytes", "Configuration", "PushServer", "Rules", "Telemetry", "Transport",
            ], swiftSettings: strict),
        .testTarget(
            name: "WebTests",
            dependencies: ["TestSupport", "Bytes", "Configuration", "Exporter", "Telemetry", "Web", log] + nio,
            swiftSettings: strict),
        .testTarget(
            name: "AgentTests",
            dependencies: ["Agent", "Alerting", "Configuration", "Exporter", "Logs", "Loki", "Telemetry", "Web"],
            swiftSettings: strict),
    ]
)
