"""The broker as it ships: deploy/mosquitto's files with certificates of deploy/pki, on loopback ports chosen by
the kernel, with a gateway at it and people who come with their own certificates."""
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rig import SOURCE, Rig, free_port, port_open, wait_for  # noqa: E402

PKI = SOURCE / "deploy" / "pki"
SHIPPED = SOURCE / "deploy" / "mosquitto"
LIVE = "watchroom/1/bench"
CLIENT_TOOL_SECONDS = 30


def pki(folder, *argv, check=True, at=None, text=None):
    """deploy/pki on the authority in `folder`; `at`: what its clock says, as faketime has it."""
    argv = [str(PKI), "-d", str(folder), *map(str, argv)]
    done = subprocess.run((["faketime", at] if at else []) + argv, capture_output=True, text=True, input=text)
    if check and done.returncode != 0:
        raise RuntimeError(f"{argv}: {done.returncode}: {done.stderr}")
    return done


def replace_once(text, old, new):
    assert text.count(old) == 1, f"{text.count(old)} times: {old}"
    return text.replace(old, new)


class Person:
    """Somebody at the broker: a folder with ca.pem, certificate.pem and key.pem, or parts of it."""

    def __init__(self, rig, folder, port, files=("ca", "certificate", "key")):
        self.rig, self.folder, self.port = rig, Path(folder), port
        self.tls = []
        for option, name in (("--cafile", "ca"), ("--cert", "certificate"), ("--key", "key")):
            if name in files:
                self.tls += [option, str(self.folder / f"{name}.pem")]

    def at(self, port):
        other = Person(self.rig, self.folder, port)
        other.tls = self.tls
        return other

    def argv(self, tool, *more):
        who = [] if "-i" in more else ["-I", "watchroom-"]
        return [tool, "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(self.port), *self.tls, *who, *map(str, more)]

    def run(self, tool, *more, seconds=CLIENT_TOOL_SECONDS):
        return subprocess.run(self.argv(tool, *more), capture_output=True, text=True, timeout=seconds)

    def publish(self, topic, payload="x", *more):
        """What the broker said to it: "taken", "refused" (not authorized), or "no session"."""
        done = self.run("mosquitto_pub", "-q", "1", "-t", topic, "-m", payload, *more)
        if "Not authorized" in done.stderr and "Publish" in done.stderr:
            return "refused"
        return "taken" if done.returncode == 0 and done.stderr == "" else "no session"

    def hear(self, topic, seconds=2, *more):
        """(topic, payload) of what arrives within this time."""
        done = self.run("mosquitto_sub", "-q", "1", "-t", topic, "-W", seconds, "-F", "%t %p", *more)
        heard = [tuple(line.split(" ", 1)) for line in done.stdout.splitlines()]
        for topic, payload in heard:
            self.rig.contract.check(topic, payload)
        return heard

    def has_session(self):
        return self.run("mosquitto_sub", "-t", "x", "-W", "1", "-E").returncode == 0

    def command(self, user, verb, seconds=5, response=None, **payload):
        """The gateway's answer to cmd/<user>/<verb>; None: there was none."""
        done = self.run("mosquitto_rr", "-q", "1", "-t", f"{LIVE}/cmd/{user}/{verb}", "-e",
                        response or f"{LIVE}/rsp/{user}/1", "-m", json.dumps(payload), "-W", seconds)
        if not done.stdout.startswith("{"):
            return None
        self.rig.contract.check(response or f"{LIVE}/rsp/{user}/1", done.stdout.rstrip("\n"))
        return json.loads(done.stdout)


class Listener:
    """A session that stays open; messages are (topic, payload)."""

    def __init__(self, person, topic, *more):
        self.person = person
        self.path = person.rig.dir / f"heard-{free_port()}"
        with open(self.path, "w") as out, open(f"{self.path}.err", "w") as err:
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", *person.argv("mosquitto_sub", "-d", "-q", "1", "-t", topic, "-F", "%t %p", *more)],
                stdout=out, stderr=err)
        person.rig.listeners.append(self)
        wait_for("a subscription", lambda: "Subscribed" in self.path.read_text() or self.has_ended())

    def has_ended(self):
        if self.process.poll() is not None:
            raise RuntimeError(self.path.read_text() + Path(f"{self.path}.err").read_text())

    def heard(self):
        lines = [line.split(" ", 1) for line in self.path.read_text().splitlines()]
        return [(line[0], line[1]) for line in lines if len(line) == 2 and line[0].startswith(("watchroom", "$"))]

    def rows(self):
        return [json.loads(payload) for topic, payload in self.heard() if "/event/" in topic and payload.endswith("}")]

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for topic, payload in self.heard():
            self.person.rig.contract.check(topic, payload)


class BrokerRig(Rig):
    """Devices, a gateway and the shipped broker; `people` get certificates and places in the site file."""

    people = {"anna": "operator", "bert": "supervisor", "vera": "viewer"}

    def __init__(self, devices=4, **more):
        self.gateway_port, self.people_port, self.web_port = free_port(), free_port(), free_port()
        self.listeners = []
        users = ", ".join(f"{{name: {name}, role: {role}}}" for name, role in self.people.items())
        super().__init__(devices, site=f"users: [{users}]", **more)

    # places

    @property
    def pki(self):
        return self.dir / "pki"

    @property
    def etc(self):
        """What is /etc/mosquitto elsewhere."""
        return self.dir / "etc"

    def hand_out(self, name):
        return self.pki / "hand-out" / name

    # making

    def write_site(self, extra_devices=""):
        if not self.pki.exists():
            self.dir.chmod(0o711) # the broker reads its files as another user
            # Old enough that a certificate of it can have expired.
            pki(self.pki, "init", "bench", at="800 days ago")
            pki(self.pki, "broker", "broker", "127.0.0.1", "localhost")
            pki(self.pki, "gateway")
            pki(self.pki, "exercise")
            for name in self.people:
                pki(self.pki, "user", name)
            self.mqtt_port = self.gateway_port
            self.install_gateway()
            self.broker_keys = (", tls: {ca: tls/ca.pem, certificate: tls/certificate.pem, key: tls/key.pem}" + self.broker_keys)
        super().write_site(extra_devices)

    def install_gateway(self, name="gateway"):
        """As docs/broker.md has it: copied into place, one file after the other."""
        (self.dir / "tls").mkdir(exist_ok=True)
        for file in ("ca.pem", "certificate.pem", "key.pem"):
            shutil.copy(self.hand_out(name) / file, self.dir / "tls" / f"{file}.new")
            os.rename(self.dir / "tls" / f"{file}.new", self.dir / "tls" / file)

    def install_broker_keys(self, name="broker", folder=None):
        place = self.etc / "watchroom"
        for file in ("ca.pem", "certificate.pem", "key.pem", "crl.pem"):
            source = (folder or self.hand_out(name)) / file
            if source.exists():
                shutil.copy(source, place / file)
        (place / "key.pem").chmod(0o640)
        if os.geteuid() == 0:
            shutil.chown(place / "key.pem", "root", "mosquitto")

    def install_broker(self):
        """The shipped files; only paths and ports are others."""
        for folder in (self.etc / "watchroom", self.etc / "conf.d", self.dir / "lib", self.dir / "run"):
            folder.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0 and folder.name in ("lib", "run"):
                shutil.chown(folder, "mosquitto", "mosquitto")
        conf = (SHIPPED / "mosquitto.conf").read_text()
        conf = replace_once(conf, "\nlistener 8882\n", f"\nlistener {self.gateway_port} 127.0.0.1\n")
        conf = replace_once(conf, "\nlistener 8883\n", f"\nlistener {self.people_port} 127.0.0.1\n")
        conf = replace_once(conf, "/var/lib/mosquitto/", f"{self.dir}/lib/")
        conf = replace_once(conf, "/run/mosquitto/", f"{self.dir}/run/")
        web = replace_once((SHIPPED / "websockets.conf").read_text(), "\nlistener 8884 ", f"\nlistener {self.web_port} ")
        for path, text in ((self.etc / "mosquitto.conf", conf), (self.etc / "conf.d" / "websockets.conf", web)):
            lines = [line if line.startswith("#") else line.replace("/etc/mosquitto", str(self.etc)) for line in text.splitlines()]
            path.write_text("\n".join(lines) + "\n")
        for name in ("gateways.acl", "people.acl"):
            shutil.copy(SHIPPED / name, self.etc / "watchroom" / name)
        self.install_broker_keys()
        # A copy, for the folder of the source may be closed to the broker's user.
        shutil.copy(PKI, self.dir / "pki-tool")
        (self.dir / "pki-tool").chmod(0o755)

    def start_broker(self):
        if not self.etc.exists():
            self.install_broker()
        self.spawn("mosquitto", ["/usr/sbin/mosquitto", "-c", self.etc / "mosquitto.conf"])
        for port in (self.gateway_port, self.people_port, self.web_port):
            wait_for("mosquitto", lambda: port_open(port) or self.fail_if_dead("mosquitto"))

    def stop_broker(self, kill=False):
        process = self.processes["mosquitto"]
        process.kill() if kill else process.terminate()
        process.wait(30)

    def try_reload(self):
        """What `systemctl reload mosquitto` runs with the shipped drop-in: each line, until one fails; None, or what
        it said."""
        lines = [line.split("=", 1)[1] for line in (SHIPPED / "reload.conf").read_text().splitlines()
                 if line.startswith("ExecReload=")]
        assert lines[0] == "" and lines[-1] == "/bin/kill -HUP $MAINPID" and len(lines) > 3, lines
        for line in lines[1:]:
            line = line.replace("/usr/local/share/watchroom/pki", str(self.dir / "pki-tool"))
            line = line.replace("/etc/mosquitto", str(self.etc)).replace("$MAINPID", str(self.processes["mosquitto"].pid))
            argv = line.split()
            assert os.access(argv[0], os.X_OK), line
            if os.geteuid() != 0 and "--" in argv:
                argv = argv[argv.index("--") + 1:]
            done = subprocess.run(argv, capture_output=True, text=True, cwd="/")
            if done.returncode != 0:
                return f"{line}: {done.stderr}"
        return None

    def reload_broker(self):
        """Done when its log says so; a new session comes after that."""
        before = self.broker_log().count("Reloading config")
        fault = self.try_reload()
        assert fault is None, fault
        wait_for("the broker to reload", lambda: self.broker_log().count("Reloading config") > before)

    def broker_log(self):
        return (self.dir / "mosquitto.log").read_text()

    def gateway_log(self):
        return (self.dir / "gateway.log").read_text()

    # people

    def person(self, name, port=None):
        return Person(self, self.hand_out(name), port or self.people_port)

    def is_connected(self):
        status = self.status()
        return status is not None and status["broker"]["connected"]

    def sessions(self):
        """How often the gateway has made a session, by the broker's log."""
        return self.broker_log().count(" as gateway (")

    def is_told(self):
        status = self.status()
        return status["broker"]["connected"] and status["broker"]["cursor"] == status["journal"]["committed"]

    def live(self):
        return {alarm["id"]: alarm for alarm in self.control("alarms")["alarms"]}

    def commands(self):
        return self.log("command")

    def close(self):
        for listener in self.listeners:
            listener.close()
        super().close()


# Browsers: TLS, the upgrade, one MQTT packet in one frame.

def web_connect(port, folder, client_id="watchroom-browser"):
    """The reason code of the CONNACK; an OSError or ssl.SSLError where it does not come so far."""
    context = ssl.create_default_context(cafile=str(Path(folder) / "ca.pem"))
    if (Path(folder) / "certificate.pem").exists():
        context.load_cert_chain(Path(folder) / "certificate.pem", Path(folder) / "key.pem")
    name = client_id.encode()
    body = b"\x00\x04MQTT\x05\x02\x00\x0a\x00" + len(name).to_bytes(2, "big") + name
    packet = b"\x10" + bytes([len(body)]) + body
    with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        tls.sendall(b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            part = tls.recv(4096)
            if not part:
                raise OSError("closed")
            head += part
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise OSError(head.split(b"\r\n")[0].decode())
        tls.sendall(b"\x82" + bytes([0x80 | len(packet)]) + b"\0\0\0\0" + packet) # a mask of zeros
        frame = head.split(b"\r\n\r\n", 1)[1]
        while len(frame) < 6:
            part = tls.recv(4096)
            if not part:
                raise OSError("closed")
            frame += part
        assert frame[0] == 0x82 and frame[2] >> 4 == 2, frame
        return frame[5]
