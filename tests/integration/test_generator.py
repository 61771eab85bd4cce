#!/usr/bin/python3
"""The profile generator/dse-gencomm against register images written from the GenComm register list (pages 3 to 7), served
by a server of this test's own: values, signs, both words of 32 bits, and each of the eight codes that are no value."""
import socketserver
import struct
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Gateway, wait_for  # noqa: E402

# register: value; 32 bits are high word first
RUNNING = {768: 1, 769: 7320, 770: 0x0001, 771: 0xE240, 772: 1, 774: 1 << 10, 1024: 412, 1025: -7 & 0xFFFF, 1026: 91, 1027: 76, 1028: 281,
           1029: 273, 1030: 1500, 1031: 501, 1032: 0, 1033: 2304, 1034: 0, 1035: 2311, 1036: 0, 1037: 2298, 1044: 1, 1045: 0,
           1046: 0, 1047: 1203, 1048: 0, 1049: 1198, 1052: 0xFFFF, 1053: 0xFFFF - 499, 1054: 0, 1055: 41000, 1056: 1, 1057: 0,
           1059: 499, 1060: 0, 1061: 2330, 1062: 0, 1063: 2331, 1064: 0, 1065: 2332, 1408: 3, 1536: 0xFFFF, 1537: 0x8000,
           1558: -25 & 0xFFFF, 1798: 0, 1799: 7200, 1808: 1, 1809: 2}
EXPECTED = {"device.serial": 0x1E240, "generator.mode": 1, "generator.alarm.warning": 1, "generator.alarm.shutdown": 0,
            "engine.oil.pressure": 412, "engine.coolant.temperature": -7, "engine.oil.temperature": 91, "fuel.level": 76,
            "engine.charger.voltage": 28.1, "engine.battery.voltage": 27.3, "engine.speed": 1500, "generator.frequency": 50.1,
            "generator.L1.voltage": 230.4, "generator.L2.voltage": 231.1, "generator.L3.voltage": 229.8,
            "generator.L1.current": 6553.6, "generator.L2.current": 120.3, "generator.L3.current": 119.8,
            "generator.L1.realpower": -500, "generator.L2.realpower": 41000, "generator.L3.realpower": 65536,
            "mains.frequency": 49.9, "mains.L1.voltage": 233.0, "mains.L2.voltage": 233.1, "mains.L3.voltage": 233.2,
            "engine.state": 3, "generator.realpower": -32768, "generator.load": -2.5, "engine.hours": 2, "engine.starts": 65538}
UNSIGNED = {"engine.oil.pressure": 1024, "fuel.level": 1027, "engine.speed": 1030, "generator.frequency": 1031, "generator.mode": 772}
SIGNED = {"engine.coolant.temperature": 1025, "engine.oil.temperature": 1026, "generator.load": 1558}
UNSIGNED_WIDE = {"generator.L1.voltage": 1032, "mains.L3.voltage": 1064, "engine.hours": 1798, "engine.starts": 1808}
SIGNED_WIDE = {"generator.L3.realpower": 1056, "generator.realpower": 1536}


def without_values(code):
    """The image of a controller that says code 1 to 8 (of the top eight of each type) for all of these."""
    image = dict(RUNNING)
    for address in UNSIGNED.values():
        image[address] = 0x10000 - code
    for address in SIGNED.values():
        image[address] = 0x8000 - code
    for address in UNSIGNED_WIDE.values():
        image[address], image[address + 1] = 0xFFFF, 0x10000 - code
    for address in SIGNED_WIDE.values():
        image[address], image[address + 1] = 0x7FFF, 0x10000 - code
    return image


class Controller(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, image):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.image = image
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        while len(head := self.rfile.read(8)) == 8:
            tid, protocol, length, unit, function = struct.unpack(">HHHBB", head)
            body = self.rfile.read(length - 2)
            image, words = self.server.image, None
            if function == 3 and len(body) == 4:
                first, count = struct.unpack(">HH", body)
                words = [image.get(first + k) for k in range(count)]
            if words is None:
                answer = bytes([function | 0x80, 1])
            elif None in words:
                answer = bytes([function | 0x80, 2])
            else:
                answer = bytes([function, 2 * len(words)]) + b"".join(struct.pack(">H", w) for w in words)
            self.wfile.write(struct.pack(">HHHB", tid, protocol, len(answer) + 1, unit) + answer)


def main():
    controllers = {"gen-1": Controller(RUNNING), **{f"gen-none-{c}": Controller(without_values(c)) for c in range(1, 9)}}
    with Gateway() as gateway:
        lines = [f"site: {{id: gen, state_dir: {gateway.state_dir}, socket: {gateway.dir}/control}}", "devices:"]
        for name, controller in controllers.items():
            lines.append(f"  - {{id: {name}, profile: generator/dse-gencomm, address: '127.0.0.1:{controller.server_address[1]}', "
                         "modbus: {unit: 10}, intervals: {normal: 1s, slow: 1s}}")
        (gateway.dir / "site.yaml").write_text("\n".join(lines) + "\n")
        gateway.start_gateway()
        wait_for("the controllers", lambda: gateway.stat("devices_up") == len(controllers), 60)

        def read():
            values = {v["point"]: v for v in gateway.control("values")["values"]}
            names = [f"{c}/{p}" for c in controllers for p in EXPECTED]
            return values if all(values[n]["cause"] != "not-yet-read" for n in names) else None
        values = wait_for("every point", read, 60, 0.2)
        for point, wanted in EXPECTED.items():
            got = values[f"gen-1/{point}"]
            assert got["quality"] == "good" and abs(got["value"] - wanted) <= 1e-6 * max(1, abs(wanted)), (point, wanted, got)
        sentinels = 0
        for code in range(1, 9):
            for point in [*UNSIGNED, *SIGNED, *UNSIGNED_WIDE, *SIGNED_WIDE]:
                got = values[f"gen-none-{code}/{point}"]
                assert (got["quality"], got["cause"]) == ("bad", "absent"), (code, point, got)
                sentinels += 1
            assert values[f"gen-none-{code}/engine.battery.voltage"]["quality"] == "good"
        # It runs, and its warning bit is set; of the codes nothing may be invented.
        alarms = {a["id"] for a in gateway.control("alarms")["alarms"] if "/gen-none-" in a["id"] and a["cond"] == "active"
                  and not a["id"].endswith(("/running", "/warning"))}
        assert not alarms, alarms
        print(f"{len(EXPECTED)} values as the register list says, {sentinels} codes taken for no value")


if __name__ == "__main__":
    main()
