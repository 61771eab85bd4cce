#!/usr/bin/python3
"""The MQTT contract: the schemas are sound and strict, docs/topics.md tells the truth, what is wrong is refused, the code
says nothing that the schemas do not know, and the wire carries what MQTT 5 is to say beside the payloads."""
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from contract import SCHEMAS, SOURCE, Contract, jsonschema, load, matches, topics  # noqa: E402
from rig import BUILD, Rig, wait_for  # noqa: E402

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
        if name.startswith(("cmd-", "presence", "common")):
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
        contract.check(topic, text, by=contract.place(topic.split("/", 3)[3])["by"])
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
               "address".split())
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


def main():
    os.chdir(SOURCE)
    tests = [schemas_are_sound, what_the_gateway_says_is_closed, examples_are_valid,
             the_table_of_the_page_is_that_of_the_program, what_is_wrong_is_refused]
    for test in tests:
        if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
            print(f"{test.__name__}: {test()}", flush=True)


if __name__ == "__main__":
    main()
