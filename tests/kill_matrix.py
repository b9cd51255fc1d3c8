#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL of guestram, of the VMM, and of both, while guestram reserves, starts the VMM, runs it and
# gives back: after each, a VMM that was running lives on, and once everybody is gone the next
# guestram command leaves pools and ledger as they were.
#   kill_matrix.py TRIES MIB -- VMM ARGS...
import json
import os
import random
import signal
import subprocess
import sys
import time

guestram = os.environ.get("GUESTRAM", "build/guestram")
LEASES = "/run/guestram/leases"
PHASES = ["reserving", "starting", "running", "giving back"]
VICTIMS = ["guestram", "vmm", "both"]
delivered = {}
rng = random.Random(int(os.environ.get("GUESTRAM_SEED", "7")))


def pools():
    seen = {}
    for base in ["/sys/kernel/mm/hugepages"] + [
            f"/sys/devices/system/node/{n}/hugepages" for n in os.listdir("/sys/devices/system/node")
            if n.startswith("node")]:
        for size in sorted(os.listdir(base)):
            for name in ["nr_hugepages", "surplus_hugepages"]:
                with open(f"{base}/{size}/{name}", encoding="ascii") as f:
                    seen[f"{base}/{size}/{name}"] = int(f.read())
    return seen


def owner(name):
    """The VMM's pid by the lease, once it is there."""
    try:
        with open(f"{LEASES}/{name}.json", encoding="utf-8") as f:
            return json.load(f)["owner_pid"] or None
    except (OSError, ValueError):
        return None


def alive(pid):
    """As long as one of its threads lives: a process whose first thread has ended still has its
    memory."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    for tid in threads:
        try:
            with open(f"/proc/{pid}/task/{tid}/stat", encoding="ascii", errors="replace") as f:
                if f.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                    return True
        except OSError:
            pass
    return False


def wait_for(what, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.0005)
    return None


def kill(pid, number=signal.SIGKILL):
    """Only ever one process of ours: None, 0 and negative ids mean others, or everybody."""
    if not pid or pid <= 1:
        return
    try:
        os.kill(pid, number)
        delivered[number] = delivered.get(number, 0) + 1
    except ProcessLookupError:
        pass


def reach(phase, victim, process, name):
    """Waits until the phase has begun; returns the VMM's pid if it is known."""
    lease = f"{LEASES}/{name}.json"
    if phase == "reserving":
        wait_for(lambda: os.path.exists(lease) or process.poll() is not None)
        if victim == "vmm":  # there is none before its lease says so: the first moment there is
            wait_for(lambda: owner(name) or process.poll() is not None)
        time.sleep(rng.uniform(0, 0.004))
        return owner(name)
    wait_for(lambda: owner(name) or process.poll() is not None)
    pid = owner(name)
    if not pid:
        return None
    if phase == "starting":
        time.sleep(rng.uniform(0, 0.06))
        return pid
    wait_for(lambda: os.path.exists(f"/proc/{pid}/exe") and
             "guestram" not in os.readlink(f"/proc/{pid}/exe"))
    time.sleep(rng.uniform(0.15, 0.3))
    if phase == "giving back":
        # Its end is what begins the give-back: for the victim "vmm" that end is the kill.
        kill(pid, signal.SIGKILL if victim == "vmm" else signal.SIGTERM)
        time.sleep(rng.uniform(0, 0.012))
    return pid


def trial(phase, victim, number, mib, vmm):
    name = f"kill-{os.getpid()}-{number}"
    before = pools()
    process = subprocess.Popen([guestram, "run", "-b", "dynamic", "--name", name, "--", *vmm],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    pid = reach(phase, victim, process, name)
    if victim in ("guestram", "both"):
        kill(process.pid)
    if victim in ("vmm", "both"):
        kill(pid)
    lives, early = None, False
    if phase == "running" and victim == "guestram":
        process.wait()
        time.sleep(0.02)
        lives = alive(pid)
        subprocess.run([guestram, "recover"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        early = lives and pools() == before
        lives = lives and alive(pid)
    # Whoever is left ends now, in its own way or by force; a VMM may only be on its way yet.
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        pid = owner(name) or pid
        if pid and alive(pid):
            kill(pid, signal.SIGTERM if end - time.monotonic() > 5 else signal.SIGKILL)
        time.sleep(0.01)
    if process.poll() is None:
        kill(process.pid)
        process.wait()
        return "guestram did not end"
    pid = owner(name) or pid
    if pid and alive(pid):
        kill(pid, signal.SIGTERM)
        if not wait_for(lambda: not alive(pid), 5):
            kill(pid)
    wait_for(lambda: not (owner(name) and alive(owner(name))), 5)
    done = subprocess.run([guestram, "recover"], capture_output=True, text=True)
    if done.returncode:
        return f"recover: exit {done.returncode}: {done.stderr}"
    if lives is False:
        return "the VMM did not outlive guestram"
    if early:
        return "the pages were given back under a VM that lives"
    after = pools()
    if after != before:
        return f"pools differ: {[(k, before[k], after[k]) for k in before if before[k] != after[k]]}"
    if os.path.exists(f"{LEASES}/{name}.json"):
        return "the lease is still there"
    return None


def main():
    tries, mib = int(sys.argv[1]), int(sys.argv[2])
    vmm = sys.argv[sys.argv.index("--") + 1:]
    bad, number = 0, 0
    for phase in PHASES:
        for victim in VICTIMS:
            for _ in range(tries):
                number += 1
                killed = delivered.get(signal.SIGKILL, 0)
                wrong = trial(phase, victim, number, mib, vmm)
                if not wrong and delivered.get(signal.SIGKILL, 0) == killed:
                    wrong = "nobody was killed"
                if wrong:
                    bad += 1
                    print(f"killing {victim} while {phase}: {wrong}")
    print(f"{number} kills, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
