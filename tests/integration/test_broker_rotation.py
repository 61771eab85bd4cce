#!/usr/bin/python3
"""Keys change while alarms come and go: of the gateway, of the broker, of the authority itself. Every row of the journal
reaches a console, once keys are in place nobody is without a session, and what was revoked is shut out."""
import os
import re
import shutil
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import LIVE, BrokerRig, Listener, Person, pki, web_connect  # noqa: E402
from rig import wait_for  # noqa: E402

PERIOD_S = 0.25


class Restless(threading.Thread):
    """Alarms that come and go, one change each PERIOD_S, until it is told to stop."""

    def __init__(self, rig, changes=0):
        super().__init__(daemon=True)
        self.rig, self.ends, self.changes = rig, threading.Event(), changes

    def run(self):
        while not self.ends.wait(PERIOD_S):
            k = self.changes % 19 + 1
            self.rig.sim(f"set s-1 p{k} {40000 if self.changes // 19 % 2 == 0 else 100}")
            self.changes += 1

    def stop(self):
        self.ends.set()
        self.join()


def copy(source, target, *names):
    for name in names:
        shutil.copy(source / name, target / f"{name}.new")
        os.rename(target / f"{name}.new", target / name)


def shown_serial(rig, port, name):
    """The serial of the certificate that the broker shows at a port."""
    context = ssl.create_default_context(cafile=str(rig.pki / "ca.pem"))
    folder = rig.hand_out(name)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    with (socket.create_connection(("127.0.0.1", port), 10) as raw,
          context.wrap_socket(raw, server_hostname="localhost") as tls):
        return int(tls.getpeercert()["serialNumber"], 16)


def serial_of(path):
    return int(ssl._ssl._test_decode_cert(str(path))["serialNumber"], 16)


def hand_crl_to_broker(rig):
    copy(rig.pki, rig.etc / "watchroom", "crl.pem")
    rig.reload_broker()


def restart_broker(rig):
    rig.stop_broker()
    rig.start_broker()


def gateway_without_reload(rig):
    """The new key is used at the next attempt to connect; half a copy only costs one attempt."""
    old = rig.dir / "old-gateway"
    shutil.copytree(rig.hand_out("gateway"), old)
    pki(rig.pki, "rotate", "gateway")
    copy(rig.hand_out("gateway"), rig.dir / "tls", "certificate.pem")
    restart_broker(rig)
    wait_for("the gateway to say what is wrong", lambda: "is not the key of" in rig.gateway_log(), 30)
    assert not rig.is_connected()
    copy(rig.hand_out("gateway"), rig.dir / "tls", "key.pem")
    wait_for("the session with the new key", rig.is_connected)
    sessions = rig.sessions()
    pki(rig.pki, "revoke", "gateway", "--earlier")
    hand_crl_to_broker(rig)
    assert not Person(rig, old, rig.gateway_port).has_session(), "the earlier key is shut out"
    restart_broker(rig)
    wait_for("the session again", lambda: rig.sessions() > sessions and rig.is_connected())


def gateway_with_reload(rig):
    pki(rig.pki, "rotate", "gateway")
    sessions = rig.sessions()
    copy(rig.hand_out("gateway"), rig.dir / "tls", "certificate.pem", "key.pem")
    assert rig.control("reload")["ok"]
    wait_for("a courier with the new key", lambda: rig.sessions() > sessions and rig.is_connected())
    pki(rig.pki, "revoke", "gateway", "--earlier")
    hand_crl_to_broker(rig)


def broker(rig):
    """Sessions stay; who comes next sees the new certificate, at each port."""
    assert web_connect(rig.web_port, rig.hand_out("anna")) == 0
    wait_for("the rows so far", rig.is_told)
    sessions = rig.sessions()
    pki(rig.pki, "rotate", "broker")
    copy(rig.hand_out("broker"), rig.etc / "watchroom", "certificate.pem")
    rig.install_broker_keys()
    rig.reload_broker()
    want = serial_of(rig.hand_out("broker") / "certificate.pem")
    for port, name in ((rig.gateway_port, "gateway"), (rig.people_port, "anna"), (rig.web_port, "anna")):
        assert shown_serial(rig, port, name) == want, port
    assert rig.sessions() == sessions and rig.is_connected(), "the session stays"


def authority(rig):
    """Both are trusted while everybody moves; then the first is no longer."""
    old = {name: rig.dir / f"old-{name}" for name in ("gateway", "bert", "broker")}
    for name, folder in old.items():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(rig.hand_out(name), folder)
    pki(rig.pki, "rotate-authority")
    copy(rig.pki, rig.dir / "tls", "ca.pem")
    copy(rig.pki, rig.etc / "watchroom", "ca.pem", "crl.pem")
    rig.reload_broker()
    for name in rig.people:
        assert rig.person(name).has_session(), "certificates of the first are good"
        pki(rig.pki, "rotate", name)
        assert rig.person(name).has_session(), "and of the second"
    pki(rig.pki, "rotate", "exercise")
    pki(rig.pki, "rotate", "gateway")
    copy(rig.hand_out("gateway"), rig.dir / "tls", "ca.pem", "certificate.pem", "key.pem")
    assert rig.control("reload")["ok"]
    assert pki(rig.pki, "retire-authority", check=False).returncode == 3, "the broker is still of the first"
    pki(rig.pki, "rotate", "broker")
    rig.install_broker_keys()
    rig.reload_broker()
    wait_for("the gateway with a certificate of the second", rig.is_connected)
    pki(rig.pki, "retire-authority")
    copy(rig.hand_out("gateway"), rig.dir / "tls", "ca.pem")
    rig.install_broker_keys()
    assert rig.control("reload")["ok"]
    restart_broker(rig)
    wait_for("the gateway, with one authority", rig.is_connected)
    for name, port in (("gateway", rig.gateway_port), ("bert", rig.people_port)):
        shutil.copy(rig.pki / "ca.pem", old[name])
        assert not Person(rig, old[name], port).has_session(), f"{name}: of the first authority"
    assert rig.person("bert").has_session() and web_connect(rig.web_port, rig.hand_out("anna")) == 0


def soon_to_end(rig):
    """The gateway says itself that its certificate wants care: in its log, and to everybody who watches."""
    gw = Listener(rig.person("bert"), f"{LIVE}/gw")
    pki(rig.pki, "--days", "5", "rotate", "gateway")
    copy(rig.hand_out("gateway"), rig.dir / "tls", "certificate.pem", "key.pem")
    assert rig.control("reload")["ok"]
    # Five days in the second it is made, four after that.
    wait_for("gw degraded", lambda: any('"degraded"' in said and re.search("certificate.pem expires in [45] days", said)
                                        for _, said in gw.heard()), 30)
    assert f"TLS: {rig.dir}/tls/certificate.pem expires in " in rig.gateway_log()
    pki(rig.pki, "rotate", "gateway")
    copy(rig.hand_out("gateway"), rig.dir / "tls", "certificate.pem", "key.pem")
    assert rig.control("reload")["ok"]
    wait_for("gw online", lambda: '"online"' in gw.heard()[-1][1], 30)
    gw.close()


def lost_key(rig):
    """Revoked: no new session. The open one hears nothing more once the access list says so."""
    listener = Listener(rig.person("vera"), f"{LIVE}/event/#")
    wait_for("rows to reach her", listener.rows)
    pki(rig.pki, "revoke", "vera")
    hand_crl_to_broker(rig)
    assert not rig.person("vera").has_session()
    had = len(listener.rows())
    wait_for("the open session to hear more, as the page says", lambda: len(listener.rows()) > had)
    acl = rig.etc / "watchroom" / "people.acl"
    acl.write_text("user vera\ntopic deny #\n" + acl.read_text())
    rig.reload_broker()
    told = Listener(rig.person("anna"), f"{LIVE}/event/#")
    had = len(listener.rows())
    wait_for("others to be told", lambda: len(told.rows()) > 3)
    assert len(listener.rows()) <= had + 1, "one may have been under way" # she, nothing
    assert Path(f"{listener.path}.err").read_text() == "" and listener.process.poll() is None
    told.close()
    # She gets another key: her lines go.
    pki(rig.pki, "rotate", "vera")
    acl.write_text(acl.read_text().replace("user vera\ntopic deny #\n", ""))
    rig.reload_broker()
    assert rig.person("vera").hear(f"{LIVE}/gw", 1)


def every_row_arrived(rig, console, after):
    """By the numbers: what the journal has for this audience is what the console was told, at least once."""
    wait_for("everything to be told", rig.is_told)
    want = {row["seq"] for row in rig.log("alarm") if row["seq"] > after and "facilities" in row["alarm"]["audience"]}
    wait_for("the console to have it all", lambda: want <= {row["seq"] for row in console.rows()}, 30)
    heard = [row["seq"] for row in console.rows()]
    seen, first = set(), []
    for seq in heard:
        if seq not in seen:
            first.append(seq)
        seen.add(seq)
    assert first == sorted(first), "in order, repeats aside"
    assert seen >= want and len(want) > 20, len(want)
    return len(want), len(heard) - len(seen)


def main():
    with BrokerRig() as rig:
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("the session", rig.is_connected)
        # A desk whose session the broker keeps while it is restarted.
        wait_for("the first rows to be told", rig.is_told)
        after = rig.status()["journal"]["committed"]
        console = Listener(rig.person("anna"), f"{LIVE}/event/facilities", "-c", "-x", "3600", "-i", "watchroom-desk")
        restless = Restless(rig)
        restless.start()
        begin = time.monotonic()
        for step in (gateway_without_reload, gateway_with_reload, soon_to_end, broker, lost_key):
            step(rig)
        restless.stop()
        rows, repeats = every_row_arrived(rig, console, after)
        print(f"keys of gateway and broker, a lost key: {restless.changes} changes in {time.monotonic() - begin:.0f} s, "
              f"{rows} rows all told in order, {repeats} repeats")
        assert rig.status()["broker"]["refused"] == 0
        begin = time.monotonic()
        before = restless.changes
        restless = Restless(rig, before)
        restless.start()
        authority(rig)
        wait_for("some more", lambda: restless.changes > before + 19)
        restless.stop()
        rows, repeats = every_row_arrived(rig, console, after)
        assert rig.status()["broker"]["refused"] == 0
        print(f"another authority: {restless.changes - before} changes in {time.monotonic() - begin:.0f} s, {rows} rows all told in order, "
              f"{repeats} repeats; certificates of the first are shut out")


if __name__ == "__main__":
    main()
