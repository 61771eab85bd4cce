#!/usr/bin/python3
"""The gateway against devices nobody here wrote: recordings of real UPSs and PDUs served by snmpsim, and
Debian's snmpd. Recordings lie beside the checkout (../shared/devices/recordings); where they are missing that
part is skipped, loudly.

Expected values come from the recording itself: the raw value of an object, times the MIB's scale.
"""
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SOURCE, Gateway, free_port, wait_for  # noqa: E402

RECORDINGS = SOURCE.parent / "shared" / "devices" / "recordings"
UPS = ["abbups_abbups", "netvision-rfc", "netmanplus_204", "netmanplus_208", "deltaups_mini-snmp",
       "huaweiups_ups2000", "eaton-mgeups_93ps", "cyberpower_pr2200rt2uc", "apc_symmetralx"]
PDU = ["apc_ap8959eu3", "apc_ap7900b", "apc_apdu9959eu3"]

U, P = "1.3.6.1.2.1.33.1.", "1.3.6.1.4.1.318.1.1.26."
# object: (point, scale, raw values that are none, lowest, highest)
OBJECTS = {
    "ups": {
        U + "2.4.0": ("battery.charge", 1, {-1, 65535, 4294967295}, 0, 100),
        U + "2.3.0": ("battery.runtime", 60, {-1, 9999, 65535, 2147483647, 4294967295}, 0, 604800),
        U + "2.5.0": ("battery.voltage", 0.1, {-1, 0, 65535}, 1, 1000),
        U + "4.1.0": ("ups.output.source", 1, set(), 1, 7),
        U + "4.4.1.2.1": ("output.L1.voltage", 1, {-1, 65535}, 0, 700),
        U + "4.4.1.5.1": ("output.L1.load", 1, {-1, 65535}, 0, 250),
        U + "3.3.1.3.1": ("input.L1.voltage", 1, {-1, 65535}, 0, 700),
        U + "3.3.1.2.1": ("input.L1.frequency", 0.1, {-1, 65535}, 0, 70),
    },
    "pdu": {
        P + "4.3.1.4.1": ("pdu.load.state", 1, set(), 1, 5),
        P + "4.3.1.5.1": ("pdu.power", 10, {-1}, 0, 100000),
        P + "6.3.1.5.1": ("pdu.L1.current", 0.1, {-1}, 0, 200),
        P + "6.3.1.6.1": ("pdu.L1.voltage", 1, {-1}, 0, 500),
        P + "9.2.3.1.5.1": ("outlet.1.state", 1, set(), 1, 2),
    },
}
INTEGERS = {"2", "65", "66", "67", "70"}


NO_ANSWER = ("not-yet-read", "refused", "timeout")  # snmpsim may be slow to start: the next poll tells


def read_recording(name):
    """oid -> (tag, raw); the first of several counts."""
    found = {}
    for line in (RECORDINGS / f"{name}.snmprec").read_text(errors="replace").splitlines():
        oid, tag, raw = (line.split("|", 2) + ["", ""])[:3]
        found.setdefault(oid, (tag, raw))
    return found


def serve_recordings(gateway, names):
    """snmpsim on a port of the kernel's; the community names the recording."""
    data, cache = gateway.dir / "data", gateway.dir / "cache"
    data.mkdir()
    cache.mkdir()
    for name in names:
        lines = {}
        for line in (RECORDINGS / f"{name}.snmprec").read_text(errors="replace").splitlines():
            lines.setdefault(tuple(int(p) for p in line.split("|", 1)[0].split(".") if p), line)
        (data / f"{name}.snmprec").write_text("\n".join(lines[k] for k in sorted(lines)) + "\n")
    os.chmod(gateway.dir, 0o755)
    for folder in (data, cache):
        shutil.chown(folder, "nobody", "nogroup") if os.geteuid() == 0 else None
        os.chmod(folder, 0o777)
    port = free_port()
    argv = [shutil.which("snmpsimd") or shutil.which("snmpsim-command-responder"), f"--data-dir={data}",
            f"--cache-dir={cache}", f"--agent-udpv4-endpoint=127.0.0.1:{port}"]
    if os.geteuid() == 0:
        argv += ["--process-user=nobody", "--process-group=nogroup"]
    gateway.spawn("snmpsim", argv)
    return port


def check_device(values, name, kind):
    """Compares every object of the recording that the table knows; returns how many were compared."""
    recording, compared = read_recording(name), 0
    for oid, (point, scale, absent, low, high) in OBJECTS[kind].items():
        tag, raw = recording.get(oid, (None, None))
        got = values[f"{name}/{point}"]
        if tag not in INTEGERS:
            assert got["quality"] == "bad", f"{name} {point}: {tag} {raw} must be no value, got {got}"
            continue
        number = int(raw) * scale
        if int(raw) in absent or not low <= number <= high:
            assert got["quality"] == "bad", f"{name} {point}: {raw} must be no value, got {got}"
        else:
            assert got["quality"] == "good" and abs(got["value"] - number) < 1e-6, f"{name} {point}: {raw} -> {got}"
        compared += 1
    return compared


def test_recordings():
    names = UPS + PDU
    with Gateway() as gateway:
        port = serve_recordings(gateway, names)
        lines = [f"site: {{id: real, state_dir: {gateway.state_dir}, socket: {gateway.dir}/control}}", "devices:"]
        for name in names:
            profile = "ups/rfc1628" if name in UPS else "pdu/apc-rpdu2"
            device = name.replace("_", "-")
            lines.append(f"  - {{id: {device}, profile: {profile}, address: '127.0.0.1:{port}', timeout: 5s, "
                         f"snmp: {{community: {name}}}}}")
        (gateway.dir / "site.yaml").write_text("\n".join(lines) + "\n")
        gateway.start_gateway()
        wait_for("all recordings to answer", lambda: gateway.stat("devices_up") == len(names), 120, 0.5)

        def read():
            values = {v["point"]: v for v in gateway.control("values")["values"]}
            wanted = [f"{n.replace('_', '-')}/{p[0]}" for n in names for p in OBJECTS["ups" if n in UPS else "pdu"].values()]
            return values if all(values[w]["cause"] not in NO_ANSWER for w in wanted) else None
        values = wait_for("every point to be read", read, 60, 0.5)
        compared = 0
        for name in names:
            renamed = {k.replace(name.replace("_", "-") + "/", name + "/"): v for k, v in values.items()}
            compared += check_device(renamed, name, "ups" if name in UPS else "pdu")
        print(f"{len(names)} recordings, {compared} values equal to what was recorded")
        assert compared >= 50


def test_snmpd():
    """net-snmp's own agent: sysDescr and sysUpTime as inline points, v1 and v2c."""
    with Gateway() as gateway:
        port = free_port()
        (gateway.dir / "snmpd.conf").write_text("rocommunity public 127.0.0.1\nsysLocation rack 7\n")
        gateway.spawn("snmpd", [shutil.which("snmpd") or "/usr/sbin/snmpd", "-f", "-Lo", "-C", "-c",
                                gateway.dir / "snmpd.conf", f"udp:127.0.0.1:{port}"])
        points = ("points: [{id: device.uptime, group: fast, oid: 1.3.6.1.2.1.1.3.0, scale: 0.01}, "
                  "{id: device.name, group: fast, oid: 1.3.6.1.2.1.1.6.0}, "
                  "{id: custom.missing, custom: true, group: fast, oid: 1.3.6.1.4.1.99999.1.0}]")
        lines = [f"site: {{id: real, state_dir: {gateway.state_dir}, socket: {gateway.dir}/control}}", "devices:"]
        for version in ("1", "2c"):
            lines.append(f"  - {{id: agent-v{version}, protocol: snmp, address: '127.0.0.1:{port}', groups: {{fast: 1s}}, "
                         f"snmp: {{version: {version}, community: public}}, {points}}}")
        (gateway.dir / "site.yaml").write_text("\n".join(lines) + "\n")
        gateway.start_gateway()
        wait_for("snmpd to answer both", lambda: gateway.stat("devices_up") == 2)

        def read():
            values = {v["point"]: v for v in gateway.control("values")["values"]}
            done = all(values[f"agent-v{v}/device.uptime"]["quality"] == "good" and
                       values[f"agent-v{v}/custom.missing"]["cause"] == "absent" for v in ("1", "2c"))
            return values if done else None
        values = wait_for("values of snmpd", read, 20)
        for version in ("1", "2c"):
            assert values[f"agent-v{version}/device.name"]["value"] == "rack 7", values[f"agent-v{version}/device.name"]
            assert 0 <= values[f"agent-v{version}/device.uptime"]["value"] < 600
        print("snmpd: v1 and v2c read; a missing object costs only itself, also in v1")


if __name__ == "__main__":
    test_snmpd()
    if not RECORDINGS.is_dir():
        print(f"SKIPPED: no recordings at {RECORDINGS}")
        sys.exit(77)
    test_recordings()
