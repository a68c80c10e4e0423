internal import Virtio

/// The page as tables, at most 100 columns wide.
extension PageReport {
    /// Lines, each ending in a newline.
    public var text: String {
        let parts = [summary, slotTable, queueTable, configTable, handshakes]
        return parts.filter { !$0.isEmpty }.map { $0 + "\n" }.joined(separator: "\n")
    }

    private var summary: String {
        let doorbell = configDoorbell.value.map(String.init) ?? "-"
        var lines = [
            "magic \(magic)  config doorbell \(doorbell)  node \(nodeID)  devices \(devices.count)"
                + "  removed \(removed.count)  free \(freeByteCount) bytes"
        ]
        if !isMagicRight { lines.append("no device page: the magic is not 0xc0ffee00") }
        if end.kind == .changing { lines.append("changing at \(end.offset): look again") }
        if end.kind == .broken {
            lines.append(
                "broken at \(end.offset): \(end.reason.value ?? "-"); what lies behind cannot be found")
        }
        return lines.joined(separator: "\n")
    }

    private var slotTable: String {
        let live = devices.map { device in
            (
                device.index,
                [
                    "\(device.index)", "\(device.offset)", "\(device.byteCount)", device.typeName,
                    device.offered,
                    device.negotiated, device.control.hostToGuestDoorbell.text,
                    device.control.guestToHostDoorbell.text, device.statusSummary,
                ]
            )
        }
        let holes = removed.map { hole in
            (
                hole.index,
                ["\(hole.index)", "\(hole.offset)", "\(hole.byteCount)", "removed", "-", "-", "-", "-", "-"]
            )
        }
        return TextTable(
            columns: [
                .right("SLOT"), .right("OFFSET"), .right("BYTES"), .left("TYPE"), .left("OFFERED"),
                .left("NEGOTIATED"), .right("H2G"), .right("G2H"), .left("STATUS"),
            ],
            rows: (live + holes).sorted { $0.0 < $1.0 }.map(\.1)
        ).text
    }

    private var queueTable: String {
        TextTable(
            columns: [
                .right("SLOT"), .right("QUEUE"), .right("SIZE"), .left("ADDRESS"), .left("USED ADDRESS"),
            ],
            rows: devices.flatMap { device in
                device.queues.map { queue in
                    ["\(device.index)", "\(queue.index)", "\(queue.size)", queue.address, queue.usedAddress]
                }
            }
        ).text
    }

    private var configTable: String {
        TextTable(
            columns: [.right("SLOT"), .right("AT"), .left("CONFIG SPACE")],
            rows: devices.flatMap { device in
                stride(from: 0, to: device.configByteCount, by: 16).map { start in
                    ["\(device.index)", "\(start)", device.configLine(from: start)]
                }
            }
        ).text
    }

    /// Only the bytes that are not zero: a page at rest has none.
    private var handshakes: String {
        let rows = devices.flatMap { device in
            device.control.requests.filter { $0.value != 0 }
                .map { ["\(device.index)", $0.name, "\($0.value)"] }
        }
        return TextTable(columns: [.right("SLOT"), .left("HANDSHAKE"), .right("VALUE")], rows: rows).text
    }
}

extension PageReport.Device {
    /// The byte, and the furthest of its names.
    fileprivate var statusSummary: String {
        let byte = PageReport.hexadecimal(UInt64(status), digits: 2)
        let names: [(DeviceStatus, String)] = [
            (.failed, "failed"), (.needsReset, "needs-reset"), (.driverOK, "driver-ok"),
            (.featuresOK, "features-ok"), (.driver, "driver"), (.acknowledge, "acknowledge"),
        ]
        let set = DeviceStatus(rawValue: UInt8(truncatingIfNeeded: status))
        return "\(byte) \(names.first { set.contains($0.0) }?.1 ?? "none")"
    }

    fileprivate func configLine(from start: Int) -> String {
        let digits = Array(config)
        return (start..<min(start + 16, configByteCount))
            .map { String(digits[2 * $0...2 * $0 + 1]) }.joined(separator: " ")
    }
}

extension PageReport.Control {
    fileprivate var requests: [(name: String, value: Int)] {
        [
            ("config_change", configChange), ("vdev_reset", resetRequest), ("guest_ack", guestAcknowledge),
            ("host_ack", hostAcknowledge), ("used_address_updated", usedAddressUpdated),
        ]
    }
}

extension Nullable<Int> {
    /// `-` for nothing.
    fileprivate var text: String { value.map(String.init) ?? "-" }
}
