// The guest's walk as the MIC ABI states it, written from that text alone: this file uses nothing of ours.
//
// "Start at 24; while offset < 4096: read type; 0 ends; −1 skips; otherwise handle; advance by the slot's own total
// size, recomputed from num_vq, feature_len, config_len. Only the slot's start is checked against 4096."

/// A device as the walk sees it. Every number is taken from the bytes, none from a record.
struct MICDevice: Equatable {
    var slotOffset: Int
    var type: Int
    var status: UInt8
    var rings: [MICRing]
    var hostFeatures: [UInt8]
    var guestFeatures: [UInt8]
    var config: [UInt8]
    var control: [UInt8]
}

struct MICRing: Equatable {
    var address: UInt64
    var usedAddress: UInt64
    var num: UInt16
}

enum MICGuestWalk {
    /// - Parameter read: one byte of the page.
    static func devices(read: (Int) -> UInt8) -> [MICDevice] {
        var found: [MICDevice] = []
        var offset = 24
        while offset < 4096 {
            let type = Int8(bitPattern: read(offset))
            if type == 0 { break }
            let numVQ = Int(read(offset + 1))
            let featureLen = Int(read(offset + 2))
            let configLen = Int(read(offset + 3))
            let descriptorSize = 8 + numVQ * 24 + 2 * featureLen + configLen
            let alignedSize = (descriptorSize + 7) / 8 * 8
            if type != -1 {
                found.append(
                    device(
                        at: offset, type: Int(type), lengths: (numVQ, featureLen, configLen),
                        controlAt: offset + alignedSize, read: read))
            }
            offset += alignedSize + 16
        }
        return found
    }

    private static func device(
        at offset: Int, type: Int, lengths: (vq: Int, features: Int, config: Int), controlAt: Int,
        read: (Int) -> UInt8
    ) -> MICDevice {
        // A byte past the page reads as zero here; a test that gets there has failed anyway.
        func bytes(_ start: Int, _ count: Int) -> [UInt8] {
            (start..<start + count).map { $0 < 4096 ? read($0) : 0 }
        }
        func number(_ start: Int, _ count: Int) -> UInt64 {
            bytes(start, count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let rings = (0..<lengths.vq).map { index in
            let start = offset + 8 + 24 * index
            return MICRing(
                address: number(start, 8), usedAddress: number(start + 8, 8),
                num: UInt16(number(start + 16, 2)))
        }
        let features = offset + 8 + 24 * lengths.vq
        return MICDevice(
            slotOffset: offset, type: type, status: read(offset + 4), rings: rings,
            hostFeatures: bytes(features, lengths.features),
            guestFeatures: bytes(features + lengths.features, lengths.features),
            config: bytes(features + 2 * lengths.features, lengths.config), control: bytes(controlAt, 16))
    }
}
