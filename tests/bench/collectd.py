"""collectd (Debian's collectd-core) reads the devices that the gateway reads in tests/bench/run: its snmp,
modbus and rrdtool plugins, every second. It is set up as kindly as its plugins allow: one GET for the 20
objects of an SNMP device (a type of 20 data sources); its modbus plugin asks for each register on its own.
"""
import json
import shutil
import subprocess
import time
from pathlib import Path

from rig import POINTS, cpu_seconds, wait_for

COLLECTD = "/usr/sbin/collectd"
DIFFERS = ("collectd judges, journals and publishes nothing, and keeps no quality; its modbus plugin sends one request a "
           "register, ours one a device; both write RRDs behind a cache of 60 s, collectd's smaller (one hour)")


def write_config(rig):
    types = rig.dir / "types.db"
    types.write_text("bench_all " + ", ".join(f"p{k}:GAUGE:U:U" for k in range(1, POINTS + 1)) + "\n"
                     "bench_one value:GAUGE:U:U\n")
    oids = " ".join(f'"1.3.6.1.4.1.8072.9999.1.{k}.0"' for k in range(1, POINTS + 1))
    lines = ["Hostname bench", "FQDNLookup false", "Interval 1", f"TypesDB \"{types}\"", f"BaseDir \"{rig.dir}/collectd\"",
             f"PIDFile \"{rig.dir}/collectd.pid\"", f"ReadThreads {min(50, max(10, rig.devices // 20))}", "WriteThreads 2",
             "LoadPlugin snmp", "LoadPlugin modbus", "LoadPlugin rrdtool",
             "<Plugin rrdtool>", f"DataDir \"{rig.dir}/rrd\"", "StepSize 1", "HeartBeat 3", "RRARows 100",
             "RRATimespan 3600", "CacheTimeout 60", "CacheFlush 900", "CreateFilesAsync true", "</Plugin>",
             "<Plugin snmp>", '<Data "all">', "Type bench_all", "Table false", f"Values {oids}", "</Data>"]
    modbus = ["<Plugin modbus>"]
    for k in range(1, POINTS + 1):
        modbus += [f'<Data "p{k}">', f"RegisterBase {k - 1}", "RegisterType Uint16", "RegisterCmd ReadHolding",
                   "Type bench_one", f'Instance "p{k}"', "</Data>"]
    for device, place in rig.places.items():
        host, port = place.rsplit(":", 1)
        if device[0] == "s":
            lines += [f'<Host "{device}">', f'Address "{place}"', "Version 2", 'Community "public"', "Collect all",
                      "Interval 1", "Timeout 1", "Retries 0", "</Host>"]
        else:
            modbus += [f'<Host "{device}">', f'Address "{host}"', f'Port {port}', "Interval 1", "<Slave 1>",
                       'Instance "u"', *[f"Collect p{k}" for k in range(1, POINTS + 1)], "</Slave>", "</Host>"]
    path = rig.dir / "collectd.conf"
    path.write_text("\n".join([*lines, "</Plugin>", *modbus, "</Plugin>"]) + "\n")
    return path


def values_answered(rig):
    """Values the simulated devices have given away: an answer of an SNMP device holds all, of a Modbus device one."""
    answers = zip(rig.places, (json.loads(a)["answers"] for a in rig.sim(*[f"counters {d}" for d in rig.places])))
    total = {"s": 0, "m": 0}
    for device, count in answers:
        total[device[0]] += count * (POINTS if device[0] == "s" else 1)
    return total


def pss_mib(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def compare(rig_class, devices, seconds):
    if not shutil.which(COLLECTD):
        return {"skipped": "collectd-core is not installed"}
    with rig_class(devices, broker=False) as rig:
        config = write_config(rig)
        with open(rig.dir / "collectd.log", "wb") as log:
            process = subprocess.Popen(["env", "MIBS=", "MIBDIRS=/nonexistent", COLLECTD, "-f", "-C", config],
                                       stdout=log, stderr=log)
        try:
            wait_for("collectd's first values", lambda: process.poll() is not None
                     or min(values_answered(rig).values()) > 0, 60, 0.5)
            time.sleep(0 if process.poll() is not None else 15 + devices / 250)  # its files are made now
            if process.poll() is not None:
                return {"failed": f"collectd ended with {process.returncode}: " + (rig.dir / "collectd.log").read_text(
                    errors="replace").strip().rsplit("\n", 1)[-1][:160]}
            before, used, begin = values_answered(rig), cpu_seconds(process.pid), time.monotonic()
            time.sleep(seconds)
            after, used, passed = values_answered(rig), cpu_seconds(process.pid) - used, time.monotonic() - begin
            values = sum(after.values()) - sum(before.values())
            return {"whole": round(used / values * 1e6, 3) if values else None, "points_per_s": round(values / passed),
                    "points_wanted_per_s": devices * POINTS, "pss_mib": round(pss_mib(process.pid), 1),
                    "differs": DIFFERS}
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()  # it would write all of its cache first
                process.wait()
