"""A whole site for tests and measurements: simulated devices, a broker, the gateway; on loopback,
ports chosen by the kernel, every process ended by the pid that was started.

    with Rig(devices=20) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        rig.sim("set s-1 p1 40000")
"""
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contract import Contract  # noqa: E402

SOURCE = Path(os.environ.get("WATCHROOM_SOURCE", Path(__file__).resolve().parents[2]))
BUILD = Path(os.environ.get("WATCHROOM_BUILD", SOURCE / "build"))
WATCHROOM = BUILD / "gateway" / "watchroom"
SIM = BUILD / "tests" / "sim" / "watchroom-sim"
POINTS = 20
# As many archives as by default, but short: 5,000 files of the default would be 50 GB.
SHORT_RETENTION = ("retention: {series: [{step: 1s, keep: 10m}, {step: 10s, keep: 1h}, {step: 1m, keep: 6h}, "
                   "{step: 5m, keep: 1d}, {step: 1h, keep: 2d, extremes: true}]}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, seconds=60, interval=0.02):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(interval)
    raise TimeoutError(f"waited {seconds} s for {what}")


def port_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid):
    """Of all its threads, to the nanosecond: the ticks of /proc/<pid>/stat are too coarse for a small site."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def address(base, number):
    value = (127 << 24 | base << 16) + 1 + number
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def base_value(k):
    """Points 1 .. POINTS - 1 are numbers, the last is a flag."""
    return 0 if k == POINTS else 100 + k


class Gateway:
    """A folder with a site file, a gateway and perhaps a broker; ended and removed by close(). What a test saw of its
    messages, and the rows of its journal, must be as docs/schema has them when it ends well."""

    profiles = SOURCE / "config" / "profiles"

    def __init__(self, state_dir=None):
        self.dir = Path(tempfile.mkdtemp(prefix="watchroom-rig-"))
        self.state_dir = Path(state_dir or self.dir / "state")
        self.processes = {}
        self.subscribers = []
        self.contract = Contract()
        self.mqtt_port = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            self.contract.verdict()

    def start_broker(self, settings="max_queued_messages 0\n"):
        (self.dir / "mosquitto.conf").write_text(
            f"listener {self.mqtt_port} 127.0.0.1\nallow_anonymous true\nuser root\n{settings}"
            "max_inflight_messages 0\npersistence false\n")
        self.spawn("mosquitto", ["/usr/sbin/mosquitto", "-c", self.dir / "mosquitto.conf"])
        wait_for("mosquitto", lambda: port_open(self.mqtt_port))

    def spawn(self, name, argv):
        assert name not in self.processes or self.processes[name].poll() is not None, f"{name} runs already"
        log = open(self.dir / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([str(a) for a in argv], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        log.close()
        return self.processes[name]

    def fail_if_dead(self, name):
        """None while it runs; a sentence with its last words when it has ended."""
        status = self.processes[name].poll()
        if status is not None:
            raise RuntimeError(f"{name} ended with {status}: " + (self.dir / f"{name}.log").read_text()[-2000:])

    def start_gateway(self):
        self.started = time.monotonic()
        self.spawn("gateway", [WATCHROOM, "run", "-c", self.dir / "site.yaml", "--profiles", self.profiles])
        wait_for("the control socket", lambda: self.status() is not None or self.fail_if_dead("gateway"))

    def control(self, verb, **more):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(10)
                s.connect(str(self.dir / "control"))
                s.sendall(json.dumps({"verb": verb, **more}).encode() + b"\n")
                reply = b""
                while not reply.endswith(b"\n"):
                    part = s.recv(65536)
                    if not part:
                        return None
                    reply += part
                return json.loads(reply)
        except OSError:
            return None

    def status(self):
        return self.control("status")

    def log(self, kind=None):
        """The journal's rows, or those of a kind, as `watchroom log` reads them."""
        which = ["--kind", kind] if kind else []
        text = subprocess.run([WATCHROOM, "log", "--json", *which, "--state-dir", self.state_dir], capture_output=True,
                              text=True, check=True).stdout
        return [json.loads(line) for line in text.splitlines()]

    def stats(self):
        """The sum of each counter over all workers."""
        total = {}
        for worker in (self.status() or {}).get("workers", []):
            for name, value in worker.get("stats", {}).items():
                total[name] = total.get(name, 0) + value
        return total

    def stat(self, name):
        return self.stats().get(name, 0)

    def pids(self):
        """name -> pid of the master and its workers, by the names the kernel holds."""
        master = self.processes["gateway"].pid
        found = {"master": master}
        for child in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError): # ended meanwhile
                found[Path(f"/proc/{child}/comm").read_text().strip()] = int(child)
        return found

    def cpu(self):
        return {name: cpu_seconds(pid) for name, pid in self.pids().items()}

    def pss(self):
        total = {}
        for name, pid in self.pids().items():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total[name] = int(line.split()[1]) / 1024
        return total

    def subscribe(self, topic):
        self.subscribers.append(Subscriber(topic, self.mqtt_port))
        return self.subscribers[-1]

    def judge(self):
        """What was seen, against the contract."""
        for subscriber in self.subscribers:
            for _, topic, payload in subscriber.messages:
                self.contract.check(topic, payload)
        if (self.state_dir / "journal.db").exists():
            done = subprocess.run([WATCHROOM, "log", "--json", "--state-dir", self.state_dir], capture_output=True, text=True)
            for line in done.stdout.splitlines() if done.returncode == 0 else []:
                self.contract.check_row(line)

    def close(self):
        for subscriber in self.subscribers:
            subscriber.close()
        # The gateway before its peers.
        for name in sorted(self.processes, key=lambda n: n != "gateway"):
            process = self.processes[name]
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.judge()
        if os.environ.get("WATCHROOM_KEEP"):
            print(f"kept {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


class Rig(Gateway):
    """Half of the devices SNMP (s-1, s-2 ...), half Modbus/TCP (m-1 ...), POINTS points p1.. each, all
    polled every second: numbers with an alarm above 30000 (P3), and last a flag with an alarm when set (P1)."""

    def __init__(self, devices, alarms=True, broker=True, site="", state_dir=None, interval="1s", values=False,
                 broker_keys=""):
        super().__init__(state_dir)
        self.devices = devices
        self.profiles = self.dir / "profiles"
        self.mqtt_port = free_port() if broker else None
        self.extra, self.interval, self.values, self.broker_keys = site, interval, values, broker_keys
        try:
            self.write_simulation()
            self.write_profiles(alarms)
            self.start_simulators()
            self.write_site()
            if broker:
                self.start_broker()
        except BaseException:
            self.close()
            raise

    def write_simulation(self):
        snmp = self.devices // 2
        objects = ", ".join(
            f'"1.3.6.1.4.1.8072.9999.1.{k}.0": {{type: gauge, value: {base_value(k)}, name: p{k}}}' for k in range(1, POINTS + 1))
        registers = ", ".join(
            f"{{fc: 3, address: {k - 1}, type: u16, value: {base_value(k)}, name: p{k}}}" for k in range(1, POINTS + 1))
        lines = ["port: 0", "templates:",
                 f"  s: {{protocol: snmp, community: public, objects: {{{objects}}}}}",
                 f"  m: {{protocol: modbus, registers: [{registers}]}}", "devices:"]
        for prefix, base, count in (("s", 16, snmp), ("m", 80, self.devices - snmp)):
            lines += [f"  - {{id: {prefix}-{n + 1}, template: {prefix}, address: {address(base, n)}}}" for n in range(count)]
        (self.dir / "sim.yaml").write_text("\n".join(lines) + "\n")

    def write_profiles(self, alarms):
        profiles = self.dir / "profiles" / "bench"
        profiles.mkdir(parents=True)
        for name, protocol in (("s", "snmp"), ("m", "modbus-tcp")):
            lines = [f"profile: bench/{name}", "title: bench", "source: made for measuring", f"protocol: {protocol}",
                     f"groups: {{fast: {self.interval}}}", "points:"]
            for k in range(1, POINTS + 1):
                where = (f"oid: 1.3.6.1.4.1.8072.9999.1.{k}.0" if protocol == "snmp"
                         else f"register: {{fc: 3, address: {k - 1}, type: u16}}")
                kind = "kind: flag" if k == POINTS else "kind: number, unit: V"
                lines.append(f"  - {{id: p{k}, custom: true, {kind}, description: a value, group: fast, {where}}}")
            if alarms:
                lines.append("alarms:")
                for k in range(1, POINTS + 1):
                    lines += [f"  - name: p{k}-high", "    type: bench.high", "    class: power",
                              "    audiences: [facilities]", f"    priority: {1 if k == POINTS else 3}", f"    point: p{k}",
                              "    is: true" if k == POINTS else "    high: 30000",
                              "    text: value high", "    consequence: none, it is a measurement",
                              "    action: look at the clock", "    respond_within: 2h"]
            (profiles / f"{name}.yaml").write_text("\n".join(lines) + "\n")

    def start_simulators(self):
        ready = self.dir / "sim.ready"
        self.spawn("sim", [SIM, self.dir / "sim.yaml", "--ready-file", ready, "--control", self.dir / "sim.control"])
        wait_for("the simulators", lambda: ready.exists() or self.fail_if_dead("sim"))
        wait_for("all simulated devices", lambda: len(ready.read_text().splitlines()) >= self.devices)
        self.places = {}
        for line in ready.read_text().splitlines():
            place = json.loads(line)
            self.places[place["device"]] = f"{place['address']}:{place['port']}"

    def write_site(self, extra_devices=""):
        lines = [f"site: {{id: bench, name: Bench, time_zone: UTC, state_dir: {self.state_dir}, "
                 f"socket: {self.dir}/control, collectors: 1}}"]
        if self.mqtt_port:
            lines.append(f"broker: {{host: 127.0.0.1, port: {self.mqtt_port}, publish_values: {str(self.values).lower()}"
                         f"{self.broker_keys}}}")
        if "retention:" not in self.extra:
            lines.append(SHORT_RETENTION)
        lines += [self.extra, "devices:"]
        for device, place in self.places.items():
            how = "snmp: {version: 2c, community: public}" if device[0] == "s" else "modbus: {unit: 1}"
            lines.append(f"  - {{id: {device}, profile: bench/{device[0]}, address: '{place}', {how}}}")
        (self.dir / "site.yaml").write_text("\n".join(lines) + "\n" + extra_devices)

    def wait_all_up(self):
        wait_for("all devices up", lambda: self.stat("devices_up") >= self.devices, 120, 0.1)

    def sim(self, *lines):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(self.dir / "sim.control"))
            stream = s.makefile("rw")
            answers = []
            for line in lines:
                stream.write(line + "\n")
                stream.flush()
                answers.append(stream.readline().strip())
            return answers


    def requests(self):
        """Requests that the simulators have been asked since their start."""
        return json.loads(self.sim("counters")[0])["requests"]


class Subscriber:
    """mosquitto_sub; messages are (time received in s, topic, payload)."""

    def __init__(self, topic, port):
        self.messages = []
        self.port = port
        self.stands = threading.Event()
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "mosquitto_sub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(port), "-q", "1",
             "-t", topic, "-F", "%U %t %p"], stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        self.await_subscription(topic.replace("#", "subscription-probe").replace("+", "subscription-probe"))

    def await_subscription(self, topic):
        """mosquitto_sub does not say when its subscription stands: a message of our own tells."""
        def probe():
            subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.port), "-t", topic,
                            "-m", "subscription-probe"], check=True)
            return self.stands.wait(0.05)
        wait_for("the subscription", probe, interval=0)

    def read(self):
        for line in self.process.stdout:
            if not line.endswith("\n"):
                break # it was ended amid a message
            when, topic, payload = line.rstrip("\n").split(" ", 2)
            if payload == "subscription-probe":  # several may be under way, and those of others
                self.stands.set()
            else:
                self.messages.append((float(when), topic, payload))

    def rows(self):
        """The journal rows received, in the order received."""
        return [json.loads(p) for _, t, p in list(self.messages) if "/event/" in t and p.startswith("{")]

    def close(self):
        self.process.terminate()
        self.process.wait()
