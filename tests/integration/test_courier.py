#!/usr/bin/python3
"""The courier alone, with a real journal and a real mosquitto: order, repeats, retained topics, what a broker forgets or
remembers, brokers that hang, refuse or lie, commands, and that its loop never stands still."""
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contract import Contract  # noqa: E402
from rig import BUILD, Subscriber, free_port, port_open, wait_for  # noqa: E402

ROOT = "watchroom/1/test"
ITS_OWN = ("gw", "hb", "sum", "val/", "meta/", "audit/") # the rows and answers are the harness's
SLACK_MIB = float(os.environ.get("MEMORY_SLACK_MIB", "8"))  # sanitizers need some for themselves


class Broker:
    def __init__(self, folder, settings="allow_anonymous true\n", listener=""):
        self.port = free_port()
        self.folder, self.settings, self.listener, self.process = folder, settings, listener, None
        self.start()

    def start(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"per_listener_settings false\nlistener {self.port} 127.0.0.1\n{self.listener}user root\n" +
                        self.settings.replace("{folder}", str(self.folder)) +
                        ("" if "max_queued" in self.settings else "max_queued_messages 1000000\n"))
        self.process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", conf], stdout=subprocess.DEVNULL,
                                        stderr=open(self.folder / "mosquitto.log", "ab"))
        wait_for("mosquitto", lambda: port_open(self.port))

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def retained(self, topic, seconds=1):
        """topic -> payload of what the broker holds now."""
        text = subprocess.run(["mosquitto_sub", "-V", "mqttv5", "-p", str(self.port), "-t", topic, "-F", "%t %p",
                               "--retained-only", "-W", str(seconds)], capture_output=True, text=True).stdout
        return dict(line.split(" ", 1) for line in text.splitlines())

    def publish(self, topic, message, *more):
        subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-p", str(self.port), "-q", "1", "-t", topic, "-m", message, *more],
                       check=True)


class Courier:
    def __init__(self, folder, port, *options):
        self.news, self.folder = [], folder
        self.log = folder / "courier.log"
        self.process = subprocess.Popen(
            [BUILD / "tests" / "courier-harness", "-d", folder, "-p", str(port), *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=open(self.log, "ab"), text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.news.append(json.loads(line))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line, key):
        """The answer of the harness that has `key`."""
        seen = len(self.news)
        self.tell(line)
        return wait_for(f"the answer to {line}", lambda: next((n for n in self.news[seen:] if key in n), None))

    def rows(self, count, alarms=1):
        return self.ask(f"rows {count} {alarms}", "committed")["committed"]

    def last(self, key, default=None):
        return next((n[key] for n in reversed(self.news) if key in n), default)

    def wait_connected(self, seconds=30):
        wait_for("the session", lambda: self.last("connected"), seconds)

    def wait_cursor(self, seq, seconds=60):
        wait_for(f"the cursor at {seq}", lambda: self.last("cursor", 0) >= seq, seconds)

    def says(self, text):
        return text in self.log.read_text()

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Proxy:
    """Between courier and broker: passes, holds back what the courier says, cuts."""

    def __init__(self, port):
        self.to, self.pairs, self.passing = port, [], threading.Event()
        self.passing.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.pairs.append((near, far))
            threading.Thread(target=self.carry, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, False), daemon=True).start()

    def carry(self, source, sink, outward):
        try:
            while data := source.recv(65536):
                if outward:
                    self.passing.wait()
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def hold(self):
        self.passing.clear()

    def cut(self):
        """Ends the connections; what was held back is lost; the next one passes."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.passing.set()

    def close(self):
        self.cut()
        self.listener.close()


class Scene:
    """A broker and a courier in a folder, ended and removed."""

    def __init__(self, *options, proxied=False, files=None, **broker):
        self.folder = Path(tempfile.mkdtemp(prefix="watchroom-courier-"))
        for name, text in (files or {}).items():
            (self.folder / name).write_text(text)
        self.broker = Broker(self.folder, **broker)
        self.proxy = Proxy(self.broker.port) if proxied else None
        self.courier = Courier(self.folder, (self.proxy or self.broker).port, *options)
        self.subscribers = []

    def __enter__(self):
        return self

    def cut_off(self):
        """The courier is stopped; the broker goes on."""
        self.courier.ask("stop", "ended")

    def join(self):
        self.courier.tell("start")

    def subscribe(self, topic):
        self.subscribers.append(Subscriber(topic, self.broker.port))
        return self.subscribers[-1]

    def __exit__(self, kind, *_):
        contract = Contract()
        self.courier.close()
        for subscriber in self.subscribers:
            subscriber.close()
            for _, topic, payload in subscriber.messages:
                if topic.startswith(tuple(f"{ROOT}/{name}" for name in ITS_OWN)):
                    contract.check(topic, payload)
        self.broker.process.send_signal(signal.SIGCONT)
        self.broker.kill()
        if self.proxy:
            self.proxy.close()
        if os.environ.get("WATCHROOM_KEEP"):
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None:
            contract.verdict()


def fresh(rows):
    """Their numbers as a consumer sees them that drops what is not newer than the newest."""
    newest, numbers = 0, []
    for row in rows:
        if row["seq"] > newest:
            newest = row["seq"]
            numbers.append(newest)
    return numbers


def what_was_under_way_comes_again_in_order():
    """Connections that break while the window is full: what Paho still held for the old one must not go before the rest."""
    with Scene(proxied=True) as scene:
        courier, last = scene.courier, 0
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        for _ in range(3):
            scene.proxy.hold()
            last = courier.rows(2000, 100)
            time.sleep(0.5)  # for the window to be handed out into the silence
            scene.proxy.cut()
            courier.wait_cursor(last)
        wait_for("the last row", lambda: any(r["seq"] == last for r in events.rows()))
        got = fresh(events.rows())
        assert got == list(range(1, last + 1)), (got[:5], len(got), last)
        return f"{last} rows, {len(events.rows()) - last} repeats"


def ten_thousand_rows_are_told_in_seconds():
    with Scene() as scene:
        courier = scene.courier
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        begin = time.monotonic()
        last = courier.rows(10000, 5000)
        written = time.monotonic() - begin
        courier.wait_cursor(last)
        confirmed = time.monotonic() - begin
        wait_for("the last row", lambda: len(events.messages) >= last)
        assert fresh(events.rows()) == list(range(1, last + 1))
        assert scene.broker.retained(f"{ROOT}/alarm/#") == {}, "each alarm came and went"
        return f"10,000 rows, 30,000 messages: written in {written:.1f} s, confirmed after {confirmed:.1f} s"


def the_retained_alarms_are_those_of_the_journal():
    """After every connect, whatever the broker has forgotten or remembers."""
    with Scene() as scene:
        courier, broker = scene.courier, scene.broker
        courier.wait_connected()
        courier.ask("raise power/ups-a/one", "committed")
        last = courier.ask("raise power/ups-a/two", "committed")["committed"]
        courier.wait_cursor(last)
        held = {f"{ROOT}/alarm/power/ups-a/one", f"{ROOT}/alarm/power/ups-a/two"}
        wait_for("both", lambda: set(broker.retained(f"{ROOT}/alarm/#")) == held)

        # Forgotten by the broker, and one of them at rest meanwhile.
        broker.kill()
        last = courier.ask("rest power/ups-a/one", "committed")["committed"]
        broker.start()
        courier.wait_cursor(last)
        wait_for("the other", lambda: set(broker.retained(f"{ROOT}/alarm/#")) == {f"{ROOT}/alarm/power/ups-a/two"})

        # Remembered: as after a kill, from a file that was saved long ago.
        scene.cut_off()
        for name in ("power/ups-a/one", "power/ups-a/never-ours"):
            broker.publish(f"{ROOT}/alarm/{name}", '{"id": "old"}', "-r")
        scene.join()
        wait_for("the old ones to be emptied",
                 lambda: set(broker.retained(f"{ROOT}/alarm/#")) == {f"{ROOT}/alarm/power/ups-a/two"})
        assert courier.says("2 alarms that the broker still held are at rest")

        # Another journal, which knows nothing of the topics of the old one; told from its first row.
        events = scene.subscribe(f"{ROOT}/event/security")
        jid = courier.ask("journal", "jid")["jid"]
        last = courier.ask("raise power/ups-a/three", "committed")["committed"]
        wait_for("the row of the new journal", lambda: [(r["jid"], r["seq"]) for r in events.rows()] == [(jid, last)])
        wait_for("its alarm and no other", lambda: set(broker.retained(f"{ROOT}/alarm/#")) == {f"{ROOT}/alarm/power/ups-a/three"})


def a_kill_of_the_courier_repeats_but_loses_nothing():
    with Scene() as scene:
        courier, broker = scene.courier, scene.broker
        gw = scene.subscribe(f"{ROOT}/gw")
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        for _ in range(3):
            last = courier.rows(2000, 100)
            courier.ask("kill", "ended")
            wait_for("the last will", lambda: gw.messages and json.loads(gw.messages[-1][2])["state"] == "offline")
            courier.tell("start")
            courier.wait_cursor(last)
        wait_for("the last row", lambda: any(r["seq"] == last for r in events.rows()))
        assert fresh(events.rows()) == list(range(1, last + 1))
        repeats = len(events.rows()) - last
        wait_for("online", lambda: json.loads(gw.messages[-1][2])["state"] == "online")
        courier.ask("stop", "ended")
        wait_for("the farewell", lambda: json.loads(gw.messages[-1][2])["reason"] == "stopped")
        assert courier.last("ended") == 0, courier.news[-3:]
        return f"{last} rows, {repeats} repeats"


def a_broker_that_stands_still_is_left():
    """SIGSTOP: the loop goes on, the keepalive ends the connection, all is told when it is back."""
    with Scene() as scene:
        courier, broker = scene.courier, scene.broker
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        broker.signal(signal.SIGSTOP)
        pongs, begin = courier.last("pongs"), time.monotonic()
        last = courier.rows(20000, 1000)
        wait_for("the courier to notice", lambda: courier.last("connected") is False, 60)
        noticed = time.monotonic() - begin
        grown = courier.ask("memory", "memory")["memory"]
        assert courier.last("pongs") - pongs >= noticed - 3, "the loop stood still"
        broker.signal(signal.SIGCONT)
        courier.wait_cursor(last, 60)
        wait_for("the last row", lambda: any(r["seq"] == last for r in events.rows()))
        assert fresh(events.rows()) == list(range(1, last + 1))
        assert courier.ask("memory", "memory")["memory"] < grown + SLACK_MIB * 1e6
        return f"noticed after {noticed:.0f} s (keepalive 2 s), {last} rows afterwards"


def refusals_are_told_and_hold_up_nothing():
    acl = "topic readwrite watchroom/1/test/event/security\ntopic read watchroom/#\n" + "".join(
        f"topic write watchroom/1/test/{t}\n" for t in ("alarm/#", "gw", "hb", "sum", "meta/#"))
    with Scene(settings="log_type all\nallow_anonymous true\nacl_file {folder}/acl\n", files={"acl": acl}) as scene:
        courier = scene.courier
        gw = scene.subscribe(f"{ROOT}/gw")
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        last = courier.rows(50, 10)
        courier.wait_cursor(last)
        wait_for("the others", lambda: fresh(events.rows()) == list(range(1, last + 1)))
        wait_for("the count", lambda: courier.last("refused") == 50)
        wait_for("gw", lambda: "event/continuity: Not authorized" in json.loads(gw.messages[-1][2])["reason"])
        assert courier.log.read_text().count("refuses watchroom/1/test/event/continuity: Not authorized") == 1


def a_broker_that_ends_the_session_at_what_it_denies_hears_the_rest():
    """mosquitto 2.0.11 does that with max_queued_messages 0, and a restart of the session begins with the same message."""
    acl = "topic readwrite watchroom/1/test/event/security\ntopic read watchroom/#\n" + "".join(
        f"topic write watchroom/1/test/{t}\n" for t in ("alarm/#", "gw", "hb", "sum", "meta/#"))
    with Scene(settings="max_queued_messages 0\nallow_anonymous true\nacl_file {folder}/acl\n", files={"acl": acl}) as scene:
        courier = scene.courier
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        last = courier.rows(50, 10)
        courier.wait_cursor(last)
        wait_for("the others", lambda: fresh(events.rows()) == list(range(1, last + 1)))
        assert courier.says('ends the connection each time at "event/continuity"'), courier.log.read_text()[-2000:]


def what_is_too_large_for_the_broker_is_refused_by_the_courier():
    """The broker would end the session, and the next one, and the next one."""
    with Scene(settings="allow_anonymous true\nmax_packet_size 550\n") as scene:
        courier = scene.courier
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        courier.ask("raise power/ups-a/" + "long" * 60, "committed")
        last = courier.ask("raise power/ups-a/short", "committed")["committed"]
        courier.wait_cursor(last)
        wait_for("the short one", lambda: [r["seq"] for r in events.rows()] == [last])
        assert courier.says("larger than it takes in a packet") and not courier.says("next try")


def commands_come_with_their_sender_and_go_back_to_him():
    with Scene() as scene:
        courier, broker = scene.courier, scene.broker
        broker.publish(f"{ROOT}/cmd/eve/ack", "{}", "-r")  # held from before
        commands = lambda: [n["command"] for n in courier.news if "command" in n]  # noqa: E731
        held = lambda: sum(c["user"] == "eve" and c["retained"] == 1 for c in commands())  # noqa: E731
        wait_for("the retained one, marked", held)
        courier.ask("stop", "ended")
        courier.tell("start")
        answers = scene.subscribe(f"{ROOT}/rsp/#")
        wait_for("the retained one, in each session", lambda: held() == 2)
        reply = ["-D", "publish", "response-topic", f"{ROOT}/rsp/ann/console", "-D", "publish", "correlation-data", "c-1"]
        broker.publish(f"{ROOT}/cmd/ann/ack", '{"cid": "1"}', *reply)
        command = wait_for("the command", lambda: next((c for c in commands() if c["user"] == "ann"), None))
        assert command == {"user": "ann", "verb": "ack", "retained": 0, "bytes": 12, "correlation": "c-1"}, command
        wait_for("the outcome", lambda: answers.messages)
        assert answers.messages[0][1:] == (f"{ROOT}/rsp/ann/console", '{"code":"ok"}')
        # A response topic in somebody else's subtree, a payload that is too long.
        broker.publish(f"{ROOT}/cmd/ann/get", "{}", "-D", "publish", "response-topic", f"{ROOT}/rsp/bob/x")
        broker.publish(f"{ROOT}/cmd/ann/comment", "x" * 5000, *reply)
        wait_for("the long one, empty", lambda: any(c["verb"] == "comment" and c["bytes"] == 0 for c in commands()))
        wait_for("its answer", lambda: len(answers.messages) == 2)
        assert all(t.startswith(f"{ROOT}/rsp/ann/") for _, t, _ in answers.messages)


def rows_that_are_not_on_disk_are_told_until_they_are():
    with Scene() as scene:
        courier, broker = scene.courier, scene.broker
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        courier.tell("early power/ups-a/now")
        row = wait_for("the row", lambda: events.rows())[0]
        assert row["journalled"] is False and row["alarm"]["id"] == "power/ups-a/now"
        wait_for("its topic", lambda: f"{ROOT}/alarm/power/ups-a/now" in broker.retained(f"{ROOT}/alarm/#"))
        # A broker that forgets it, while the journal still knows nothing of it.
        broker.kill()
        broker.start()
        wait_for("its topic again", lambda: f"{ROOT}/alarm/power/ups-a/now" in broker.retained(f"{ROOT}/alarm/#"))
        courier.tell("early-rest power/ups-a/now")
        wait_for("its topic to be emptied", lambda: broker.retained(f"{ROOT}/alarm/#") == {})


def consoles_see_the_state_of_the_judge():
    with Scene("-v") as scene:
        courier, broker = scene.courier, scene.broker
        everything = scene.subscribe(f"{ROOT}/#")

        def newest(name):
            return next((json.loads(p) for _, t, p in reversed(everything.messages) if t == f"{ROOT}/{name}"), None)
        courier.wait_connected()
        wait_for("a heartbeat", lambda: newest("hb"))
        last = courier.rows(3, 3)
        wait_for("the sum", lambda: (newest("sum") or {}).get("retained") == 3)
        assert newest("sum")["seq"] == last
        wait_for("gw", lambda: newest("gw")["retained"] == 3 and newest("gw")["state"] == "online")
        assert newest("meta/inventory") == {"devices": [
            {"id": "ups-a", "name": "UPS A", "zone": "room-1", "asset": "4711", "owner": "facilities", "profile": "ups/test",
             "address": "127.0.0.1:161"}]}
        courier.tell("value 23.4")
        wait_for("the value", lambda: (newest("val/ups-a/fast") or {}).get("values") == {"ups.load": {"q": "good", "u": "%", "v": 23.4}})
        courier.tell("value 30")
        wait_for("the next value", lambda: newest("val/ups-a/fast")["values"]["ups.load"]["v"] == 30)
        assert f"{ROOT}/val/ups-a/fast" in broker.retained(f"{ROOT}/val/#")
        wait_for("the value to expire, after three periods", lambda: not broker.retained(f"{ROOT}/val/#"), 10)

        courier.tell("silent")
        begin = time.monotonic()
        wait_for("degraded", lambda: newest("gw")["state"] == "degraded" and newest("gw")["reason"] == "the judge is silent", 15)
        degraded, beats = time.monotonic() - begin, sum(t == f"{ROOT}/hb" for _, t, _ in everything.messages)
        time.sleep(6)
        assert sum(t == f"{ROOT}/hb" for _, t, _ in everything.messages) == beats, "no heartbeat without a judge"
        courier.tell("speak")
        wait_for("online again", lambda: newest("gw")["state"] == "online")
        wait_for("the heartbeat again", lambda: sum(t == f"{ROOT}/hb" for _, t, _ in everything.messages) > beats)
        return f"degraded {degraded:.1f} s after the last tick"


def an_event_can_be_verified():
    with Scene() as scene:
        events = scene.subscribe(f"{ROOT}/event/security")
        scene.courier.wait_connected()
        scene.courier.rows(5, 2)
        wait_for("all", lambda: len(events.messages) == 5)
        before = "0" * 64
        for _, _, text in events.messages:
            body, _, claimed = text.rpartition(',"hash":"')
            assert hashlib.sha256((body + "}").encode()).hexdigest() == claimed[:-2]
            assert json.loads(text)["prev"] == before
            before = claimed[:-2]


def long_stretches_for_nobody_hold_up_nothing():
    with Scene() as scene:
        courier = scene.courier
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        courier.ask("quiet 200000", "committed")
        begin = time.monotonic()
        last = courier.ask("raise power/ups-a/one", "committed")["committed"]
        courier.wait_cursor(last)
        wait_for("the row behind them", lambda: [r["seq"] for r in events.rows()] == [last])
        return f"{last - 1} rows passed in {time.monotonic() - begin:.1f} s"


def rows_reach_a_subscriber_within_milliseconds():
    with Scene() as scene:
        courier = scene.courier
        events = scene.subscribe(f"{ROOT}/event/security")
        courier.wait_connected()
        sent = []
        for n in range(200):
            sent.append(courier.ask(f"{'rest' if n % 2 else 'raise'} power/ups-a/one", "committed")["ts"] / 1000)
        wait_for("all", lambda: len(events.messages) == 200)
        late = sorted((when - begin) * 1000 for (when, _, _), begin in zip(events.messages, sent))
        return f"commit to subscriber: p50 {late[100]:.1f} ms, p99 {late[197]:.1f} ms"


TESTS = [what_was_under_way_comes_again_in_order, ten_thousand_rows_are_told_in_seconds,
         the_retained_alarms_are_those_of_the_journal, a_kill_of_the_courier_repeats_but_loses_nothing,
         a_broker_that_stands_still_is_left, refusals_are_told_and_hold_up_nothing,
         a_broker_that_ends_the_session_at_what_it_denies_hears_the_rest,
         what_is_too_large_for_the_broker_is_refused_by_the_courier, commands_come_with_their_sender_and_go_back_to_him,
         rows_that_are_not_on_disk_are_told_until_they_are, consoles_see_the_state_of_the_judge, an_event_can_be_verified,
         long_stretches_for_nobody_hold_up_nothing, rows_reach_a_subscriber_within_milliseconds]


if __name__ == "__main__":
    for test in TESTS:
        if len(sys.argv) == 1 or test.__name__ in sys.argv[1:]:
            begin = time.monotonic()
            said = test()
            print(f"{test.__name__}: {said or 'ok'} ({time.monotonic() - begin:.1f} s)", flush=True)
