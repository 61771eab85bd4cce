#!/usr/bin/python3
"""The console in a pseudo-terminal, at the shipped broker with a real gateway: what it shows, what it orders and what is
confirmed of that, and what it says when broker or gateway are gone."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import LIVE, BrokerRig, Listener, Person  # noqa: E402
from rig import WATCHROOM, wait_for  # noqa: E402
from terminal import DOWN, ENTER, ESCAPE, Terminal  # noqa: E402

P1, P3 = "power/s-1/p20-high", "power/s-2/p1-high"


class ConsoleRig(BrokerRig):
    def __init__(self, **more):
        self.terminals = []
        super().__init__(**more)

    def console(self, name, *more, rows=24, columns=80, term="linux", **environment):
        folder = self.hand_out(name)
        argv = [WATCHROOM, "console", "--broker", f"127.0.0.1:{self.people_port}", "--ca", folder / "ca.pem", "--cert",
                folder / "certificate.pem", "--key", folder / "key.pem", "--site", "bench", "--client", "desk", "--log",
                self.dir / f"console-{name}.log", *more]
        terminal = Terminal(argv, rows, columns, term, HOME=str(self.dir), **environment)
        self.terminals.append(terminal)
        return terminal

    def close(self):
        for terminal in self.terminals:
            terminal.close()
        super().close()


def journal(rig):
    return subprocess.run([WATCHROOM, "log", "--json", "--state-dir", rig.state_dir], capture_output=True, text=True,
                          check=True).stdout.splitlines()


def settings(rig):
    """The settings file, and what is wrong with it or with the terminal, is told before anything is taken over."""
    folder = rig.hand_out("anna")
    (folder / "console.yaml").write_text(
        f"broker: {{host: 127.0.0.1, port: {rig.people_port}, ca: ca.pem, certificate: certificate.pem, key: key.pem}}\n"
        "site: bench\naudiences: [security, facilities]\nclient: from-file\nbell: false\n")
    terminal = Terminal([WATCHROOM, "console", "-c", folder / "console.yaml"], HOME=str(rig.dir))
    rig.terminals.append(terminal)
    terminal.wait("MONITORING, heartbeat", "anna")
    wait_for("presence as the file says", lambda: "from-file" in str(rig.person("bert").hear(f"{LIVE}/presence/#", 1)))
    seen = dict(rig.person("bert").hear(f"{LIVE}/presence/anna/from-file", 1))
    assert json.loads(seen[f"{LIVE}/presence/anna/from-file"])["audiences"] == ["security", "facilities"], seen
    terminal.type("qy")
    assert terminal.end() == 0, terminal.status
    told = '"client":"from-file"'
    record = wait_for("the record of it", lambda: [json.loads(line) for line in journal(rig) if told in line])
    assert (record[0]["kind"], record[0]["user"], record[0]["state"]) == ("presence", "anna", "watching"), record
    wait_for("the farewell", lambda: '"state":"gone"' in str(rig.person("bert").hear(f"{LIVE}/presence/anna/from-file", 1)))
    (rig.dir / "bad.yaml").write_text("broker: {host: x, prot: 1}\nsite: Bench\n")
    for argv, part in ((["-c", rig.dir / "bad.yaml"], "prot"), (["--broker", "x:0"], "--broker"), (["--site", "s"], "--broker"),
                       (["--broker", "x", "--site", "s"], "who is at it"), (["--audience", "all,x"], "--audience"),
                       (["--broker", "x", "--site", "s", "--cert", "/nowhere"], "/nowhere"),
                       (["--broker", "x", "--site", "s", "--user", "../x"], "short names")):
        terminal = Terminal([WATCHROOM, "console", *argv], HOME=str(rig.dir))
        assert terminal.end() == 2 and part in terminal.text(), (argv, terminal.status, terminal.text())
        terminal.close()
    terminal = Terminal([WATCHROOM, "console", "--broker", "127.0.0.1:1", "--site", "s", "--user", "u"], term="unheard-of")
    assert terminal.end() == 4 and "unheard-of" in terminal.text(), (terminal.status, terminal.text())
    terminal.close()
    return "settings: from the file, from the command line; faults are told"


def orders(rig, anna):
    """A P3 is commented, shelved for a time with a reason, found in its view, and taken off the shelf."""
    anna.type(DOWN)
    anna.wait(f" {P3}, occurrence 1")
    anna.type("c")
    anna.wait(", comment:\n")
    anna.type("Zoë looks" + ENTER)
    anna.wait(f"CONFIRMED: commented {P3}")
    anna.type("s")
    anna.wait(f"Shelve P3 {P3} for")
    anna.type("30m" + ENTER + "spare part" + ENTER)
    anna.wait(f"CONFIRMED: shelved {P3}", "+1 aside")
    assert rig.live()[P3]["shelf"]["reason"] == "spare part", rig.live()[P3]
    anna.type("vv")
    anna.wait("Shelved, folded, out of service", "shelved")
    anna.type(DOWN + ENTER)
    anna.wait("put aside", "anna (operator): spare part", "History")
    anna.type(DOWN * 30)
    anna.wait("comment: anna Zoë looks")
    anna.type("u")
    anna.wait("unshelve P3")
    anna.type(ENTER)
    anna.wait(f"CONFIRMED: unshelved {P3}")
    anna.type(ESCAPE)
    anna.wait("Shelved, folded, out of service")
    anna.type("v")
    anna.wait("All alarms", "! P3 UNACKED", gone=["aside"])
    anna.type("r")
    anna.wait("select an alarm first")


def list_and_ack(rig, anna):
    text = anna.wait("MONITORING, heartbeat", "2 of 2", P1, P3)
    assert text.index(P1) < text.index(P3), text
    assert re.search(r"^ ! P1 UNACKED", text, re.M) and re.search(r"^ ! P3 UNACKED", text, re.M), text
    assert len(anna.lines()) == 24
    anna.type("a")
    anna.wait("select an alarm first")
    anna.type(DOWN)
    anna.wait(f" {P1}, occurrence 1", "-> ")
    anna.type("a")
    anna.wait("ack P1 ")
    anna.type("on my way")
    assert rig.live()[P1]["ack"] == "unacked", "nothing is ordered before Enter"
    anna.type(ENTER)
    anna.wait(f"CONFIRMED: acknowledged {P1}, occurrence 1 (row ", "P1 acked")
    acked = rig.live()[P1]["acked"]
    assert (acked["by"], acked["note"]) == ("anna", "on my way"), acked
    anna.type(ENTER)
    # Its history is from before the console came, fetched with "get", and what was ordered since.
    anna.wait("anna (operator): on my way", "do   ", "History")
    anna.type(DOWN * 20)
    anna.wait("acked by anna on my way", "raised, at 1")
    anna.type(ESCAPE)
    anna.wait("All alarms")
    orders(rig, anna)
    # A colour terminal gets colours.
    assert re.search(rb"\x1b\[[0-9;]*3[1-6]", bytes(anna.raw))
    return "an alarm seen, acknowledged, confirmed"


def viewer_without_colour(rig):
    """vt100, no UTF-8: everything is there, in words; what a viewer orders is refused, and that is told."""
    vera = rig.console("vera", term="vt100", LC_ALL="C")
    vera.wait("MONITORING, heartbeat", "! P3 UNACKED", P3, "P1 acked")
    vera.type(DOWN + DOWN + "a" + ENTER)
    vera.wait(f"REFUSED: ack {P3}", "denied: a viewer may not")
    vera.type("o")
    vera.wait("What was ordered here", "REFUSED")
    assert rig.live()[P3]["ack"] == "unacked"
    row = [r for r in rig.commands() if r["verb"] == "ack"][-1]
    assert (row["user"], row["code"]) == ("vera", "denied"), row
    vera.type(ESCAPE)
    vera.wait("All alarms")
    vera.type("qy")
    assert vera.end() == 0, vera.status
    raw = bytes(vera.raw)
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-7]m", raw), "colours on a terminal without"
    assert all(byte < 0x80 for byte in raw), "more than ASCII in a locale without"
    bert = rig.console("bert", NO_COLOR="1")
    bert.wait("MONITORING, heartbeat", P3)
    assert not re.search(rb"\x1b\[[0-9;]*[34][0-7]m", bytes(bert.raw)), "colours in spite of NO_COLOR"
    bert.type("qy")
    assert bert.end() == 0, bert.status
    return "without colour, without UTF-8; a viewer is denied, and reads it"


def sizes(anna):
    anna.resize(40, 120)
    anna.wait("All alarms")
    wait_for("the whole width", lambda: anna.read(0.05) and len(anna.lines()[0]) > 100)
    anna.resize(6, 30)
    anna.wait("too small")
    anna.resize(24, 80)
    anna.wait("All alarms", P1)
    anna.type("\x03")
    anna.wait("End the console? Nobody watches here then")
    anna.type("n\x1b[15~\x1b[200~\x1bOP") # keys that nobody knows are no orders and no filters
    anna.type("\x0c")
    anna.wait("All alarms", P1, gone=["End the console?", "SHOWN"])
    return "resized; Ctrl-C asks; unknown keys do nothing"


def broker_gone(rig, anna):
    """What happens meanwhile is there afterwards, and the rows of it, too."""
    rig.stop_broker(kill=True)
    text = anna.wait("*** NOT MONITORING ***", "no connection to the broker", "WHAT FOLLOWS IS OLD", seconds=30)
    assert re.search(r"\?acked|\?UNACKED", text), text
    anna.type(DOWN + "c")
    anna.wait(", comment:\n")
    anna.type("is anybody there" + ENTER)
    anna.wait("NOT SENT: there is no connection to the broker")
    rig.sim("set m-1 p20 1")
    wait_for("an alarm that nobody is told", lambda: "power/m-1/p20-high" in rig.live())
    rig.start_broker()
    anna.wait("MONITORING, heartbeat", "! P1 UNACKED", "power/m-1/p20-high", "3 of 3", gone=["NOT MONITORING", "OLD"])
    # Its row was told while this console was away: the broker keeps none for it, "get" has it.
    anna.type("/m-1" + ENTER)
    anna.wait("1 of 3 SHOWN")
    anna.type(ESCAPE)
    anna.wait(gone=[">"])
    anna.type(DOWN)
    anna.wait(" power/m-1/p20-high, occurrence 1")
    anna.type(ENTER)
    anna.wait("History: ")
    anna.type(DOWN * 30)
    anna.wait("raised, at 1")
    anna.type(ESCAPE)
    anna.wait("SHOWN")
    anna.type("0")
    return "broker killed: NOT MONITORING; back: complete, with the rows of the time between"


def gateway_gone(rig, anna):
    rig.processes["gateway"].terminate()
    rig.processes["gateway"].wait(30)
    anna.wait("*** NOT MONITORING ***", "the gateway is offline: stopped")
    return "gateway stopped: NOT MONITORING"


def hostile(rig, anna):
    """Somebody has the gateway's key: what he says neither steers the terminal nor passes for a heartbeat."""
    gateway = Person(rig, rig.hand_out("gateway"), rig.gateway_port)
    start = len(anna.raw)
    alarm = {"id": "power/evil/x", "priority": 1, "occ": 1, "seq": 10**9, "ack": "unacked", "cond": "active", "resource": "evil",
             "text": "ab\x1b]0;owned\x07\x1b[2J\x9b5n\u202ecd", "action": "\x1b[6n", "quality": "good", "supp": [], "raised": 1}
    assert gateway.publish(f"{LIVE}/alarm/power/evil/x", json.dumps(alarm), "-r") == "taken"
    assert gateway.publish(f"{LIVE}/alarm/power/evil/y", "\x1b[2J{", "-r") == "taken"
    anna.wait("power/evil/x", "ab?]0;owned??[2J?5n?cd", "NOT MONITORING")
    raw = bytes(anna.raw[start:])
    assert b"owned\x07" not in raw and b"\x1b]" not in raw and b"\xc2\x9b" not in raw and b"\x1b[6n" not in raw, raw
    anna.type("/evil" + ENTER)
    anna.wait('"evil": 1 of')
    anna.type("0")
    return "hostile text: shown, harmless"


def main():
    with ConsoleRig() as rig:
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("the session", rig.is_connected)
        rig.sim("set s-1 p20 1", "set s-2 p1 40000")
        wait_for("two alarms to be told", lambda: {P1, P3} <= set(rig.live()) and rig.is_told())
        presence = Listener(rig.person("bert"), f"{LIVE}/presence/anna/desk")
        anna = rig.console("anna")
        print(list_and_ack(rig, anna))
        wait_for("presence", lambda: any('"watching"' in payload for _, payload in presence.heard()))
        print(viewer_without_colour(rig))
        print(sizes(anna))
        print(settings(rig))
        presence.close()
        print(broker_gone(rig, anna))
        presence = Listener(rig.person("bert"), f"{LIVE}/presence/anna/desk")
        print(gateway_gone(rig, anna))
        print(hostile(rig, anna))
        os.kill(anna.pid, 9) # no farewell: the last will says it
        anna.end()
        wait_for("the last will", lambda: any('"gone"' in payload for _, payload in presence.heard()))
        print("presence: watching, gone")


if __name__ == "__main__":
    main()
