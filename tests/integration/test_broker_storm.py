#!/usr/bin/python3
"""A storm through the broker as it ships: more alarms at once than mosquitto queues by default. A desk that was away has
every row when it is back, a new console every state, and after kill -9 of the broker the gateway says all of it again."""
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from broker_rig import LIVE, BrokerRig, Listener  # noqa: E402
from rig import POINTS, wait_for  # noqa: E402

DEVICES = 60
ALARMS = DEVICES * POINTS
BY_DEFAULT = 1000 # mosquitto's max_queued_messages


def desk_of(rig):
    return Listener(rig.person("anna"), f"{LIVE}/event/facilities", "-c", "-x", "3600", "-i", "watchroom-desk")


def states(rig):
    console = Listener(rig.person("bert"), f"{LIVE}/alarm/#")
    begin = time.monotonic()
    wait_for("every state", lambda: len({topic for topic, _ in console.heard()}) >= ALARMS, 30, 0.05)
    return time.monotonic() - begin


def main():
    assert ALARMS > BY_DEFAULT
    with BrokerRig(devices=DEVICES) as rig:
        rig.start_gateway()
        rig.wait_all_up()
        wait_for("the session", rig.is_connected)
        desk_of(rig).close()
        wait_for("the first rows to be told", rig.is_told)
        after = rig.status()["journal"]["committed"]
        begin = time.monotonic()
        rig.sim(*[f"set {device} p{k} {1 if k == POINTS else 40000}" for device in rig.places for k in range(1, POINTS + 1)])
        wait_for("the alarms", lambda: len(rig.live()) >= ALARMS, interval=0.1)
        wait_for("the broker to have them", rig.is_told)
        took = time.monotonic() - begin
        want = [row["seq"] for row in rig.log("alarm") if row["seq"] > after and "facilities" in row["alarm"]["audience"]]
        assert len(want) >= ALARMS
        desk = desk_of(rig)
        wait_for("the desk to have every row", lambda: len([r for r in desk.rows() if r["kind"] == "alarm"]) >= len(want), 30, 0.1)
        # ... of alarms: that this is a flood is told, too.
        heard = [row["seq"] for row in desk.rows() if row["seq"] > after and row["kind"] == "alarm"]
        assert any(row["kind"] == "flood" for row in desk.rows())
        assert sorted(set(heard)) == want, (len(heard), len(want))
        print(f"{ALARMS} alarms told in {took:.1f} s, {len(want)} rows to a desk that was away")
        print(f"a new console had every state after {states(rig):.2f} s")
        rig.stop_broker(kill=True)
        rig.start_broker()
        wait_for("the gateway at the broker", lambda: rig.is_connected() and rig.is_told())
        states(rig)
        assert rig.status()["broker"]["refused"] == 0
        print("kill -9 of the broker: every state again")


if __name__ == "__main__":
    main()
