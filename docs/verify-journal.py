#!/usr/bin/env python3
"""Verifies rows of a Watchroom journal without Watchroom: Python 3 and the openssl command are all it takes.

    verify-journal.py ROWS.jsonl PUBLIC.pem [CHECKPOINT.json]

ROWS.jsonl   one row a line, as `watchroom log --json` and `watchroom evidence export` write them
PUBLIC.pem   who may have signed: one or several Ed25519 public keys
CHECKPOINT   a checkpoint that somebody else kept (topic audit/checkpoint): it must be among the rows

What is checked, and why it proves something, is explained in evidence.md. Exit status: 0 complete, unaltered and signed;
1 not; 2 wrong usage. Files that cannot be read end it with Python's own words.
"""
import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

UNSIGNED_MAX_MS = 2 * 3600 * 1000  # a checkpoint is due each hour
LINE = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}\n?', re.DOTALL)
faults = {"complete": [], "unaltered": [], "signed": []}  # verdict -> (row, what is wrong with it)


def read_keys(path):
    """Hex of the raw public key -> its PEM. The raw key is the last 32 bytes of the DER."""
    blocks = re.findall(r"-----BEGIN PUBLIC KEY-----(.*?)-----END PUBLIC KEY-----", Path(path).read_text(), re.DOTALL)
    return {base64.b64decode(b)[-32:].hex(): f"-----BEGIN PUBLIC KEY-----{b}-----END PUBLIC KEY-----\n" for b in blocks}


def is_signed(body, row, keys, folder):
    """Ed25519 over the row's text without its member "sig"."""
    signature, key = str(row.get("sig", "")), keys.get(row.get("key"))
    if key is None or not re.fullmatch("[0-9a-f]{128}", signature):
        return False
    for name, content in (("key", key.encode()), ("sig", bytes.fromhex(signature)),
                          ("text", body.replace(b'"sig":"%s",' % signature.encode(), b"", 1))):
        (folder / name).write_bytes(content)
    return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", folder / "key", "-rawin", "-in", folder / "text",
                           "-sigfile", folder / "sig"], capture_output=True).returncode == 0


def walk(lines, keys, folder, kept):
    """Follows the chain; returns first and last row, the newest signed one, and where pruning is proved to have ended."""
    first = last = signed = None
    last_hash, last_line, pruned = None, 0, set()
    for number, line in enumerate(lines, 1):
        match = LINE.fullmatch(line)
        try:
            body = match[1] + b"}"
            row = json.loads(body)
            seq = int(row["seq"])
        except (TypeError, ValueError, KeyError):
            faults["unaltered"].append((last["seq"] + 1 if last else 1, f"line {number} is no row"))
            continue
        stored = match[2].decode()
        if row.get("kind") == "lost":  # the place of rows that a full disk took; the chain goes on
            faults["complete"].append((row.get("first", seq), "and following were lost (the disk was full)"))
        elif hashlib.sha256(body).hexdigest() != stored:
            faults["unaltered"].append((seq, "does not hash to its hash"))
        elif last and (row["prev"] != last_hash or row["jid"] != last.get("jid", row["jid"])):
            faults["unaltered"].append((seq, "does not chain to the row before"))
        if last and row.get("first", seq) != last["seq"] + 1:
            faults["complete"].append((last["seq"] + 1, "is missing"))
        if row.get("kind") == "checkpoint":
            if is_signed(body, row, keys, folder):
                signed = row
                pruned.add(row.get("pruned_hash"))
            else:
                faults["signed"].append((seq, "is not signed by a key that is known here"))
        if kept and seq == kept["seq"] and stored != kept["hash"]:
            faults["unaltered"].append((seq, "is not the checkpoint that was kept"))
        if row.get("kind") == "lost" and last:
            row = {**last, **row}
        first, last, last_hash = first or row, {"ts": 0, "prev": "", **row}, stored
    return first, last, signed, pruned


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    kept = None
    if len(sys.argv) == 4:
        match = LINE.fullmatch(Path(sys.argv[3]).read_bytes())
        kept = {"seq": json.loads(match[1] + b"}")["seq"], "hash": hashlib.sha256(match[1] + b"}").hexdigest()}
    with tempfile.TemporaryDirectory() as folder, open(sys.argv[1], "rb") as lines:
        first, last, signed, pruned = walk(lines, read_keys(sys.argv[2]), Path(folder), kept)
    if last is None:
        sys.exit("no rows")
    if kept and kept["seq"] > last["seq"]:
        faults["complete"].append((last["seq"] + 1, "and following are gone: a checkpoint of them was kept"))
    if signed is None:
        faults["signed"].append((first["seq"], "and following: no checkpoint signs them"))
    elif last["ts"] - signed["ts"] > UNSIGNED_MAX_MS:
        faults["signed"].append((signed["seq"] + 1, "and following: no checkpoint signs them, hours later"))
    begins = ("with the first row" if first.get("prev") == "0" * 64 else
              "where a signed checkpoint says it was pruned" if first.get("prev") in pruned else "with an excerpt")
    print(f"journal {last.get('jid')}, rows {first['seq']} to {last['seq']}, beginning {begins}"
          + (f"; signed up to row {signed['seq']} by key {signed['key']}" if signed else ""))
    for verdict, found in faults.items():
        seq, what = min(found, default=(0, ""))
        print(f"{verdict + ':':<10} " + (f"NO: row {seq} {what}" if found else "yes"))
    sys.exit(1 if any(faults.values()) else 0)


if __name__ == "__main__":
    main()
