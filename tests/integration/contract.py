"""The MQTT contract as the tests hold it: docs/schema/*.json against every payload they see.

A payload that is like one seen before but for its numbers and hashes is not looked at again: a storm has few shapes.
"""
import json
import os
import re
from pathlib import Path

try:
    import jsonschema
except ImportError as error:
    raise SystemExit("python3-jsonschema of Debian is missing; run the tests with /usr/bin/python3") from error

SOURCE = Path(os.environ.get("WATCHROOM_SOURCE", Path(__file__).resolve().parents[2]))
SCHEMAS = SOURCE / "docs" / "schema"
ROOT = "watchroom/1/"
TEXTS_MAX = 400 # of one schema that are looked at; beyond them only new shapes
FAULTS_MAX = 20
VARYING = re.compile(r"[0-9a-f]{128}|[0-9a-f]{64}|[0-9A-HJKMNP-TV-Z]{26}|\d\d+")


def matches(pattern, topic):
    """As a broker has it: + is one level, # the rest."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return len(levels) > i
        if i >= len(levels) or (level != "+" and level != levels[i]):
            return False
    return len(wanted) == len(levels)


def blur(match):
    """What varies, by its kind and length."""
    text = match.group()
    return f"<{len(text)}>" if len(text) in (26, 64, 128) else "0" * len(text)


def shape(value):
    if isinstance(value, dict):
        return tuple((key, shape(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return tuple(sorted({str(shape(item)) for item in value}))
    return type(value).__name__


def load(folder=SCHEMAS):
    """name -> schema, without the list of topics."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json")) if path.name != "topics.json"}


def topics(folder=SCHEMAS):
    return json.loads((folder / "topics.json").read_text())["topics"]


class Contract:
    def __init__(self, folder=SCHEMAS):
        self.schemas, self.topics = load(folder), topics(folder)
        store = {schema["$id"]: schema for schema in self.schemas.values()}
        self.validators = {}
        for name, schema in self.schemas.items():
            resolver = jsonschema.RefResolver(schema["$id"], schema, store=store)
            self.validators[name] = jsonschema.Draft202012Validator(schema, resolver=resolver)
        self.is_forged = False
        self.places, self.seen, self.texts, self.faults, self.checked = {}, set(), {}, [], 0

    def place(self, name):
        """What topics.json says of the topic `name`, which begins behind the site; None: nothing."""
        if name not in self.places:
            self.places[name] = next((entry for entry in self.topics if matches(entry["topic"], name)), None)
        return self.places[name]

    def errors(self, schema, value):
        """Sentences; empty: valid."""
        found = sorted(self.validators[schema].iter_errors(value), key=lambda e: len(e.absolute_path))
        return [self.sentence(error) for error in found]

    def sentence(self, error):
        while error.context: # of the alternatives, the one that came furthest
            error = max(error.context, key=lambda e: len(e.absolute_path))
        return f"{'/'.join(map(str, error.absolute_path)) or 'it'}: {error.message[:200]}"

    def is_known(self, where, schema, text):
        key = (where if "/event/" in where else schema, VARYING.sub(blur, text))
        if key in self.seen:
            return True
        self.seen.add(key)
        return False

    def is_enough(self, schema, value):
        self.texts[schema] = self.texts.get(schema, 0) + 1
        if self.texts[schema] <= TEXTS_MAX:
            return False
        key = (schema, shape(value))
        if key in self.seen:
            return True
        self.seen.add(key)
        return False

    def blame(self, where, text, errors):
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{where}: {'; '.join(errors[:5])}\n    {text[:2000]}")

    def check_value(self, where, schema, text):
        """The value; None when it is not valid, or like one that was."""
        self.checked += 1
        if self.is_known(where, schema, text):
            return None
        try:
            value = json.loads(text)
        except ValueError as error:
            self.blame(where, text, [str(error)])
            return None
        if self.is_enough(schema, value):
            return None
        errors = self.errors(schema, value)
        if errors:
            self.blame(where, text, errors)
        return None if errors else value

    def check_row(self, text):
        """One row of the journal, with its hash."""
        self.check_value("a row of the journal", "row.json", text)

    def check(self, topic, payload):
        """A message; of people, where a test forges theirs, only that its topic is in the contract."""
        if not topic.startswith(ROOT):
            return
        site, _, name = topic[len(ROOT):].partition("/")
        place = self.place(name)
        if place is None:
            self.blame(topic, payload, ["no such topic in docs/schema/topics.json"])
            return
        if place["by"] == "people" and self.is_forged:
            return
        if payload == "" and place.get("may_be_empty"):
            return
        if name.startswith("alarm/") and f'"id":"{name[6:]}"' not in payload:
            self.blame(topic, payload, ["the state of another alarm"])
        value = self.check_value(topic, place["schema"], payload)
        if value is None:
            return
        if value.get("site", site) != site:
            self.blame(topic, payload, [f"of another site: {value['site']}"])
        if name.startswith("event/") and value["kind"] == "alarm" and name[6:] not in value["alarm"]["audience"]:
            self.blame(topic, payload, ["not for this audience"])

    def verdict(self):
        """Raises with what was wrong."""
        if self.faults:
            raise AssertionError("against docs/schema:\n" + "\n".join(self.faults))
