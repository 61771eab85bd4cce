#!/usr/bin/python3
"""The broker as it ships, with certificates of deploy/pki, and those who should not be there: forged users and client
ids, wrong authorities, expired and revoked certificates, viewers who command, exercises at the live root. None has an
effect, and each is refused by the broker or on record in the journal. A P1 that nobody confirms runs the configured
command."""
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import LIVE, BrokerRig, Listener, Person, pki, web_connect  # noqa: E402
from rig import Rig, wait_for  # noqa: E402

ALARM = "power/s-1/p20-high"
CID = "01ARZ3NDEKTSV4RRFFQ69G5%03d"
EXERCISE = "watchroom-exercise/1/bench"
used_cids = 0


def ack(occ=1):
    """A command that would have an effect, if its sender were allowed to."""
    global used_cids
    used_cids += 1
    return {"cid": CID % used_cids, "id": ALARM, "occ": occ}


def last_command(rig, user, count):
    """The journal's row of the newest command, the `count`th, once it is there."""
    wait_for(f"command {count} in the journal", lambda: len(rig.commands()) >= count)
    rows = rig.commands()
    assert len(rows) == count and rows[-1]["user"] == user, rows[-1]
    return rows[-1]


def refused_handshakes(rig, ports):
    """Certificates that are none: no session at any port, and the broker says why."""
    stranger = rig.dir / "stranger"
    pki(stranger, "init", "elsewhere")
    pki(stranger, "gateway")
    pki(stranger, "user", "anna")
    # What a stranger would present: its own certificate, and our authority to believe in.
    for name in ("gateway", "anna"):
        shutil.copy(rig.pki / "ca.pem", stranger / "hand-out" / name / "ca.pem")
    pki(rig.pki, "user", "late", at="500 days ago")
    pki(rig.pki, "user", "lost")
    pki(rig.pki, "revoke", "lost")
    shutil.copy(rig.pki / "crl.pem", rig.etc / "watchroom" / "crl.pem")
    rig.reload_broker()
    cases = [
        ("nobody without a certificate", Person(rig, rig.hand_out("anna"), 0, ("ca",)), "peer did not return a certificate"),
        ("a gateway of another authority", Person(rig, stranger / "hand-out" / "gateway", 0), "certificate verify failed"),
        ("a user of another authority", Person(rig, stranger / "hand-out" / "anna", 0), "certificate verify failed"),
        ("an expired certificate", Person(rig, rig.hand_out("late"), 0), "certificate verify failed"),
        ("a revoked certificate", Person(rig, rig.hand_out("lost"), 0), "certificate verify failed"),
        ("the broker's own certificate", Person(rig, rig.hand_out("broker"), 0), "certificate verify failed"),
    ]
    for what, person, says in cases:
        for port in ports:
            before = rig.broker_log().count(says)
            assert not person.at(port).has_session(), f"{what} at {port}"
            assert person.at(port).publish(f"{LIVE}/gw", '{"state":"online"}') == "no session", what
            wait_for(f"the broker to say why: {what}", lambda: rig.broker_log().count(says) > before, 10)
    for name in ("late",):
        refused_web(rig, rig.hand_out(name))
    refused_web(rig, stranger / "hand-out" / "anna")
    folder = rig.dir / "nobody"
    folder.mkdir()
    shutil.copy(rig.pki / "ca.pem", folder)
    refused_web(rig, folder)
    print(f"{len(cases)} kinds of certificates that are none: no session at {len(ports)} ports, the reason in the broker's log")


def refused_web(rig, folder):
    try:
        code = web_connect(rig.web_port, folder)
    except OSError: # ssl.SSLError is one
        return
    raise AssertionError(f"{folder} has a session over websockets: {code}")


def old_protocols(rig):
    """TLS 1.1, and of 1.2 what does not keep its secrets: refused. What is on offer: taken."""
    def handshake(version, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(rig.pki / "ca.pem")
        context.load_cert_chain(rig.hand_out("anna") / "certificate.pem", rig.hand_out("anna") / "key.pem")
        if ciphers:
            context.set_ciphers(ciphers)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        with (socket.create_connection(("127.0.0.1", rig.people_port), 10) as raw,
              context.wrap_socket(raw, server_hostname="localhost") as tls):
            return tls.version()

    assert handshake(ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert handshake(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256") == "TLSv1.2"
    for version, ciphers in ((ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA")):
        try:
            raise AssertionError(f"taken: {handshake(version, ciphers)} {ciphers}")
        except (ssl.SSLError, ConnectionError):
            pass


def forged_users(rig):
    """Bert says that he is Anna, or the gateway, in every place where that can be said."""
    bert = rig.person("bert")
    before = len(rig.commands())
    sessions = rig.sessions()
    gw = rig.person("anna").hear(f"{LIVE}/gw", 1)
    assert bert.publish(f"{LIVE}/cmd/anna/ack", "{}") == "refused"
    assert bert.publish(f"{LIVE}/cmd/anna/ack", "{}", "-u", "anna", "-P", "x") == "refused", "a user name is not looked at"
    assert bert.publish(f"{LIVE}/cmd/anna/ack", "{}", "-i", "watchroom-anna") == "refused"
    for topic in ("gw", "hb", "sum", f"alarm/{ALARM}", "event/facilities", "val/s-1/fast", "meta/inventory", "audit/checkpoint",
                  "rsp/anna/1", "rsp/bert/1", "presence/anna/1", "cmd/bert/ack/more", "anything"):
        assert bert.publish(f"{LIVE}/{topic}", "", "-r") == "refused", topic
    for topic in ("watchroom/2/bench/gw", f"{EXERCISE}/gw", "$SYS/broker/version", "x"):
        assert bert.publish(topic, "") == "refused", topic
    # The client id of a gateway's session; those of others do not begin like the gateway's.
    for client_id in ("gateway", "mosq-1", "Watchroom-1"):
        assert bert.publish(f"{LIVE}/presence/bert/1", "{}", "-i", client_id) == "no session", client_id
    assert bert.publish(f"{LIVE}/presence/bert/1", "{}", "-i", "watchroom-bench") == "taken", "it is nobody's"
    # At the gateways' port he is bert, whatever he says, and has no rights there.
    at_gateways = bert.at(rig.gateway_port)
    assert at_gateways.publish(f"{LIVE}/gw", "{}", "-i", "watchroom-gateway") == "refused"
    assert at_gateways.publish(f"{LIVE}/cmd/bert/ack", "{}") == "refused"
    assert at_gateways.publish(f"{LIVE}/gw", "{}", "-i", "gateway") == "no session"
    # A last will in the gateway's name is taken, and thrown away when it would be told.
    willed = Listener(bert, f"{LIVE}/hb", "--will-topic", f"{LIVE}/gw", "--will-payload", '{"state":"offline"}', "--will-retain")
    willed.process.kill()
    willed.process.wait()
    assert len(gw) == 1 and rig.person("anna").hear(f"{LIVE}/gw", 1)[0][1].count('"state":"online"') == 1
    assert rig.sessions() == sessions and rig.is_connected(), "nobody disturbed the gateway"
    assert len(rig.commands()) == before, "no command reached the gateway"
    assert rig.live()[ALARM]["ack"] == "unacked"
    print("forged users, client ids and wills: no command reached the gateway, nothing was published, no session disturbed")


def commands_of_viewers(rig):
    """Vera looks on: the broker lets her speak for herself, the gateway's guard says no and writes it down."""
    before = len(rig.commands())
    vera = rig.person("vera")
    answer = vera.command("vera", "ack", **ack())
    assert answer["code"] == "denied", answer
    row = last_command(rig, "vera", before + 1)
    assert (row["role"], row["verb"], row["code"], row["source"]) == ("viewer", "ack", "denied", "mqtt"), row
    # An answer that goes to somebody else would be a way to speak as the gateway.
    anna = Listener(rig.person("anna"), f"{LIVE}/rsp/#")
    assert rig.person("bert").command("bert", "ack", 2, response=f"{LIVE}/rsp/anna/1", **ack()) is None
    row = last_command(rig, "bert", before + 2)
    assert row["code"] == "bad-request", row
    # A retained command would be given again at each start.
    bert = rig.person("bert")
    assert bert.publish(f"{LIVE}/cmd/bert/ack", str(ack()).replace("'", '"'), "-r", "-D", "publish", "response-topic",
                        f"{LIVE}/rsp/bert/1") == "taken"
    row = last_command(rig, "bert", before + 3)
    assert row["code"] == "bad-request" and "retained" in row["error"], row
    assert bert.run("mosquitto_pub", "-q", "1", "-t", f"{LIVE}/cmd/bert/ack", "-r", "-n").returncode == 0
    assert last_command(rig, "bert", before + 4)["code"] == "bad-request", "what empties the topic is no command"
    # A name that the authority knows and the site file does not.
    pki(rig.pki, "user", "carl")
    count = len(rig.commands())
    rig.person("carl").command("carl", "ack", 2, **ack())
    row = last_command(rig, "carl", count + 1)
    assert row["code"] == "denied", row
    assert anna.heard() == [] and rig.live()[ALARM]["ack"] == "unacked"
    print("commands of viewers, strangers, retained ones and answers to others: no effect, each a row of the journal")


def exercises(rig):
    """The exercise's identity at the live root, and the gateway's where it has no business."""
    exercise = rig.person("exercise", rig.gateway_port)
    before = len(rig.commands())
    sessions = rig.sessions()
    live = Listener(rig.person("anna"), f"{LIVE}/alarm/#")
    wait_for("what is retained", live.heard)
    had = live.heard()
    for port in (rig.gateway_port, rig.people_port):
        for topic in ("gw", f"alarm/{ALARM}", "alarm/power/s-1/invented", "event/facilities", "cmd/exercise/ack", "cmd/anna/ack",
                      "rsp/anna/1", "presence/exercise/1"):
            assert exercise.at(port).publish(f"{LIVE}/{topic}", "{}") == "refused", (port, topic)
        assert exercise.at(port).hear("watchroom/#", 1) == [], "it hears nothing of the live site"
    assert exercise.publish(f"{EXERCISE}/gw", '{"mode":"exercise"}', "-r") == "taken", "its own root is its own"
    assert exercise.publish(f"{EXERCISE}/event/security", "{}") == "taken"
    seen = rig.person("anna").hear(f"{EXERCISE}/#", 1)
    assert seen == [(f"{EXERCISE}/gw", '{"mode":"exercise"}')], seen
    gateway = rig.person("gateway")
    assert gateway.publish(f"{LIVE}/gw", "{}") == "refused", "a gateway's key is no key at the people's port"
    assert gateway.hear("#", 1) == []
    assert live.heard() == had and len(rig.commands()) == before and rig.sessions() == sessions
    print("an exercise at the live root: refused at both ports, hears nothing there; its own root works")


def curiosity(rig):
    """A subscription to everything is granted, and brings only what one may read."""
    bert = rig.person("bert")
    everything = Listener(bert, "#")
    others = [Listener(bert, topic) for topic in (f"{LIVE}/cmd/#", f"{LIVE}/rsp/anna/#", "$SYS/#")]
    gateways = Listener(bert.at(rig.gateway_port), "#")
    answer = rig.person("anna").command("anna", "get", cid=ack()["cid"])
    assert answer["code"] == "ok", answer
    own = bert.command("bert", "get", cid=ack()["cid"])
    assert own["code"] == "ok", own
    wait_for("his own answer", lambda: any(t.startswith(f"{LIVE}/rsp/bert/") for t, _ in everything.heard()))
    topics = {topic for topic, _ in everything.heard()}
    assert f"{LIVE}/alarm/{ALARM}" in topics and f"{LIVE}/gw" in topics
    assert not [t for t in topics if "/cmd/" in t or "/rsp/anna" in t or t.startswith("$")], topics
    assert [o.heard() for o in others] == [[], [], []] and gateways.heard() == []
    print(f"a subscription to everything: {len(topics)} topics, none of commands or of answers to others")


def fence(rig):
    """Browsers: on loopback only, with the same certificates, before and after a reload."""
    listening = subprocess.run(["ss", "-Hltn", f"sport = {rig.web_port}"], capture_output=True, text=True, check=True).stdout
    assert [line.split()[3] for line in listening.splitlines()] == [f"127.0.0.1:{rig.web_port}"], listening
    for _ in range(3):
        assert web_connect(rig.web_port, rig.hand_out("anna")) == 0
        assert web_connect(rig.web_port, rig.hand_out("anna"), "gateway") == 0x87, "not authorized"
        rig.reload_broker()
    assert rig.processes["mosquitto"].poll() is None and rig.person("anna").has_session()
    faults = [line for line in rig.broker_log().splitlines() if line.startswith("Error")]
    assert not faults, f"a reload reads all of the configuration: {faults}"
    print("websockets: bound to loopback, certificates asked for, three reloads survived")


def careless_reloads(rig):
    """A file that cannot be used stops the reload, not the broker; the gateway does not notice."""
    sessions, refused, log = rig.sessions(), rig.status()["broker"]["refused"], rig.broker_log().count("Reloading config")
    place = rig.etc / "watchroom"
    for name, text in (("crl.pem", "junk"), ("key.pem", "junk"), ("ca.pem", "junk"), ("certificate.pem", ""), ("gateways.acl", ""),
                       ("key.pem", (rig.hand_out("anna") / "key.pem").read_text())):
        was = (place / name).read_bytes()
        (place / name).write_text(text)
        fault = rig.try_reload()
        assert fault is not None and (name in fault or "certificate.pem" in fault), (name, fault)
        (place / name).write_bytes(was)
    if os.geteuid() == 0:
        shutil.chown(place / "key.pem", "root", "root")
        assert "key.pem: cannot be read" in rig.try_reload(), "by the broker's user"
        shutil.chown(place / "key.pem", "root", "mosquitto")
    assert rig.broker_log().count("Reloading config") == log, "the broker was not asked"
    rig.reload_broker()
    assert rig.sessions() == sessions and rig.is_connected() and rig.status()["broker"]["refused"] == refused
    print("reloads with files that cannot be used: stopped before the broker is asked")


def rights_taken_away(rig):
    """The access list takes away the right to publish events: an error, counted and told, and nothing hangs."""
    acl = rig.etc / "watchroom" / "gateways.acl"
    text = acl.read_text()
    acl.write_text(text.replace("topic write watchroom/1/+/event/+\n", ""))
    rig.reload_broker()
    rig.sim("set s-2 p20 1")
    wait_for("the refusal to be counted", lambda: rig.status()["broker"]["refused"] > 0, 20)
    assert "the broker refuses watchroom/1/bench/event/facilities: Not authorized" in rig.gateway_log()
    anna = rig.person("anna")
    wait_for("gw degraded", lambda: any('"degraded"' in p for _, p in anna.hear(f"{LIVE}/gw", 1)), 20)
    acl.write_text(text)
    rig.reload_broker()


def courier_killed(rig):
    """The last will says offline, to whom it may, and then the gateway is back."""
    gw = Listener(rig.person("anna"), f"{LIVE}/gw")
    pid = rig.pids()["courier"]
    os.kill(pid, 9)
    wait_for("the last will", lambda: any('"offline"' in payload for _, payload in gw.heard()))
    wait_for("another courier", lambda: rig.pids().get("courier") not in (None, pid))
    wait_for("the session again", rig.is_connected, 30)


def false_brokers(rig):
    """A broker of another authority, and one that has only the certificate of a person, are not spoken to."""
    stranger = rig.dir / "stranger"
    pki(stranger, "broker", "broker", "127.0.0.1")
    pki(rig.pki, "user", "mallory")
    for folder in (stranger / "hand-out" / "broker", rig.hand_out("mallory")):
        rig.stop_broker(kill=True)
        rig.install_broker_keys(folder=folder)
        shutil.copy(rig.pki / "ca.pem", rig.etc / "watchroom" / "ca.pem") # clients are checked as before
        told = rig.gateway_log().count("certificate: verify failed")
        rig.start_broker()
        wait_for("a clear line about the certificate", lambda: rig.gateway_log().count("certificate: verify failed") > told, 60)
        assert not rig.is_connected() and "as gateway" not in rig.broker_log().rsplit("2.0.11 starting", 1)[1]
    rig.stop_broker(kill=True)
    rig.install_broker_keys()
    rig.start_broker()
    wait_for("the session with the true broker", rig.is_connected, 60)
    print("false brokers: of another authority, with a user's certificate: not spoken to")


def main():
    with BrokerRig() as rig:
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("the session", rig.is_connected)
        rig.sim("set s-1 p20 1")
        wait_for("the alarm to be told", lambda: ALARM in rig.live() and rig.is_told())
        anna = rig.person("anna")
        seen = dict(anna.hear(f"{LIVE}/#", 1))
        assert '"state":"online"' in seen[f"{LIVE}/gw"] and f"{LIVE}/alarm/{ALARM}" in seen, seen
        refused_handshakes(rig, (rig.gateway_port, rig.people_port))
        old_protocols(rig)
        forged_users(rig)
        commands_of_viewers(rig)
        exercises(rig)
        curiosity(rig)
        fence(rig)
        # After all that, whoever may, can.
        answer = anna.command("anna", "ack", **ack())
        assert answer["code"] == "ok" and rig.live()[ALARM]["acked"]["by"] == "anna", answer
        careless_reloads(rig)
        rights_taken_away(rig)
        courier_killed(rig)
        false_brokers(rig)


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


def refused():
    """A P1 that the broker refuses is as untold as one that it never confirms: the command is run, and people are told."""
    with Rig(devices=4, broker_keys=", unconfirmed: {after: 600s, command: [/bin/sh, -c, 'cat >> \"$0\"', /tmp/never]}") as rig:
        told = rig.dir / "told"
        site = (rig.dir / "site.yaml").read_text().replace("/tmp/never", str(told))
        (rig.dir / "site.yaml").write_text(site)
        conf = rig.dir / "mosquitto.conf"
        rig.processes["mosquitto"].kill()
        rig.processes["mosquitto"].wait()
        (rig.dir / "acl").write_text("topic readwrite watchroom/#\ntopic deny watchroom/1/bench/event/facilities\n")
        rig.start_broker(f"max_queued_messages 100000\nacl_file {rig.dir}/acl\n")
        rig.start_gateway()
        rig.wait_all_up()
        rig.sim("set s-1 p20 1")
        wait_for("the command to be run", lambda: told.exists() and told.stat().st_size > 0, 30)
        assert "power/s-1/p20-high" in told.read_text()
        live = wait_for("the gateway's own alarms", lambda: {a["id"] for a in rig.control("alarms")["alarms"]} >= {
            "gateway/gateway/broker-unconfirmed", "gateway/gateway/broker-refused"}, 30)
        assert live and any("it refuses" in r for r in rig.status()["reasons"]), rig.status()["reasons"]
        print("a refused P1: the command was run at once; broker-unconfirmed and broker-refused raised")


if __name__ == "__main__":
    refused()
    main()
    unconfirmed()
