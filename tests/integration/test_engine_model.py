#!/usr/bin/python3
"""The alarm life cycle against its reference model: the same events, the same states, outputs and replies.

EVENTS random events (100,000; the nightly test: 10,000,000) over all 32 configurations go through
`engine-step` and through the model's `step`; what comes out must be the same to the letter. A tour goes
through every pair of reachable state and event, and the pairs that were exercised are counted against what
the model's `explore` finds. The same walks go once more through an engine that is restarted from its journal
at random moments: nothing may differ.

The model is no part of this repository: it lies beside the checkout in shared/alarms/, or where
WATCHROOM_ALARM_MODEL says. Where it does not, the test is skipped, and says so.
"""
import importlib.util
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

FLAGS = ("latch", "on_delay", "off_delay", "ack_required", "shelvable")
EVENTS_IN_ALL = int(os.environ.get("EVENTS", 100_000))
EVENTS_OF_A_WALK = 50_000
RESTARTS = int(os.environ.get("RESTARTS", 4))  # of one walk
SEED = int(os.environ.get("SEED", 20261123))
SOURCE = Path(os.environ.get("WATCHROOM_SOURCE", Path(__file__).resolve().parents[2]))
PROGRAM = str(Path(os.environ.get("WATCHROOM_BUILD", SOURCE / "build")) / "tests" / "engine-step")
MODEL = Path(os.environ.get("WATCHROOM_ALARM_MODEL", SOURCE / ".." / "shared" / "alarms" / "reference_model.py"))


def load_model():
    spec = importlib.util.spec_from_file_location("reference_model", MODEL)
    model = importlib.util.module_from_spec(spec)
    sys.modules["reference_model"] = model
    spec.loader.exec_module(model)
    return model


def run(command, events):
    """The lines that come out."""
    done = subprocess.run(command, input="\n".join([*events, ""]).encode(), capture_output=True, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stderr.decode()}")
    return done.stdout.splitlines()


def names_of(flags):
    return ",".join(flags) or "-"


def reach(model, flags):
    """state -> the state behind each event, for every state that can be reached."""
    config = model.Config(**{name: name in flags for name in FLAGS})
    edges, queue = {}, deque([model.Alarm()])
    while queue:
        state = queue.popleft()
        if state not in edges:
            edges[state] = [model.step(state, event, config)[0] for event in model.EVENTS]
            queue.extend(edges[state])
    return edges


def way_to_news(edges, left, state):
    """Events to the nearest state with something left to try."""
    before, queue = {state: None}, deque([state])
    while queue:
        here = queue.popleft()
        if left[here]:
            way = []
            while before[here] is not None:
                here, event = before[here]
                way.append(event)
            return way[::-1]
        for event, after in enumerate(edges[here]):
            if after not in before:
                before[after] = (here, event)
                queue.append(after)
    return None


def tour(model, edges):
    """Events that begin with an alarm at rest and take every event in every state at least once."""
    left = {state: set(range(len(model.EVENTS))) for state in edges}
    state, events = model.Alarm(), []
    while True:
        way = [min(left[state])] if left[state] else way_to_news(edges, left, state)
        if way is None:
            return [model.EVENTS[event] for event in events]
        for event in way:
            left[state].discard(event)
            state = edges[state][event]
        events += way


def weighted(model, rnd, count):
    """Suppressions and bad quality hide much: half the walks meet them rarely, so that both sides are seen."""
    rare = model.EVENTS[7:18] if rnd.random() < 0.5 else ()
    weights = [1 if event in rare else 8 for event in model.EVENTS]
    return rnd.choices(model.EVENTS, weights, k=count)


def with_restarts(rnd, events):
    places = set(rnd.sample(range(len(events)), min(RESTARTS, len(events))))
    return [line for i, event in enumerate(events) for line in (["restart", event] if i in places else [event])]


def first_difference(what, flags, events, ours, theirs):
    if ours == theirs:
        return None
    if len(ours) != len(theirs):
        return f"{what} {names_of(flags)}: {len(events)} events, {len(ours)} answers, {len(theirs)} of the model"
    i = next(i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1])
    return (f"{what} {names_of(flags)}: after event {i + 1}, {events[i]} (before it: {events[max(0, i - 8):i]})\n"
            f"  engine: {ours[i].decode()}\n  model:  {theirs[i].decode()}")


def state_of(line):
    return line[:line.index(b', "isa"')]


def compare(walk):
    """-> the faults in words, how many answers were compared, the pairs of state and event met."""
    flags, events, seed = walk
    names, rnd = names_of(flags), random.Random(seed)
    theirs = run([sys.executable, str(MODEL), "step", names], events)
    if len(theirs) != len(events):
        return [f"the model answers {len(theirs)} of {len(events)} events"], 0, set()
    faults = [first_difference("step", flags, events, run([PROGRAM, names], events), theirs)]
    with tempfile.TemporaryDirectory(prefix="watchroom-step-") as folder:
        ours = run([PROGRAM, names, folder], with_restarts(rnd, events))
        faults.append(first_difference("engine and journal", flags, events, ours, theirs))
    # Which state comes before the first event is told by an event that does nothing there.
    before = state_of(run([PROGRAM, names], ["ack_old_occurrence"])[0])
    met = set()
    for event, line in zip(events, theirs):
        met.add((before, event))
        before = state_of(line)
    return [fault for fault in faults if fault], 2 * len(events), met


def check_bad_input():
    for arguments, text in ((["latch,nonsense"], ""), ([], ""), (["-"], "no_such_event\n"), (["-"], "\n"),
                            (["-"], "x" * 1000 + "\n"), (["-"], "restart\n"), (["-", "/no/such/folder"], ""),
                            (["-", "/tmp", "more"], "")):
        done = subprocess.run([PROGRAM, *arguments], input=text, text=True, capture_output=True, timeout=10)
        if done.returncode not in (1, 2) or done.stdout or not done.stderr:
            sys.exit(f"engine-step {arguments} with {text[:20]!r}: status {done.returncode}, {done.stdout!r}")


def walks(model, reached):
    """(flags, events, seed): the tours, then the random ones."""
    rnd = random.Random(SEED)
    made = [(flags, tour(model, edges), rnd.random()) for flags, edges in reached.items()]
    for flags in reached:
        left = EVENTS_IN_ALL // len(reached)
        while left > 0:
            made.append((flags, weighted(model, rnd, min(left, EVENTS_OF_A_WALK)), rnd.random()))
            left -= len(made[-1][1])
    return made


def main():
    check_bad_input()
    if not MODEL.exists():
        print(f"SKIPPED: the reference model is not at {MODEL}; NOTHING WAS COMPARED. unit.alarm_step and "
              "unit.engine_invariants hold the life cycle to its invariants without it", file=sys.stderr)
        return 77
    model = load_model()
    explored = subprocess.run([sys.executable, str(MODEL), "explore"], capture_output=True, text=True, check=True).stdout
    states, pairs = map(int, re.search(r"(\d+) states, (\d+) edges", explored).groups())
    reached = {}
    for on in product((False, True), repeat=len(FLAGS)):
        flags = tuple(name for name, is_on in zip(FLAGS, on) if is_on)
        reached[flags] = reach(model, flags)
    assert sum(len(edges) for edges in reached.values()) == states, "this test and the model reach different states"

    faults, answers, met = [], 0, {flags: set() for flags in reached}
    made = walks(model, reached)
    with ProcessPoolExecutor(2) as pool:
        for walk, (found, count, pairs_met) in zip(made, pool.map(compare, made)):
            faults += found
            answers += count
            met[walk[0]] |= pairs_met
    for fault in faults:
        print(fault)
    exercised = sum(len(of_flags) for of_flags in met.values())
    print(f"{len(reached)} configurations, {sum(len(w[1]) for w in made[len(reached):])} random events and "
          f"{sum(len(w[1]) for w in made[:len(reached)])} of tours, {answers} answers compared: "
          f"{len(faults)} walks differ from the model")
    print(f"pairs of state and event exercised: {exercised} of {pairs} reachable")
    print(f"restarts from the journal: {sum(min(RESTARTS, len(w[1])) for w in made)}")
    return 1 if faults or exercised != pairs else 0


if __name__ == "__main__":
    sys.exit(main())
