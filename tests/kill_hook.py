#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL at every system call of libvirt's hook that changes something: of prepare, started and
# release, on the running kernel, for a stand-in QEMU. Run inside tests/helpers/hook_host. strace
# counts the calls of a hook that gets through, then kills one before each of them in turn. After
# each, one recovery must leave either what was before or what is after, and what libvirt then calls
# (release) must leave nothing.
# The XML of the domain kill-hook is on standard input; its stand-in QEMU runs.
import json
import os
import re
import subprocess
import sys

HOOK = os.environ["GUESTRAM_HOOK"]
GUESTRAM = os.environ["GUESTRAM"]
NAME = "kill-hook"
LEASE = f"/run/guestram/leases/{NAME}.json"
POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB"
PAGES = 12
CHANGES = {"write", "pwrite64", "renameat", "renameat2", "rename", "unlinkat", "mkdirat", "mkdir",
           "ftruncate", "flock"}
TRACE = "/run/t/trace"


class Wrong(Exception):
    pass


def pool():
    counts = []
    for kind in ("nr", "surplus"):
        with open(f"{POOL}/{kind}_hugepages", encoding="ascii") as f:
            counts.append(int(f.read()))
    return counts[0] - counts[1]


def lease():
    if not os.path.exists(LEASE):
        return None
    with open(LEASE, encoding="utf-8") as f:
        found = json.load(f)
    return found["state"], found["keeper_pid"], sum(g["pages"] for g in found["grants"])


def hook(xml, operation, wrap=()):
    op, subop, reason = operation
    done = subprocess.run([*wrap, HOOK, NAME, op, subop, reason], input=xml, text=True,
                          capture_output=True, check=False, timeout=60)
    if done.stdout:
        raise Wrong(f"{op} says on standard output: {done.stdout}")
    return done


def must(xml, operation):
    done = hook(xml, operation)
    if done.returncode:
        raise Wrong(f"{operation}: exit {done.returncode}: {done.stderr}")


def recover():
    subprocess.run([GUESTRAM, "recover"], check=False, timeout=60, capture_output=True)


def calls_of(xml, operation):
    hook(xml, operation, ["strace", "-f", "-qq", "-o", TRACE])
    counts = {}
    with open(TRACE, encoding="utf-8", errors="replace") as f:
        for line in f:
            call = re.match(r"\d+ +(\w+)\(", line)
            if call and call[1] in CHANGES:
                counts[call[1]] = counts.get(call[1], 0) + 1
    return counts


PREPARE = ("prepare", "begin", "-")
STARTED = ("started", "begin", "-")
FAILED = ("release", "end", "failed")
STOPPED = ("stopped", "end", "destroyed")
NOTHING = None
PENDING = ("pending", 0, PAGES)
OWNED = ("owned", 0, PAGES)
# Operation, what comes before it, which leases are right after a kill and a recovery.
CASES = [
    (PREPARE, [], (NOTHING, PENDING)),
    (STARTED, [PREPARE], (PENDING, OWNED)),
    (FAILED, [PREPARE], (NOTHING, PENDING)),
    (PREPARE, [PREPARE], (NOTHING, PENDING)),
]


def one(xml, base, case, call, number):
    operation, before, right = case
    for earlier in before:
        must(xml, earlier)
    inject = f"inject={call}:signal=KILL:when={number}"
    done = hook(xml, operation, ["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject])
    killed = done.returncode not in (0, 1)
    recover()
    found = lease()
    if found not in right:
        raise Wrong(f"lease {found}, not one of {right}")
    if pool() != base + (found[2] if found else 0):
        raise Wrong(f"{pool()} pages with lease {found}, {base} before")
    must(xml, STOPPED)
    must(xml, FAILED)
    if lease() or pool() != base:
        raise Wrong(f"after release: {pool()} pages, lease {lease()}, {base} before")
    return killed


def main():
    xml = sys.stdin.read()
    base = pool()
    must(xml, PREPARE)  # makes the state directory
    must(xml, FAILED)
    for case in CASES:
        for earlier in case[1]:
            must(xml, earlier)
        counts = calls_of(xml, case[0])
        must(xml, FAILED)
        kills = 0
        for call, count in sorted(counts.items()):
            for number in range(1, count + 1):
                try:
                    kills += one(xml, base, case, call, number)
                except Wrong as wrong:
                    print(f"{case[0][0]} after {[e[0] for e in case[1]]}, killed at {call} "
                          f"{number}: {wrong}")
                    return 1
        print(f"{case[0][0]} after {[e[0] for e in case[1]]}: {kills} kills at {sum(counts.values())} "
              f"calls")
        if kills < 5:
            print("too few were killed for a proof")
            return 1
    return 0


sys.exit(main())
