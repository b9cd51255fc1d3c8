#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL at every system call of a reservation and of a release, on the running kernel: strace
# counts the calls of one that gets through, and then kills one guestram before each of them, in
# turn (what is killed before the next call is killed after this one). After each, one recovery must
# leave pools and ledger either as they were before the command or as they are after it. Of the
# kills that leave a new kind of half-done lease, the recovery is killed at each of its calls too.
#   kill_writes.py [--writes]    --writes: only calls that change something
import ctypes
import glob
import json
import mmap
import os
import re
import subprocess
import sys

GUESTRAM = os.environ.get("GUESTRAM", "build/guestram")
LEASES = "/run/guestram/leases"
NAME = "kill-writes"
POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB"
PAGES, SIZE = 12, 2 << 20
WRITES = {"write", "pwrite64", "renameat", "renameat2", "unlinkat", "mkdirat", "ftruncate", "fsync",
          "flock", "ioctl", "set_mempolicy", "madvise", "mmap", "munmap"}
FEW = {"write", "renameat", "unlinkat"}
RESERVE = [GUESTRAM, "reserve", NAME, "-m", f"{PAGES * 2}M", "--page-size", "2M"]
RELEASE = [GUESTRAM, "release", NAME]
RECOVER = [GUESTRAM, "recover"]
libc = ctypes.CDLL(None, use_errno=True)
TRACE = f"/tmp/kill-writes.{os.getpid()}"


class Wrong(Exception):
    pass


def number(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


def pools():
    """Persistent and surplus pages of the host and of every node; and what is free."""
    dirs = [POOL] + glob.glob("/sys/devices/system/node/node*/hugepages/hugepages-2048kB")
    return {d: tuple(number(f"{d}/{kind}_hugepages") for kind in ("nr", "surplus", "free"))
            for d in dirs}


def ledger():
    """All that lies in the ledger; of our lease its state and pages."""
    found = {}
    for file in os.listdir(LEASES) if os.path.isdir(LEASES) else []:
        found[file] = None
        if file == NAME + ".json":
            with open(f"{LEASES}/{file}", encoding="utf-8") as f:
                lease = json.load(f)
            grants = [(g["node"], g["asked_pages"], g["pages"], g["promoted_pages"])
                      for g in lease["grants"]]
            found[file] = (lease["state"], tuple(grants))
    return found


def run(command, **options):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=60, **options)


def must(command):
    done = run(command)
    if done.returncode:
        raise Wrong(f"{' '.join(command)}: exit {done.returncode}: {done.stderr}")


def calls_of(command, only):
    """How often each system call is made, by a run that gets through."""
    done = run(["strace", "-f", "-qq", "-o", TRACE, *command])
    if done.returncode:
        raise Wrong(f"{' '.join(command)} under strace: exit {done.returncode}: {done.stderr}")
    counts = {}
    with open(TRACE, encoding="utf-8", errors="replace") as f:
        for line in f:
            name = re.match(r"\d+ +(\w+)\(", line)
            if name and (not only or name[1] in only) and name[1] not in ("execve", "exit_group"):
                counts[name[1]] = counts.get(name[1], 0) + 1
    return counts


def killed_at(command, call, nth):
    """Runs it until the nth such call, which is not made any more."""
    done = run(["strace", "-f", "-qq", "-o", TRACE, "-e", f"trace={call}",
                "-e", f"inject={call}:signal=KILL:when={nth}", *command])
    if done.returncode not in (0, -9):
        raise Wrong(f"{' '.join(command)} killed at {call} {nth}: exit {done.returncode}: "
                    f"{done.stderr}")
    return done.returncode == -9


def hold(pages):
    """Pages in use; the mapping lets go of them when it is closed."""
    fd = libc.memfd_create(b"holder", 0x0004 | 21 << 26)
    os.ftruncate(fd, pages * SIZE)
    memory = mmap.mmap(fd, pages * SIZE)
    os.close(fd)
    for page in range(pages):
        memory[page * SIZE] = 1
    return memory


def persistent(add):
    """Another owner's change of the pool."""
    nr, surplus, _ = pools()[POOL]
    with open(f"{POOL}/nr_hugepages", "w", encoding="ascii") as f:
        f.write(str(nr - surplus + add))


class Scene:
    """What stands in the pools before, and whether the lease's pages are used when it is released."""

    def __init__(self, title, surplus=0, owner=0, in_use=False):
        self.title, self.surplus, self.owner, self.in_use = title, surplus, owner, in_use
        self.memory, self.used, self.start = [], None, None

    def begin(self):
        if self.owner:  # somebody's own pool; half of it in use, if there is no surplus beside it
            persistent(self.owner)
            self.memory.append(hold(self.owner if self.surplus else self.owner // 2))
        if self.surplus:  # another tool's hand-over
            persistent(self.surplus)
            self.memory.append(hold(self.surplus))
            persistent(-self.surplus)
            if pools()[POOL][1] < self.surplus:
                raise Wrong(f"{self.title}: others' free pages are in the way")
        self.start = pools()

    def back(self, before):
        """To where the command began, from wherever a kill left things."""
        if (pools(), ledger()) == before:
            return
        if self.used is not None:
            self.used.close()
        must(RECOVER)
        if before[1] and not ledger():
            must(RESERVE)
        elif ledger() and not before[1]:
            must(RELEASE)
        if self.used is not None:
            self.used = hold(PAGES)
        if (pools(), ledger()) != before:
            raise Wrong(f"{self.title}: not as before: {(pools(), ledger())}, {before}")

    def end(self):
        if self.used is not None:
            self.used.close()
        for memory in self.memory:
            memory.close()
        if self.owner:
            persistent(-self.owner)


def settle(what, scene, before, after):
    """One recovery: then all is as before, or all is as after."""
    must(RECOVER)
    now = (pools(), ledger())
    if now not in (before, after):
        raise Wrong(f"{scene.title}: {what}: after the recovery {now}, neither {before} nor {after}")
    return now == after


def recover_killed(what, scene, again, before, after, only):
    """The same situation again and again, and its recovery killed at each of its calls."""
    again()
    counts, kills = calls_of(RECOVER, only), 0
    settle(what, scene, before, after)
    for call, count in counts.items():
        for nth in range(1, count + 1):
            again()
            kills += killed_at(RECOVER, call, nth)
            settle(f"{what}, recover killed at {call} {nth}", scene, before, after)
    return kills


def kill_everywhere(scene, command, only):
    before = (pools(), ledger())
    counts = calls_of(command, only)
    after = (pools(), ledger())
    scene.back(before)
    kills, done, seen = 0, 0, {str(before), str(after)}
    for call, count in counts.items():
        for nth in range(1, count + 1):
            what = f"{command[1]} killed at {call} {nth}"

            def again(call=call, nth=nth):
                scene.back(before)
                return killed_at(command, call, nth)

            kills += again()
            left = str((pools(), ledger()))
            done += settle(what, scene, before, after)
            if left not in seen:
                seen.add(left)
                kills += recover_killed(what, scene, again, before, after, only or WRITES)
            scene.back(before)
    if kills < sum(counts.values()) or not 0 < done < kills:
        raise Wrong(f"{scene.title}: {command[1]}: {kills} kills at {sum(counts.values())} calls, "
                    f"{done} of them too late to matter")
    print(f"{scene.title}: {command[1]}: {kills} kills at {sum(counts.values())} calls, "
          f"{len(seen) - 2} kinds of half-done leases")


def enumerate_kills(scene, only):
    kill_everywhere(scene, RESERVE, only)
    must(RESERVE)
    if scene.in_use:
        scene.used = hold(PAGES)
    kill_everywhere(scene, RELEASE, only)
    if scene.used is not None:
        scene.used.close()
        scene.used = None
    must(RELEASE)
    if (pools(), ledger()) != (scene.start, {}):
        raise Wrong(f"{scene.title}: in the end {pools()}, {ledger()}, not {scene.start}")


def free_kib():
    with open("/proc/meminfo", encoding="ascii") as f:
        return int(re.search(r"MemFree: *(\d+)", f.read())[1])


def middle_of_growth(pages, tries):
    """A kill ends a growth early: that moment lies within one call, so memory is watched."""
    start, partial = pools(), 0
    for number_of in range(tries):
        begin, share = free_kib(), 0.1 + 0.8 * number_of / tries
        process = subprocess.Popen([*RESERVE[:4], f"{pages * 2}M", *RESERVE[5:]],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while free_kib() > begin - share * pages * SIZE / 1024 and process.poll() is None:
            pass
        process.kill()
        process.wait()
        partial += 0 < pools()[POOL][0] - start[POOL][0] < pages
        must(RECOVER)
        if ledger():
            must(RELEASE)
        if (pools(), ledger()) != (start, {}):
            raise Wrong(f"killed in the middle of a growth: {pools()}, {ledger()}, not {start}")
    if not partial:
        raise Wrong("no kill came in the middle of a growth")
    print(f"{partial} of {tries} kills came in the middle of a growth by {pages} pages")


def main():
    only = WRITES if "--writes" in sys.argv else None
    start = pools()
    bad = 0
    if ledger():
        print("there are leases: not here")
        return 2
    for arguments in [("empty pools",), ("beside a pool of 16, half in use", 0, 16),
                      ("beside 8 surplus pages", 8), ("beside 8 surplus pages and a full pool", 8, 16),
                      ("released in use", 0, 0, True)]:
        scene = Scene(*arguments)
        try:
            scene.begin()
            # A release of pages in use waits for them a while, each time.
            enumerate_kills(scene, FEW if scene.in_use else only)
        except (Wrong, OSError, ValueError, subprocess.SubprocessError) as wrong:
            bad += 1
            print(f"WRONG: {wrong}", flush=True)
            run(RECOVER)
            run(RELEASE)
        scene.end()
    try:
        middle_of_growth(1024, 40)
    except Wrong as wrong:
        bad += 1
        print(f"WRONG: {wrong}")
    if os.path.exists(TRACE):
        os.unlink(TRACE)
    if pools() != start or ledger():
        bad += 1
        print(f"WRONG: pools and ledger are {pools()}, {ledger()}; they were {start}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
