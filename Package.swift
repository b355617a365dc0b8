// swift-tools-version:6.2
import PackageDescription

/// One set of language features for all targets, so that code may move between them unchanged.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// What every test of the service works with.
let testing: [Target.Dependency] = [
    "TestSupport",
    "Naming",
    "RBDAPI",
    .product(name: "HTTPTypes", package: "swift-http-types"),
]

let package = Package(
    name: "rbd-rest-api",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Ceph", targets: ["Ceph"]),
        .library(name: "Naming", targets: ["Naming"]),
        .library(name: "RBDAPI", targets: ["RBDAPI"]),
        .executable(name: "rbd-rest-api", targets: ["rbd-rest-api"]),
        .executable(name: "rbdctl", targets: ["rbdctl"]),
        // For tests: preloaded into programs that are to be cut off.
        .library(name: "CutOff", type: .dynamic, targets: ["CutOff"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        // Without the default traits: they link full Foundation, which costs the binaries 45 MB of ICU.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // Debian's librados-dev and librbd-dev carry no .pc files: naming a pkgConfig here would warn on every build.
        .systemLibrary(name: "CRados", providers: [.apt(["librados-dev"]), .yum(["librados-devel"])]),
        .systemLibrary(name: "CRBD", providers: [.apt(["librbd-dev"]), .yum(["librbd-devel"])]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"]), .yum(["libyaml-devel"])]),
        // Only a header.
        .systemLibrary(name: "CLinux"),

        // The names that everybody speaks.
        .target(name: "Naming", swiftSettings: strict),
        .target(
            name: "Ceph",
            dependencies: ["CRados", "CRBD", "Naming"],
            swiftSettings: strict + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]
        ),
        .target(
            name: "YAML",
            dependencies: ["CYAML"],
            swiftSettings: strict,
            // Linked statically, so that no binary needs libyaml where it runs.
            linkerSettings: [.linkedLibrary(":libyaml.a", .when(platforms: [.linux]))]
        ),
        // A client of the Kubernetes API. It knows nothing of Ceph.
        .target(
            name: "Kubernetes",
            dependencies: [
                "YAML",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .target(name: "RBDAPI", dependencies: ["Naming"], swiftSettings: strict),
        .target(
            name: "RBDService",
            dependencies: [
                "CLinux", "Ceph", "Kubernetes", "Naming", "RBDAPI", "YAML",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPCompression", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "X509", package: "swift-certificates"),
            ],
            resources: [.embedInCode("Resources/openapi.yaml")],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "rbd-rest-api",
            dependencies: [
                "Ceph", "RBDAPI", "RBDService",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "rbdctl",
            dependencies: [
                "Naming", "RBDAPI", "YAML",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),

        .executableTarget(
            name: "rbd-bench",
            dependencies: [
                "CRados", "CRBD", "Naming", "RBDAPI",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks",
            swiftSettings: strict
        ),

        .target(
            name: "TestSupport",
            dependencies: [
                "Ceph", "Naming", "RBDAPI", "RBDService",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            path: "Tests/TestSupport",
            swiftSettings: strict
        ),
        .target(
            name: "CutOff",
            path: "Tests/CutOff",
            linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]
        ),
        .testTarget(name: "CephTests", dependencies: ["Ceph", "Naming"], swiftSettings: strict),
        .testTarget(name: "YAMLTests", dependencies: ["YAML"], swiftSettings: strict),
        // What needs no API server.
        .testTarget(
            name: "KubernetesClientTests",
            dependencies: ["Kubernetes", .product(name: "Logging", package: "swift-log")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "RBDServiceTests",
            dependencies: [
                "Kubernetes", "RBDService", "YAML",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
            ] + testing,
            swiftSettings: strict
        ),
        .testTarget(name: "RBDCtlTests", dependencies: ["rbdctl"] + testing, swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests",
            // The two programs are run as programs.
            dependencies: [
                "Ceph", "RBDService", "rbd-rest-api", "rbdctl",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "InMemoryLogging", package: "swift-log"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + testing,
            swiftSettings: strict
        ),
        // Run by dev/kubernetes, which starts an API server for them.
        .testTarget(
            name: "KubernetesTests",
            dependencies: [
                "Ceph", "Kubernetes", "RBDService", "rbd-rest-api",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + testing,
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)
