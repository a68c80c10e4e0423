// swift-tools-version: 6.2
import PackageDescription

// Layers as in Documentation/architecture.md: a target names only targets above it in this file.

let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]
// Under a sanitizer (tools/sanitize) the tests themselves are not what is looked at, and most of what is to be compiled.
let test = swift + (Context.environment["VOP_SANITIZE"] == nil ? [] : [.unsafeFlags(["-Onone"])])
let c: [CSetting] = [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: [argumentParser, logging, system, "Commands"] + dependencies,
        path: "tools/\(name)",
        swiftSettings: swift)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource] = []
) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies, exclude: exclude,
        resources: resources, swiftSettings: test)
}

let package = Package(
    name: "vop",
    products: [
        .executable(name: "vopctl", targets: ["vopctl"]),
        .executable(name: "vophostd", targets: ["vophostd"]),
        .executable(name: "vopguestd", targets: ["vopguestd"]),
        .executable(name: "vop-memory", targets: ["vop-memory"]),
        .executable(name: "9p-server", targets: ["9p-server"]),
        .executable(name: "9p-mount", targets: ["9p-mount"]),
    ],
    traits: [
        .default(enabledTraits: ["PCI"]),
        .trait(
            name: "PCI",
            description:
                "Finds PCI functions with libpci (GPL-2 or later); without it a build is all Apache-2.0"),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // 0 · the door to the kernel and to C
        .target(name: "CVOP", path: "abi", exclude: ["tests", "golden"], publicHeadersPath: "include"),
        .target(name: "CLinux", cSettings: c),
        .systemLibrary(name: "CFUSE", pkgConfig: "fuse3", providers: [.apt(["libfuse3-dev"])]),
        .systemLibrary(name: "CLibPCI", pkgConfig: "libpci", providers: [.apt(["libpci-dev"])]),
        .target(
            name: "CPCI", dependencies: [.target(name: "CLibPCI", condition: .when(traits: ["PCI"]))],
            cSettings: c + [.define("VOP_HAS_LIBPCI", .when(traits: ["PCI"]))]),
        library("LinuxSystem", ["CLinux", system]),

        // 1 · checked memory · bytes and values
        library("SharedMemory", ["CLinux", "LinuxSystem", system]),
        library("Virtio", ["SharedMemory"]),
        // Its cursor over a frame cannot outlive the frame: `Lifetimes` lets it say so.
        .target(name: "NineP", swiftSettings: swift + [.enableExperimentalFeature("Lifetimes")]),

        // 2 · the page · the rings and the queue a device is handed · records
        library("DevicePage", ["CVOP", "SharedMemory", "Virtio"]),
        library("Virtqueue", ["SharedMemory", "Virtio"]),
        library("CopyFile", ["CVOP", "LinuxSystem", system]),

        // 3 · links
        library("Links", ["CVOP", "LinuxSystem", "SharedMemory", "Virtio", system]),
        tests("Links", ["TestSupport", "CVOP", "CLinux", "SharedMemory", "Virtio", "LinuxSystem", system]),

        library("PCILinks", ["CPCI", "CLinux", "Links", "LinuxSystem", "SharedMemory", system]),
        tests(
            "PCILinks", ["TestSupport", "Links", "LinuxSystem", "SharedMemory", system], exclude: ["Dumps"]),

        // 4 · one side of the page each · 9P over anything that carries frames
        library(
            "VOPHost",
            ["Links", "DevicePage", "Virtqueue", "CopyFile", "SharedMemory", "Virtio", "LinuxSystem", system]),
        library(
            "VOPGuest", ["Links", "DevicePage", "Virtqueue", "SharedMemory", "Virtio", "LinuxSystem", system]),
        .target(
            name: "TestSupport", dependencies: ["LinuxSystem", system], path: "Tests/TestSupport",
            swiftSettings: swift),
        .target(
            name: "GuestTestSupport",
            dependencies: ["Links", "DevicePage", "Virtqueue", "SharedMemory", "Virtio"],
            path: "Tests/GuestTestSupport", swiftSettings: swift),
        tests(
            "VOPGuest",
            [
                "GuestTestSupport", "TestSupport", "Links", "DevicePage", "Virtqueue", "SharedMemory",
                "Virtio",
                "LinuxSystem",
                system,
            ]),
        library("NinePServer", ["NineP", "LinuxSystem", logging, system]),
        library("NinePClient", ["NineP", "LinuxSystem", system]),

        // 5 · what devices do
        library("HostDevices", ["VOPHost", "DevicePage", "Virtio", system]),
        library(
            "GuestDrivers",
            ["CVOP", "VOPGuest", "Virtqueue", "NineP", "SharedMemory", "Virtio", "LinuxSystem", system]),
        tests(
            "GuestDrivers",
            [
                "CVOP", "GuestTestSupport", "TestSupport", "VOPGuest", "VOPHost", "Links", "DevicePage",
                "Virtqueue", "NineP", "SharedMemory", "Virtio", "LinuxSystem", "vopguestd", system,
            ]),

        // 6 · how people look in
        library("ControlTree", ["SharedMemory", "LinuxSystem", system]),
        library("FUSEMount", ["CFUSE", "ControlTree", "SharedMemory", "LinuxSystem", system]),

        // 7 · the commands, what all of them say alike, and what the two daemons share
        library("Commands", ["LinuxSystem", argumentParser, logging, system]),
        library("LinkExercise", ["ControlTree", "Links", "SharedMemory", "Virtio", "LinuxSystem", system]),
        library(
            "LinkDaemon",
            [
                "Commands", "ControlTree", "FUSEMount", "LinkExercise", "Links", "PCILinks", "DevicePage",
                "SharedMemory",
                "Virtio",
                "LinuxSystem", argumentParser, logging, system,
            ]),
        tool("vopctl", ["PCILinks", "DevicePage", "Virtio", "LinuxSystem"]),
        tool(
            "vophostd",
            [
                "LinkDaemon",
                "VOPHost", "HostDevices", "Links", "DevicePage", "SharedMemory", "Virtio", "CopyFile",
                "ControlTree", "FUSEMount", "LinuxSystem",
            ]),
        tool(
            "vopguestd",
            [
                "LinkDaemon",
                "VOPGuest", "GuestDrivers", "Links", "DevicePage", "SharedMemory", "Virtio", "ControlTree",
                "FUSEMount", "LinuxSystem",
            ]),
        tool("vop-memory", ["LinkDaemon", "Links", "ControlTree", "LinuxSystem"]),
        tool("9p-server", ["NinePServer", "NineP", "CopyFile", "LinuxSystem"]),
        tool("9p-mount", ["NinePClient", "NineP", "FUSEMount", "CFUSE", "LinuxSystem"]),

        // Measuring: what tools/bench runs, and what it holds that against
        .target(name: "BenchFloor", path: "tools/bench-floor", cSettings: c + [.unsafeFlags(["-O3"])]),
        .executableTarget(
            name: "bench-null-file", dependencies: ["CFUSE"], path: "tools/bench-null-file", cSettings: c),
        tool(
            "vop-bench",
            [
                "BenchFloor", "VOPGuest", "DevicePage", "Links", "Virtqueue", "SharedMemory", "Virtio",
                "NineP",
                "LinuxSystem",
            ]),

        // Proofs
        .executableTarget(
            name: "abi-check", dependencies: ["CVOP"], path: "abi/tests", exclude: ["cxx", "check"],
            cSettings: c),
        tests("LinuxSystem", ["TestSupport", system]),
        tests("SharedMemory", ["TestSupport", "LinuxSystem", system]),
        tests("ControlTree", ["SharedMemory", "LinuxSystem", system]),
        tests("FUSEMount", ["TestSupport", "ControlTree", "SharedMemory", "LinuxSystem", "CLinux", system]),
        // Counts accesses to memory by the faults they make.
        .target(name: "CFarMemory", path: "Tests/CFarMemory", cSettings: c),
        tests("Virtqueue", ["CFarMemory", "TestSupport", "SharedMemory", "LinuxSystem", "Virtio"]),
        tests("CopyFile", ["CVOP", "LinuxSystem", system]),
        // A host-backend's guest, by raw bytes; what is in it shows to `@testable import` alone.
        .target(
            name: "HostTestSupport",
            dependencies: [
                "VOPHost", "CopyFile", "Links", "DevicePage", "Virtqueue", "SharedMemory", "Virtio",
                "LinuxSystem", system,
            ], path: "Tests/HostTestSupport", swiftSettings: swift),
        tests(
            "VOPHost",
            [
                "vophostd", "HostTestSupport", "TestSupport", "CopyFile", "Links", "DevicePage", "Virtqueue",
                "SharedMemory", "Virtio", "LinuxSystem", system,
            ]),
        // What the original did wrong, by number (Documentation/safety.md).
        .testTarget(
            name: "OriginalFaultsTests",
            dependencies: [
                "HostTestSupport", "GuestTestSupport", "TestSupport", "VOPHost", "VOPGuest", "CopyFile",
                "DevicePage", "Links", "SharedMemory", "Virtio", "LinuxSystem", system,
            ], swiftSettings: test),
        tests("DevicePage", ["TestSupport", "CVOP", "LinuxSystem", "SharedMemory", "Virtio"]),
        tests("HostDevices", ["DevicePage", "Virtio", system]),
        tests(
            "vopctl", ["TestSupport", "DevicePage", "LinuxSystem", "ControlTree", "FUSEMount", system],
            exclude: ["Help"]),
        tests(
            "vophostd",
            [
                "TestSupport", "LinkDaemon", "VOPHost", "VOPGuest", "HostDevices", "Links", "ControlTree",
                "SharedMemory",
                "Virtio",
                "Virtqueue",
                "LinuxSystem", system,
            ]),
        tests(
            "LinkExercise",
            ["TestSupport", "ControlTree", "Links", "SharedMemory", "Virtio", "LinuxSystem", system]),
        // All programs, as processes: what they have in common.
        tests(
            "Commands",
            ["vopctl", "vophostd", "vopguestd", "9p-server", "9p-mount", "LinuxSystem", logging, system]),
        tests("NineP", []),
        tests(
            "NinePServer",
            ["TestSupport", "CLinux", "NineP", "CopyFile", "LinuxSystem", "9p-server", logging, system]),
        tests("NinePClient", ["TestSupport", "NineP", "LinuxSystem", system]),
        // The programs themselves, so that they are built: they run as processes of their own.
        .testTarget(
            name: "NinePMountTests",
            dependencies: [
                "TestSupport", "9p-mount", "9p-server", "NinePClient", "NineP", "FUSEMount", "LinuxSystem",
                system,
            ],
            exclude: ["checks"], swiftSettings: test),
        .testTarget(
            name: "ExamplesTests",
            dependencies: [
                "TestSupport", "VOPGuest", "Virtqueue", "Links", "SharedMemory", "Virtio", "LinuxSystem",
                "vophostd", system,
            ], swiftSettings: test),
        // What fuzzers run; the ordinary tests run each on its corpus.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "DevicePage", "Virtqueue", "CopyFile", "NineP", "NinePServer", "NinePClient", "ControlTree",
                "Links",
                "SharedMemory", "Virtio", "LinuxSystem", logging, system,
            ], path: "Tests/FuzzTargets", swiftSettings: swift),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets"], resources: [.copy("corpus")],
            swiftSettings: test),
    ],
    cLanguageStandard: .c11
)

// A program whose `main` is libFuzzer's, so it links under `--sanitize=fuzzer` alone: `tools/fuzz` asks for it.
if Context.environment["VOP_FUZZ"] == "1" {
    package.targets.append(
        .executableTarget(
            name: "vop-fuzz", dependencies: ["FuzzTargets"], path: "Tests/FuzzEntry",
            swiftSettings: swift + [.unsafeFlags(["-parse-as-library"])]))
}

// Tests that tools/sanitize leaves out are not built either.
let leftOut = (Context.environment["VOP_LEAVE_OUT"] ?? "").split(separator: " ")
package.targets.removeAll { target in leftOut.contains { target.name == $0 } }
