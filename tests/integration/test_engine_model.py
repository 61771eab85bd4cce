#!/usr/bin/python3
"""The alarm life cycle against its reference model: the same events, the same states, outputs and replies.

100,000 random events over all 32 configurations go through `engine-step` and through the model's `step`;
every line that comes out must say the same. The model is no part of this repository: it lies beside
the checkout in shared/alarms/. Where it does not, the test is skipped, and says so.
"""
import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

FLAGS = ("latch", "on_delay", "off_delay", "ack_required", "shelvable")
EVENTS = ("in_true", "in_false", "on_delay_over", "off_delay_over", "ack", "ack_old_occurrence", "reset",
          "shelve", "unshelve", "shelf_over", "design_on", "design_off", "oos_on", "oos_off", "test_on", "test_off",
          "quality_bad", "quality_good", "realarm")
EVENTS_IN_ALL = 100_000
SEED = 20261123


def run(command, events):
    done = subprocess.run(command, input="".join(e + "\n" for e in events), text=True, capture_output=True,
                          timeout=240)
    if done.returncode != 0:
        sys.exit(f"{command}: status {done.returncode}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def weighted(rnd, count):
    """Suppressions and bad quality hide much: half the walks meet them rarely, so that both sides are seen."""
    rare = EVENTS[7:18] if rnd.random() < 0.5 else ()
    weights = [1 if e in rare else 8 for e in EVENTS]
    return rnd.choices(EVENTS, weights, k=count)


def compare(program, model, flags, events):
    """None, or in words where the two part."""
    names = ",".join(flags) or "-"
    ours = run([program, names], events)
    theirs = run([sys.executable, model, "step", names], events)
    if len(ours) != len(events) or len(theirs) != len(events):
        return f"{names}: {len(events)} events, {len(ours)} answers, {len(theirs)} from the model"
    for i, (our, their) in enumerate(zip(ours, theirs)):
        if our != their:
            return (f"{names}: after event {i + 1}, {events[i]} (before it: {events[max(0, i - 8):i]})\n"
                    f"  engine: {our}\n  model:  {their}")
    return None


def check_bad_input(program):
    for arguments, text in ((["latch,nonsense"], ""), ([], ""), (["-"], "no_such_event\n"), (["-"], "\n"),
                            (["-"], "x" * 1000 + "\n")):
        done = subprocess.run([program, *arguments], input=text, text=True, capture_output=True, timeout=10)
        if done.returncode not in (1, 2) or done.stdout:
            sys.exit(f"engine-step {arguments} with {text[:20]!r}: status {done.returncode}, {done.stdout!r}")


def main():
    source = Path(os.environ.get("WATCHROOM_SOURCE", Path(__file__).resolve().parents[2]))
    build = Path(os.environ.get("WATCHROOM_BUILD", source / "build"))
    program = str(build / "tests" / "engine-step")
    model = source / ".." / "shared" / "alarms" / "reference_model.py"
    check_bad_input(program)
    if not model.exists():
        print(f"SKIPPED: the reference model is not at {model}; nothing was compared", file=sys.stderr)
        return 77
    rnd = random.Random(SEED)
    walks = []
    for on in product((False, True), repeat=len(FLAGS)):
        flags = [name for name, is_on in zip(FLAGS, on) if is_on]
        walks.append((flags, weighted(rnd, EVENTS_IN_ALL // 32)))
    with ThreadPoolExecutor(2) as pool:
        faults = [f for f in pool.map(lambda walk: compare(program, str(model), *walk), walks) if f]
    for fault in faults:
        print(fault)
    count = sum(len(events) for _, events in walks)
    print(f"{len(walks)} configurations, {count} events: {len(faults)} differ from the model")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
