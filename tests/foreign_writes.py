#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Another tool writes the same pool file, on the running kernel: strace holds guestram up before or
# after its first write to a pool, and in that pause the other one writes. What comes after our write
# is seen when it is read back, is told in the notes, and what is missing is asked for again; what is
# ours is given back and no more. What comes between our reading and our write (some 30 us) is
# overwritten, as the file takes absolute counts; then too nothing of ours may stay behind.
import json
import re
import subprocess
import sys
import time

from kill_writes import GUESTRAM, POOL, NAME, PAGES, TRACE, Wrong, ledger, must, persistent, pools

PAUSE_US = 400000
OWN = 16  # his pool


def total():
    return pools()[POOL][0]


def pool_write(command):
    """Which of its calls of write() is the first to a pool."""
    done = subprocess.run(["strace", "-f", "-qq", "-y", "-o", TRACE, "-e", "trace=write", *command],
                          capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Wrong(f"{command[1]} under strace: exit {done.returncode}: {done.stderr}")
    with open(TRACE, encoding="utf-8", errors="replace") as f:
        for nth, line in enumerate(f, 1):
            if re.search(r"write\(\d+<[^>]*/nr_hugepages", line):
                return nth
    raise Wrong(f"{command[1]} writes to no pool")


def meanwhile(command, nth, when, change):
    """Runs it with a pause before ("enter") or after ("exit") its nth write, in which he writes."""
    process = subprocess.Popen(["strace", "-f", "-qq", "-o", TRACE, "-e", "trace=write", "-e",
                                f"inject=write:delay_{when}={PAUSE_US}:when={nth}", *command],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    if when == "exit":
        before = total()
        while total() == before and time.monotonic() < end:
            time.sleep(0.001)
    else:  # the lease's intent has been written by then
        state = ledger()
        while ledger() == state and time.monotonic() < end:
            time.sleep(0.001)
        time.sleep(PAUSE_US / 4e6)
    persistent(change)
    out, err = process.communicate(timeout=60)
    if process.returncode:
        raise Wrong(f"{command[1]}: exit {process.returncode}: {err}")
    return json.loads(out)


def expect(what, got, wanted):
    if got != wanted:
        raise Wrong(f"{what}: {got}, should be {wanted}")


def reserve_beside(nth, when, change, left, seen):
    """@left: his pool afterwards; @seen: is the write noted?"""
    title = f"reserve, {change:+} {'before' if when == 'enter' else 'after'} our write"
    base = total()
    doc = meanwhile(RESERVE, nth, when, change)
    expect(f"{title}: pages of the lease", sum(g["pages"] for g in doc["lease"]["grants"]), PAGES)
    expect(f"{title}: total", total(), left + PAGES)
    expect(f"{title}: noted", any("somebody else" in note for note in doc["notes"]), seen)
    must(RELEASE)
    expect(f"{title}: total in the end", total(), left)
    persistent(base - left)
    print(f"ok: {title}: {len(doc['rungs'])} rungs, notes {doc['notes']}")


def release_beside(nth, when, change, left):
    title = f"release, {change:+} {'before' if when == 'enter' else 'after'} our write"
    base = total()
    must(RESERVE)
    doc = meanwhile(RELEASE, nth, when, change)
    expect(f"{title}: pages returned", doc["pages_returned"], PAGES)
    expect(f"{title}: leases", ledger(), {})
    expect(f"{title}: total", total(), left)
    persistent(base - left)
    print(f"ok: {title}")


RESERVE = [GUESTRAM, "reserve", NAME, "-m", f"{PAGES * 2}M", "--page-size", "2M", "--json"]
RELEASE = [GUESTRAM, "release", NAME, "--json"]


def main():
    start = pools()
    if ledger():
        print("there are leases: not here")
        return 2
    base = start[POOL][0] + OWN
    persistent(OWN)
    try:
        reserving = pool_write(RESERVE)
        releasing = pool_write(RELEASE)
        reserve_beside(reserving, "exit", 8, base + 8, True)
        reserve_beside(reserving, "exit", -PAGES - 5, base - 5, True)
        reserve_beside(reserving, "exit", -5, base, False)  # as if the kernel had been short
        reserve_beside(reserving, "exit", -PAGES, base, False)
        reserve_beside(reserving, "enter", 8, base, False)
        reserve_beside(reserving, "enter", -8, base, False)
        for change in (5, PAGES + 8, -5):
            release_beside(releasing, "exit", change, base + change)
        release_beside(releasing, "enter", 8, base)
        bad = 0
    except (Wrong, OSError, ValueError, subprocess.SubprocessError) as wrong:
        bad = 1
        print(f"WRONG: {wrong}")
        subprocess.run(RELEASE, check=False, capture_output=True, timeout=60)
    persistent(start[POOL][0] - total())
    if pools() != start or ledger():
        bad = 1
        print(f"WRONG: pools and ledger are {pools()}, {ledger()}; they were {start}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
