#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the real program on hostile input: `mutate.py arguments N` gives it N random command lines,
# `mutate.py files N` N hosts of which one file was mutated. Every run has to end within seconds,
# with an exit code of the contract (0 to 5), never by a signal; a refusal has to say something; and
# --json has to be one JSON document. Nothing touches the real host: --root is a copy of a fixture.
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
program = os.environ.get("GUESTRAM", os.path.join(top, "build", "guestram"))
fixtures = os.path.join(top, "tests", "fixtures")
MESSAGE = "unable to map backing store for guest RAM: Cannot allocate memory"
seed = int(os.environ.get("GUESTRAM_SEED", "20261125"))

VERBS = ["host", "plan", "reserve", "release", "list", "recover", "run", "inspect",
         "doctor"]
OPTIONS = ["--json", "--help", "-m", "--memory", "--page-size", "-p", "--node", "-n", "--backing",
           "-b", "--goal", "--name", "--passthrough", "--shared", "--populate", "--threads",
           "--keep-free", "--timeout", "--max-cache-lost", "--allow", "--print",
           "--user", "--external", "--owner-pid", "--ledger", "--", "--nonsense", "-x", "-"]
VALUES = ["0", "1", "-1", "8G", "1.5G", "12GB", "99999999999999999999", "0x10", "2M", "1G", "3M",
          "30s", "1.5h", "all", "none", "drop-caches,demote", "auto", "4k", "thp", "static",
          "dynamic", "before", "lazy", "0-3", "0,", "65536", "../x", "a/b", ".", "",
          "\xff\xfe", "%s%n", "A" * 5000, "qemu-system-x86_64", "-object",
          "memory-backend-ram,id=a,size=1G", "-m", "size=1G,maxmem=2G", "1", "4194305"]

SETTINGS = """[host]
keep_free = 1G
[reserve]
timeout = 30s
max_cache_lost = all
allow = demote
"""


# What a host with a lease and a process that has huge pages adds to a capture.
LEDGER = {
    "run/guestram/leases/vm1.json": "@tests/fuzz/corpus/ledger/held",
    "proc/1723/stat": "1723 (vhost) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0\n",
    "proc/1723/status": "Name:\tvhost\nHugetlbPages:\t 4194304 kB\n",
    "proc/1723/numa_maps": "7f0000000000 default file=/a huge anon=1 dirty=9 N0=9 "
                           "kernelpagesize_kB=2048\n",
    "proc/sysvipc/shm": "key shmid perms size cpid lpid nattch\n 0 5 600 4194304 1 1 0 0 0 0\n",
    "etc/sysctl.d/90-vm.conf": "vm.nr_hugepages = 64\n",
}


def add_ledger(root):
    for path, text in LEDGER.items():
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        if text.startswith("@"):
            shutil.copy(os.path.join(top, text[1:]), os.path.join(root, path))
        else:
            with open(os.path.join(root, path), "w") as f:
                f.write(text)


def run(root, words):
    """Runs the program; returns what is wrong, or None."""
    try:
        done = subprocess.run([program, *words, "--root", root] if "--" not in words else
                              [program, words[0], "--root", root, *words[1:]],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "hangs"
    except ValueError:
        return None  # a NUL byte: cannot be an argument
    if not 0 <= done.returncode <= 5:
        return f"ends with {done.returncode}"
    if done.returncode in (2, 3, 4, 5) and not done.stderr:
        return f"exit {done.returncode} without a word"
    if done.returncode == 0 and "--json" in words and "--help" not in words and "-h" not in words:
        try:
            json.loads(done.stdout)
        except ValueError as e:
            return f"no JSON: {e}"
    return None


def random_words(rng):
    # No VMM is started: `run` only ever prints.
    verb = rng.choice(VERBS)
    words = [rng.choice(VERBS + ["", "nope", "--help"])] if rng.random() < 0.05 else [verb]
    if words[0] == "run":
        words.append("--print")
    for _ in range(rng.randrange(0, 9)):
        words.append(rng.choice(OPTIONS if rng.random() < 0.6 else VALUES))
    return [w.replace("\0", "") for w in words]


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 6)):
        kind = rng.randrange(6)
        at = rng.randrange(len(data) + 1)
        if kind == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = rng.choice([b"\0", b"\n", b"-", b"18446744073709551615", b"kB", b" " * 64,
                                      b"9" * 30, b"0", b"," * 9, bytes(rng.randrange(256)
                                                                      for _ in range(8))])
        elif kind == 2:
            del data[at:at + rng.randrange(1, 64)]
        elif kind == 3:
            data = data[:at]
        elif kind == 4:
            data += data[:4096]
        else:
            data = bytearray(rng.choice([b"", b"\0", b"x", b"-1\n", b"A" * 70000]))
    return bytes(data)


def files_of(root):
    found = []
    for where, _, names in os.walk(root):
        found += [os.path.join(where, n) for n in names if not n.startswith("host.")]
    return sorted(f for f in found if not os.path.islink(f))


def worker(kind, count, number):
    rng = random.Random(seed + number)
    work = tempfile.mkdtemp(prefix="guestram-mutate-")
    names = sorted(n for n in os.listdir(fixtures) if os.path.isdir(os.path.join(fixtures, n)))
    roots = []
    for name in names:
        root = os.path.join(work, name)
        shutil.copytree(os.path.join(fixtures, name), root, symlinks=True)
        os.makedirs(os.path.join(root, "etc", "guestram"), exist_ok=True)
        with open(os.path.join(root, "etc", "guestram", "guestram.conf"), "w") as f:
            f.write(SETTINGS)
        add_ledger(root)
        roots.append((root, files_of(root)))
    bad = []
    try:
        for _ in range(count):
            root, files = rng.choice(roots)
            if kind == "arguments":
                words, what = random_words(rng), None
                wrong = run(root, words)
            else:
                path = rng.choice(files)
                with open(path, "rb") as f:
                    old = f.read()
                new = mutate(rng, old)
                with open(path, "wb") as f:
                    f.write(new)
                words = rng.choice([["host", "--json"], ["host"], ["plan", "-m", "8G", "--json"],
                                    ["plan", "-m", "1G", "-b", "static"], ["list", "--json"],
                                    ["doctor", "--ledger", "--json"], ["doctor", "--ledger"],
                                    ["doctor", "--json"], ["doctor", "--error", MESSAGE],
                                    ["doctor", "--error", MESSAGE, "--", "qemu-system-x86_64",
                                     "-m", "8G", "-mem-path", "/dev/hugepages"]])
                wrong = run(root, words)
                what = (os.path.relpath(path, work), new[:200])
                with open(path, "wb") as f:
                    f.write(old)
            if wrong:
                bad.append((wrong, words, what))
                if len(bad) > 5:
                    break
    finally:
        shutil.rmtree(work)
    return bad


def main():
    kind, count = sys.argv[1], int(sys.argv[2])
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(worker, kind, count // workers, i) for i in range(workers)]
        bad = [b for job in jobs for b in job.result()]
    for wrong, words, what in bad[:10]:
        print(f"{wrong}: {words!r} {what or ''}")
    print(f"{count} {kind}: {len(bad)} wrong (seed {seed})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
