#!/usr/bin/env python3
"""TLS with a client certificate: the broker takes the gateway's identity from it, refuses who has none, and is refused
when another authority signed it. What its access list refuses is an error that is told. A P1 that nobody confirms runs
the configured command."""
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import Rig, wait_for  # noqa: E402


def openssl(folder, *argv):
    subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder, authority, name):
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr")
    (folder / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
            "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    (folder / f"{name}.key").chmod(0o600)


class TlsRig(Rig):
    acl = "user gateway\ntopic readwrite watchroom/#\nuser desk\ntopic read watchroom/#\n"

    def write_site(self, extra_devices=""):
        make_authority(self.dir, "ca")
        make_authority(self.dir, "stranger")
        for name in ("broker", "gateway", "desk"):
            make_certificate(self.dir, "ca", name)
        self.broker_keys = f", tls: {{ca: ca.pem, certificate: gateway.pem, key: gateway.key}}{self.broker_keys}"
        super().write_site(extra_devices)

    def start_broker(self):
        (self.dir / "acl").write_text(self.acl)
        (self.dir / "mosquitto.conf").write_text(
            f"per_listener_settings true\nlistener {self.mqtt_port} 127.0.0.1\ncafile {self.dir}/ca.pem\n"
            f"certfile {self.dir}/broker.pem\nkeyfile {self.dir}/broker.key\nrequire_certificate true\n"
            f"use_identity_as_username true\nacl_file {self.dir}/acl\ntls_version tlsv1.2\nuser root\nmax_queued_messages 0\n")
        self.spawn("mosquitto", ["/usr/sbin/mosquitto", "-c", self.dir / "mosquitto.conf"])
        from rig import port_open
        wait_for("mosquitto", lambda: port_open(self.mqtt_port) or self.fail_if_dead("mosquitto"))

    def read_topic(self, topic, seconds=5):
        """What a guard's console with its own certificate sees."""
        return subprocess.run(
            ["mosquitto_sub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.mqtt_port), "--cafile", self.dir / "ca.pem",
             "--cert", self.dir / "desk.pem", "--key", self.dir / "desk.key", "-t", topic, "-W", str(seconds)],
            capture_output=True, text=True).stdout.splitlines()


def log_says(rig, text):
    return text in (rig.dir / "gateway.log").read_text()


def main():
    with TlsRig(devices=4) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("the session", lambda: rig.status()["broker"]["connected"])
        rig.sim("set s-1 p20 1")
        wait_for("the cursor to pass the alarm", lambda: any(a["id"] == "power/s-1/p20-high" for a in rig.control("alarms")["alarms"])
                 and rig.status()["broker"]["cursor"] == rig.status()["journal"]["committed"])
        states = [json.loads(p) for p in rig.read_topic("watchroom/1/bench/alarm/#", 2)]
        assert [s["id"] for s in states] == ["power/s-1/p20-high"], states
        gw = json.loads(rig.read_topic("watchroom/1/bench/gw", 2)[0])
        assert gw["state"] == "online" and gw["retained"] == 1, gw
        nobody = subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(rig.mqtt_port), "--cafile",
                                 rig.dir / "ca.pem", "-t", "x", "-m", "x"], capture_output=True)
        assert nobody.returncode != 0, "no certificate, no session"

        # The access list takes away the right to publish events: an error, counted and told, and nothing hangs.
        (rig.dir / "acl").write_text(TlsRig.acl.replace("readwrite watchroom/#", "read watchroom/#\ntopic write watchroom/1/bench/gw"))
        rig.processes["mosquitto"].send_signal(1)
        rig.sim("set s-2 p20 1")
        wait_for("the refusal to be counted", lambda: rig.status()["broker"]["refused"] > 0, 20)
        assert log_says(rig, "the broker refuses watchroom/1/bench/event/facilities: Not authorized")
        wait_for("gw degraded", lambda: any('"degraded"' in p for p in rig.read_topic("watchroom/1/bench/gw", 2)), 20)
        (rig.dir / "acl").write_text(TlsRig.acl)
        rig.processes["mosquitto"].send_signal(1)

        # kill -9 of the courier: the last will says offline, then it is back.
        import os
        pid = rig.pids()["courier"]
        os.kill(pid, 9)
        wait_for("another courier", lambda: rig.pids().get("courier") not in (None, pid))
        wait_for("the session again", lambda: rig.status()["broker"]["connected"], 30)

        # A broker that another authority signed is not spoken to.
        rig.processes["mosquitto"].kill()
        rig.processes["mosquitto"].wait()
        make_certificate(rig.dir, "stranger", "broker")
        rig.start_broker()
        wait_for("a clear line about the certificate", lambda: log_says(rig, "certificate verify failed") or log_says(rig, "TLS")
                 or log_says(rig, "SSL"), 60)
        assert not rig.status()["broker"]["connected"]
        print("TLS: identity from the certificate; no certificate, no session; wrong authority refused; refusals told")


def unconfirmed():
    with Rig(devices=4, broker_keys=", unconfirmed: {after: 2s, command: [/bin/sh, -c, 'cat >> \"$0\"', /tmp/never]}") as rig:
        told = rig.dir / "told"
        site = (rig.dir / "site.yaml").read_text().replace("/tmp/never", str(told))
        (rig.dir / "site.yaml").write_text(site)
        rig.start_gateway()
        rig.wait_all_up()
        rig.processes["mosquitto"].kill()
        rig.processes["mosquitto"].wait()
        begin = time.monotonic()
        rig.sim("set s-1 p20 1", "set s-2 p1 40000")
        wait_for("the command to be run", lambda: told.exists() and told.stat().st_size > 0, 30)
        waited = time.monotonic() - begin
        wait_for("broker-unconfirmed", lambda: any(a["id"] == "gateway/gateway/broker-unconfirmed" for a in rig.control("alarms")["alarms"]))
        time.sleep(3)
        alarms = told.read_text()
        assert alarms.count("power/s-1/p20-high") >= 1 and "power/s-2/p1-high" not in alarms, alarms
        print(f"broker away: the command was run for the P1 after {waited:.1f} s, and not for the P3")


if __name__ == "__main__":
    main()
    unconfirmed()
