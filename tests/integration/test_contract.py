#!/usr/bin/python3
"""The MQTT contract: the schemas are sound and strict, docs/topics.md tells the truth, what is wrong is refused, the code
says nothing that the schemas do not know, and the wire carries what MQTT 5 is to say beside the payloads."""
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contract import SCHEMAS, SOURCE, Contract, jsonschema, load, matches, topics  # noqa: E402
from rig import BUILD, Rig, wait_for  # noqa: E402
from test_courier import ROOT, Scene  # noqa: E402

PAGE = SOURCE / "docs" / "topics.md"
FREE = {"value", "v", "limit", "status"} # numbers without a range


def walk(value, path=()):
    yield path, value
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from walk(item, (*path, key))


def put(value, path, new):
    """A copy with another member at `path`; `new` None: without it."""
    copy = json.loads(json.dumps(value))
    place = copy
    for key in path[:-1]:
        place = place[key]
    if new is None:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return copy


# the schemas themselves

def schemas_are_sound():
    schemas = load()
    used = {entry["schema"] for entry in topics()}
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"].endswith(f"/schema/1/{name}") and schema["title"], name
        for path, part in walk(schema):
            if path and path[-1] == "$ref":
                file, _, pointer = part.partition("#")
                used.add(file or name)
                place = schemas[file or name]
                for key in pointer.split("/")[1:]:
                    place = place[key]
    unused = set(schemas) - used
    assert not unused, f"no topic leads to {unused}"
    return f"{len(schemas)} files, {len(topics())} topics"


def what_the_gateway_says_is_closed():
    """Each object that it makes names its members."""
    schemas, closed = load(), 0
    for name, schema in schemas.items():
        if name.startswith(("cmd-", "presence.", "common")):
            continue
        for path, part in walk(schema):
            if isinstance(part, dict) and part.get("type") == "object" and name != "row.json":
                assert "additionalProperties" in part, f"{name}: {'/'.join(map(str, path))} is open"
                closed += 1
    assert closed > 15, closed
    # row.json is closed by the kinds it leads to.
    row = schemas["row.json"]
    leads = {step["if"]["properties"]["kind"]["const"]: step["then"]["$ref"] for step in row["allOf"]}
    assert leads == {kind: f"row-{kind}.json" for kind in row["properties"]["kind"]["enum"]}, leads
    return f"{closed} objects"


# the page

def examples():
    """(topic or None for a row, value), in the order of the page."""
    text = PAGE.read_text()
    found = re.findall(r"^(At `(watchroom/1/[^`]+)`|A row):\n\n```json\n(.*?)^```", text, re.M | re.S)
    assert len(found) == text.count("```json"), "an example without a topic"
    return [(topic or None, json.loads(body)) for _, topic, body in found]


def faults_of(contract, topic, value):
    contract.faults.clear()
    contract.seen.clear()
    if topic is None:
        contract.check_row(json.dumps(value))
    else:
        text = json.dumps(value, separators=(",", ":"))
        contract.check(topic, text)
    return list(contract.faults)


def examples_are_valid():
    contract, seen, kinds = Contract(), set(), set()
    for topic, value in examples():
        assert not faults_of(contract, topic, value), contract.faults
        seen.update(e["topic"] for e in contract.topics if topic and matches(e["topic"], topic.split("/", 3)[3]))
        for row in [value] + value.get("rows", []):
            if "prev" not in row:
                continue
            kinds.add(row["kind"])
            bare = {key: member for key, member in row.items() if key != "hash"}
            canonical = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            assert hashlib.sha256(canonical.encode()).hexdigest() == row["hash"], f"the hash of {row}"
    missing = {e["topic"] for e in contract.topics} - seen
    assert not missing, f"no example of {missing}"
    missing = set(contract.schemas["row.json"]["properties"]["kind"]["enum"]) - kinds
    assert not missing, f"no example of rows of {missing}"
    return f"{len(examples())} examples"


def the_table_of_the_page_is_that_of_the_program():
    rows = re.findall(r"^\| `([^`]+)` \| (gateway|people) \| (yes|no|\*\*never\*\*) \| ([01]) \|([^|]*)\| `([^`]+)` \|",
                      PAGE.read_text(), re.M)
    told = {re.sub("<(?!verb)[a-z]+>", "+", topic): (by, retained == "yes", int(qos), schema, expires.strip())
            for topic, by, retained, qos, expires, schema in rows}
    for entry in topics():
        name, verb = entry["topic"].replace("#", "+"), re.search("(?<=^cmd/./).*", entry["topic"])
        by, retained, qos, schema, expires = told.pop(name) if verb is None else told["cmd/+/<verb>"]
        wanted = entry["schema"] if verb is None else entry["schema"].replace(verb[0], "<verb>")
        assert (by, retained, qos, schema) == (entry["by"], entry["retain"], entry["qos"], wanted), entry
        if by == "gateway":
            assert expires == (f"{entry['expires_s']} s" if "expires_s" in entry else entry.get("expires", "")), entry
    assert list(told) == ["cmd/+/<verb>"], f"no program knows of {told}"
    return f"{len(rows)} lines"


# what is wrong is refused

def wrong_ones(value, is_closed):
    """(what is wrong with it, the value) for each change that nobody may make."""
    for path, part in walk(value):
        where = "/".join(map(str, path))
        if isinstance(part, dict):
            if is_closed and "values" != (path[-1] if path else ""):
                yield f"{where}: an unknown member", put(value, (*path, "unknown"), 1)
        if not path:
            continue
        if isinstance(part, bool):
            yield f"{where}: a number for a truth", put(value, path, 1)
        elif isinstance(part, int):
            yield f"{where}: a text for a number", put(value, path, str(part))
            if path[-1] not in FREE:
                yield f"{where}: below its range", put(value, path, -1)
                yield f"{where}: beyond its range", put(value, path, 10**18)
                yield f"{where}: half a number", put(value, path, part + 0.5)
        elif isinstance(part, str):
            yield f"{where}: a number for a text", put(value, path, 7)
            yield f"{where}: a control character", put(value, path, part + "\u0007")
            yield f"{where}: two lines", put(value, path, part + "\nx")
        elif isinstance(part, list):
            yield f"{where}: an object for a list", put(value, path, {})
        elif isinstance(part, dict):
            yield f"{where}: a list for an object", put(value, path, [])


def without_each(contract, topic, value):
    """Members whose lack the schema does not notice."""
    free = set()
    for path, _ in walk(value):
        if path and not isinstance(path[-1], int) and not faults_of(contract, topic, put(value, path, None)):
            free.add("/".join(map(str, path)))
    return free


# What may be missing from the examples; all else is required. Of gw see its oneOf.
OPTIONAL = set("asset label owner point unc_ms zone cid id note occ ts expires from second since limit jid seq profile "
               "address request".split())
ALSO_OPTIONAL = {"alarm": {"hash"}, "oos": {"to", "reason"}, "test-begin": {"duration_s"}, "rsp": {"oldest"}}
REQUIRED = {"event": {"ts", "jid", "seq", "id", "occ"}, "rsp": {"cid", "ts", "jid", "seq"}, "alarm": {"id", "occ", "ts", "seq"},
            "ack": {"id", "occ"}, "shelve": {"id"}, "comment": {"id"}}


def what_is_wrong_is_refused():
    contract, refused = Contract(), 0
    for topic, value in examples():
        place = contract.place(topic.split("/", 3)[3]) if topic else {"schema": "row.json", "by": "gateway"}
        for what, wrong in wrong_ones(value, place["by"] == "gateway"):
            assert faults_of(contract, topic, wrong), f"{topic or value['kind']}: {what} is accepted: {wrong}"
            refused += 1
        kind = topic.split("/")[3] if topic else value["kind"]
        verb = topic.split("/")[5] if kind == "cmd" else ""
        may = (OPTIONAL | ALSO_OPTIONAL.get(verb or kind, set())) - REQUIRED.get(verb or kind, set())
        for path in without_each(contract, topic, value):
            assert path.split("/")[-1] in may or re.match("values/[^/]+$", path), f"{topic or kind}: valid without {path}"
    assert refused > 800, refused
    for topic, payload in (("watchroom/1/hq/unheard/of", "{}"), ("watchroom/1/hq/gw", ""), ("watchroom/1/hq/gw", "{"),
                           ("watchroom/1/hq/alarm/power/ups-b/on-battery", json.dumps(dict(examples_at("alarm/"))))):
        contract.faults.clear()
        contract.check(topic, payload)
        assert contract.faults, (topic, payload)
    contract, other = Contract(), dict(examples_at("event/"), site="elsewhere")
    contract.check("watchroom/1/hq/event/continuity", json.dumps(other))
    contract.check("watchroom/1/hq/event/security", json.dumps(examples_at("event/")))
    assert len(contract.faults) == 2, contract.faults
    return f"{refused} wrong payloads"


def examples_at(prefix):
    return next(value for topic, value in examples() if topic and topic.startswith(f"watchroom/1/hq/{prefix}"))


# what the code can say

LISTS = {"change": ["restored", "withdrawn"]} # words of a list that are said elsewhere than in it
FAMILIES = {"alarm": "alarm.json", "row": "row.json", "rsp": "rsp.json", "val": "val.json", "gw": "gw.json", "hb": "hb.json",
            "sum": "sum.json", "meta/inventory": "meta-inventory.json", "audit/checkpoint": "audit-checkpoint.json"}


def what_the_code_can_say_is_in_the_schemas():
    contract, said, words = Contract(), {}, {}
    with tempfile.TemporaryDirectory(prefix="watchroom-contract-") as folder:
        lines = subprocess.run([BUILD / "tests" / "contract-rows", folder], capture_output=True, text=True, check=True).stdout
    for line in lines.splitlines():
        family, text = line.split(" ", 1)
        value = json.loads(text)
        if family == "names":
            words = value
            continue
        errors = contract.errors(FAMILIES[family], value)
        assert not errors, f"{family}: {errors}\n{text}"
        said.setdefault(family, []).append(value)
    verbs = {entry["topic"].split("/")[2] for entry in contract.topics if entry["topic"].startswith("cmd/")}
    assert verbs == set(words.pop("verb")), verbs
    for name, listed in words.items():
        known = contract.schemas["common.json"]["$defs"][name]["enum"]
        assert sorted(known) == sorted(listed + LISTS.get(name, [])), f"{name}: the code has {listed}, the schema {known}"
    assert set(said) == set(FAMILIES), set(FAMILIES) - set(said)
    # That it said much is what makes this a test.
    changes = {change for row in said["row"] if row["kind"] == "alarm" for change in row["change"]}
    assert changes >= set(words["change"]) - {"resume", "fleeting", "rearm"}, set(words["change"]) - changes
    assert {row["kind"] for row in said["row"]} == {"alarm", "checkpoint", "command", "comment", "device"}
    assert {reading["cause"] for group in said["val"] for reading in group["values"].values() if "cause" in reading} == set(
        words["cause"])
    codes = {answer["code"] for answer in said["rsp"]}
    assert codes >= {"ok", "duplicate", "expired", "denied", "bad-request", "rate-limited", "stale-occurrence"}, codes
    assert {state["state"] for state in said["gw"]} == {"online", "degraded", "offline"}
    return f"{sum(map(len, said.values()))} payloads, {len(words)} lists of words"


def edges(value):
    """Where the ranges end. Not of what is judged together with another member, or by the role; nor bytes, which a schema
    cannot count."""
    ends = {int: (0, 1, 1000, 1001, 2**31, 2**32 - 1, 2**32, 2**48 - 1, 2**48, 253402300799999, 253402300800000),
            str: ("", ".", "a/..", "A", "x" * 127, "x" * 128, "x" * 255, "x" * 256, "x" * 511, "x" * 512, "a\tb", "0" * 26,
                  "8" + "0" * 25), list: ([], [1], [1, 1], [1, 2, 3])}
    for path, part in walk(value):
        if path and path[-1] not in ("from", "to", "duration_s", 0, 1):
            yield from ((f"{path[-1]}: {end!r:.20}", put(value, path, end)) for end in ends.get(type(part), ()))
            if isinstance(part, list) and isinstance(part[0], dict):
                yield from ((f"{path[-1]}: {n} of them", put(value, path, [part[0]] * n)) for n in (64, 65))


def what_is_taken_for_an_order_is_what_the_schema_says():
    """The reading of orders against their schemas: each example, with one thing wrong, at its edges, without one member."""
    contract, orders = Contract(), []
    for topic, value in examples():
        if topic and "/cmd/" in topic:
            verb = topic.split("/")[5]
            orders += [(verb, "as it is", value)] + [(verb, *wrong) for wrong in wrong_ones(value, True)]
            orders += [(verb, f"without {path[-1]}", put(value, path, None)) for path, _ in walk(value) if path]
            orders += [(verb, *edge) for edge in edges(value)]
    lines = "".join(f"{verb} {json.dumps(value)}\n" for verb, _, value in orders)
    verdicts = subprocess.run([BUILD / "tests" / "contract-rows", "--judge"], input=lines, capture_output=True, text=True,
                              check=True).stdout.splitlines()
    assert len(verdicts) == len(orders) > 200, (len(verdicts), len(orders))
    taken = 0
    for (verb, what, value), verdict in zip(orders, verdicts):
        errors = contract.errors(f"cmd-{verb}.json", value)
        assert (verdict == "taken") == (not errors), f"{verb}, {what}: the gateway says {verdict}, the schema {errors}: {value}"
        taken += verdict == "taken"
    return f"{len(orders)} orders, {taken} taken"


# the wire

class Wire:
    """Everything at the broker, with what MQTT 5 says beside the payloads."""

    def __init__(self, rig):
        self.path = rig.dir / "wire"
        with open(self.path, "w") as out:
            rig.processes["wire"] = subprocess.Popen(
                ["stdbuf", "-oL", "mosquitto_sub", "-V", "mqttv5", "-p", str(rig.mqtt_port), "-q", "1", "-F", "%j",
                 "--retain-as-published", "-t", "watchroom/#"], stdout=out)

    def messages(self, prefix=""):
        """(name behind the site, message) of what came, in its order."""
        lines = [json.loads(line) for line in self.path.read_text().split("\n")[:-1]]
        for message in lines:
            message["payload"] = message["payload"] or "" # null: none
        named = [(message["topic"].split("/", 3)[3], message) for message in lines]
        return [(name, message) for name, message in named if name.startswith(prefix)]

    def newest(self, name):
        said = [message for at, message in self.messages(name) if at == name]
        return json.loads(said[-1]["payload"]) if said else None

    def until(self, what, name, check):
        return wait_for(what, lambda: (said := self.newest(name)) and check(said) and said, 30, 0.1)


def give(rig, user, verb, correlation, **payload):
    """Publishes an order and does not wait for its answer."""
    subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-p", str(rig.mqtt_port), "-q", "1", "-t",
                    f"watchroom/1/bench/cmd/{user}/{verb}", "-m", json.dumps(payload), "-D", "publish", "response-topic",
                    f"watchroom/1/bench/rsp/{user}/desk", "-D", "publish", "correlation-data", correlation, "-D", "publish",
                    "message-expiry-interval", "20"], check=True)


def properties_are_as_the_table_says(contract, wire):
    seen = set()
    for name, message in wire.messages():
        entry, said = contract.place(name), message.get("properties", {})
        if entry is None or entry["by"] != "gateway":
            continue
        seen.add(entry["topic"])
        assert message["qos"] == entry["qos"] and bool(message["retain"]) == entry["retain"], message
        assert said["user-properties"]["mode"] == "live", message
        if message["payload"] == "":
            assert "content-type" not in said and "payload-format-indicator" not in said, message
        else:
            assert (said["content-type"], said["payload-format-indicator"]) == ("application/json", 1), message
            assert set(said["user-properties"]) == {"mode"}, message
        expiry = entry.get("expires_s", 3 if name.startswith("val/") else None) # groups of 1 s
        assert said.get("message-expiry-interval") == expiry, (message, expiry)
        assert "response-topic" not in said and ("correlation-data" in said) == name.startswith("rsp/"), message
        contract.check(message["topic"], message["payload"])
    missing = {entry["topic"] for entry in contract.topics if entry["by"] == "gateway"} - seen
    assert not missing, f"never seen: {missing}"


def the_wire_says_what_the_table_says():
    alarm = "power/s-1/p1-high"
    ladder = "audiences: {facilities: {escalation: [{priority: 3, steps: [{after: 1s, to: anna}]}]}}"
    with Rig(devices=2, values=True, site="users: [{name: anna, role: operator}]\n" + ladder) as rig:
        wire = Wire(rig)
        rig.start_gateway()
        rig.wait_all_up()
        jid = rig.status()["journal"]["id"]
        rig.sim("set s-1 p1 40000")
        wire.until("an alarm", f"alarm/{alarm}", lambda alarm: alarm["ack"] == "unacked")
        wire.until("the sum", "sum", lambda said: said["unacked"] == said["active"] == [0, 0, 1, 0] and said["retained"] == 1)
        wire.until("gw", "gw", lambda said: said["state"] == "online" and said["retained"] == 1 and said["jid"] == jid)
        beat = wire.until("a heartbeat", "hb", lambda said: said["active"] == [0, 0, 1, 0] and said["jid"] == jid)
        rows = {row["seq"]: row for row in rig.log()}
        assert rows[beat["seq"]]["hash"] == beat["hash"], beat
        wire.until("a step of the ladder", "notify/anna", lambda step: step["to"] == ["anna"])
        give(rig, "anna", "ack", "c-17", cid="01KB3V9Q4N7E8JZ6T2H5P1W0SB", id=alarm, occ=1)
        assert wire.until("the answer", "rsp/anna/desk", bool)["code"] == "ok"
        wire.until("the sum", "sum", lambda said: said["unacked"] == [0, 0, 0, 0] and said["active"] == [0, 0, 1, 0])
        order, answer = wire.messages("cmd/")[0][1]["properties"], wire.messages("rsp/")[0][1]["properties"]
        assert order["response-topic"] == "watchroom/1/bench/rsp/anna/desk" and order["message-expiry-interval"] <= 20, order
        assert answer["correlation-data"] == order["correlation-data"] != "", (order, answer)
        rig.sim("set s-1 p1 40")
        wait_for("an emptied topic", lambda: wire.messages(f"alarm/{alarm}")[-1][1]["payload"] == "", 30, 0.1)
        cleared = rig.log("alarm")[-1]
        said = wire.messages(f"alarm/{alarm}")[-1][1]["properties"]["user-properties"]
        assert said == {"mode": "live", "jid": jid, "seq": str(cleared["seq"])}, (said, cleared)
        os.kill(rig.pids()["courier"], 9)
        wait_for("the last will", lambda: any('"the connection was lost"' in m["payload"] for _, m in wire.messages("gw")), 30, 0.1)
        wire.until("gw again", "gw", lambda said: said["state"] == "online")
        rig.processes["gateway"].terminate()
        rig.processes["gateway"].wait(30)
        assert wire.until("the farewell", "gw", lambda said: said["state"] == "offline")["reason"] == "stopped"
        properties_are_as_the_table_says(rig.contract, wire)
        return f"{len(wire.messages())} messages"


def a_console_that_starts_as_the_page_says_sees_all():
    """"A console starts": alarms at QoS 0, and gw says how many there are."""
    with Scene(settings="allow_anonymous true\nmax_queued_messages 100\n") as scene:
        courier, gw = scene.courier, f"{ROOT}/gw"
        courier.wait_connected()
        courier.wait_cursor(courier.rows(5000, 5000))
        wait_for("the count", lambda: json.loads(scene.broker.retained(gw)[gw])["retained"] == 5000, interval=0.1)
        begin = time.monotonic()
        seen = subprocess.run(["mosquitto_sub", "-V", "mqttv5", "-p", str(scene.broker.port), "-q", "0", "-t", gw, "-t",
                               f"{ROOT}/alarm/#", "-F", "%t", "-C", "5001", "-W", "20"], capture_output=True, text=True).stdout
        took = time.monotonic() - begin
        assert len({line for line in seen.splitlines() if "/alarm/" in line}) == 5000, len(seen.splitlines())
        return f"5,000 alarms and their count in {took:.2f} s, through a broker that queues 100 messages"


def main():
    os.chdir(SOURCE)
    tests = [schemas_are_sound, what_the_gateway_says_is_closed, examples_are_valid,
             the_table_of_the_page_is_that_of_the_program, what_is_wrong_is_refused,
             what_the_code_can_say_is_in_the_schemas, what_is_taken_for_an_order_is_what_the_schema_says,
             the_wire_says_what_the_table_says, a_console_that_starts_as_the_page_says_sees_all]
    for test in tests:
        if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
            print(f"{test.__name__}: {test()}", flush=True)


if __name__ == "__main__":
    main()
