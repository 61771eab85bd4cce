"""collectd on the same simulated devices: its snmp, modbus and rrdtool plugins, every second.

What both can do is compared: read, decode, write to RRD files. collectd judges nothing and journals nothing; it asks
for one object or one register a request where it is configured by single values, as its plugins want it.
"""
import os
import subprocess
import time

from rig import POINTS, TICK, wait_for

COLLECTD = "/usr/sbin/collectd"


def configuration(rig):
    rrd = rig.dir / "collectd-rrd"
    lines = ['Hostname "bench"', "FQDNLookup false", "Interval 1", "ReadThreads 20", "WriteThreads 2",
             f'BaseDir "{rig.dir}"', f'PIDFile "{rig.dir}/collectd.pid"', 'PluginDir "/usr/lib/collectd"',
             'TypesDB "/usr/share/collectd/types.db"', "LoadPlugin snmp", "LoadPlugin modbus", "LoadPlugin rrdtool",
             "<Plugin rrdtool>", f'  DataDir "{rrd}"', "  CacheTimeout 30", "  CacheFlush 600", "  StepSize 1", "  HeartBeat 3",
             "  RRARows 600", "</Plugin>", "<Plugin snmp>"]
    names = " ".join(f'"p{k}"' for k in range(1, POINTS + 1))
    for k in range(1, POINTS + 1):
        lines += [f'<Data "p{k}">', '  Type "gauge"', "  Table false", f'  Instance "p{k}"',
                  f'  Values "1.3.6.1.4.1.8072.9999.1.{k}.0"', "</Data>"]
    for device, place in rig.places.items():
        if device[0] == "s":
            lines += [f'<Host "{device}">', f'  Address "{place}"', "  Version 2", '  Community "public"', f"  Collect {names}",
                      "  Interval 1", "</Host>"]
    lines += ["</Plugin>", "<Plugin modbus>"]
    for k in range(1, POINTS + 1):
        lines += [f'<Data "p{k}">', f"  RegisterBase {k - 1}", "  RegisterType Uint16", '  Type "gauge"', f'  Instance "p{k}"', "</Data>"]
    for device, place in rig.places.items():
        if device[0] == "m":
            host, port = place.split(":")
            lines += [f'<Host "{device}">', f'  Address "{host}"', f'  Port "{port}"', "  Interval 1", "  <Slave 1>",
                      *[f'    Collect "p{k}"' for k in range(1, POINTS + 1)], "  </Slave>", "</Host>"]
    lines += ["</Plugin>"]
    return "\n".join(lines) + "\n"


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def compare(Rig, devices, seconds):
    if not os.path.exists(COLLECTD):
        return {"note": "collectd-core is not installed"}
    with Rig(devices, broker=False) as rig:
        (rig.dir / "collectd.conf").write_text(configuration(rig))
        process = rig.spawn("collectd", [COLLECTD, "-f", "-C", rig.dir / "collectd.conf"])
        wait_for("collectd to read", lambda: rig.requests() > devices or rig.fail_if_dead("collectd"), 60, 0.5)
        time.sleep(10)
        before, asked = cpu(process.pid), rig.requests()
        time.sleep(seconds)
        used, values = cpu(process.pid) - before, rig.requests() - asked
        return {"values_per_s": round(values / seconds), "wanted_per_s": devices * POINTS,
                "cpu_s_per_million": round(used / values * 1e6, 2) if values else None,
                "note": "one value a request; no judging, no journal"}
