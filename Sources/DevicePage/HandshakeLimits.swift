/// How long each handshake may take: settings, with the MIC driver's values to start from.
public struct HandshakeLimits: Sendable, Hashable {
    public var configChange = Duration.seconds(10)
    public var hotRemove = Duration.seconds(15)
    public var usedAddress = Duration.milliseconds(9900)
    public var reset = Duration.seconds(10)

    public init() {}

    public subscript(kind: Handshake.Kind) -> Duration {
        get {
            switch kind {
            case .configChange: configChange
            case .hotRemove: hotRemove
            case .usedAddress: usedAddress
            case .reset: reset
            }
        }
        set {
            switch kind {
            case .configChange: configChange = newValue
            case .hotRemove: hotRemove = newValue
            case .usedAddress: usedAddress = newValue
            case .reset: reset = newValue
            }
        }
    }
}
