#!/usr/bin/env python3
"""The courier alone, with a real journal and a real mosquitto: order, repeats, retained topics, what a broker forgets or
remembers, brokers that hang, refuse or lie, commands, and that its loop never stands still."""
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
from rig import BUILD, Subscriber, free_port, port_open, wait_for  # noqa: E402

ROOT = "watchroom/1/test"


class Broker:
    def __init__(self, folder, settings="allow_anonymous true\n", listener=""):
        self.port = free_port()
        self.folder, self.settings, self.listener, self.process = folder, settings, listener, None
        self.start()

    def start(self):
        conf = self.folder / "mosquitto.conf"
        conf.write_text(f"per_listener_settings false\nlistener {self.port} 127.0.0.1\n{self.listener}user root\n"
                        f"max_queued_messages 0\n{self.settings}")
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

    def __init__(self, *options, proxied=False, **broker):
        self.folder = Path(tempfile.mkdtemp(prefix="watchroom-courier-"))
        self.broker = Broker(self.folder, **broker)
        self.proxy = Proxy(self.broker.port) if proxied else None
        self.courier = Courier(self.folder, (self.proxy or self.broker).port, *options)
        self.subscribers = []

    def __enter__(self):
        return self

    def subscribe(self, topic):
        self.subscribers.append(Subscriber(topic, self.broker.port))
        return self.subscribers[-1]

    def __exit__(self, *_):
        self.courier.close()
        for subscriber in self.subscribers:
            subscriber.close()
        self.broker.process.send_signal(signal.SIGCONT)
        self.broker.kill()
        if self.proxy:
            self.proxy.close()
        if os.environ.get("WATCHROOM_KEEP"):
            print(f"kept {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)


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


if __name__ == "__main__":
    tests = [what_was_under_way_comes_again_in_order, ten_thousand_rows_are_told_in_seconds]
    for test in tests:
        if len(sys.argv) == 1 or test.__name__ in sys.argv[1:]:
            begin = time.monotonic()
            said = test()
            print(f"{test.__name__}: {said or 'ok'} ({time.monotonic() - begin:.1f} s)", flush=True)
