# SPDX-License-Identifier: LGPL-2.1-or-later
# The section "inspect" of tools/bench: what it costs to look at the memory of many VMs. A helper of
# the tests maps 64 x 16 GiB with a huge page or a small one here and there. The sides are one plain
# read of that process's smaps, `guestram inspect`, the same with --exact, and one read of its page
# map, entry by entry, which is the least that tools do that walk every page (thpmaps).
import os
import subprocess
import time

import bench_math as m

MIB = 1 << 20
VMS = 64


class Giant:
    """The process, for the time of a `with`."""

    def __init__(self, source, directory):
        self.program = os.path.join(directory, "mixer")
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O2", "-o", self.program, source], check=True)
        self.ranges = []

    def __enter__(self):
        self.process = subprocess.Popen([self.program] + ["giant"] * VMS, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            words = line.split()
            if words == ["ready"]:
                return self
            self.ranges.append((int(words[1], 16), int(words[2].partition("=")[2])))
        self.process.wait()
        raise RuntimeError("this machine cannot make the mappings (no huge page to be had?)")

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def read_smaps(self):
        with open(f"/proc/{self.process.pid}/smaps", "rb", buffering=0) as f:
            while f.read(MIB):
                pass

    def walk(self):
        page = os.sysconf("SC_PAGESIZE")
        with open(f"/proc/{self.process.pid}/pagemap", "rb", buffering=0) as f:
            for start, size in self.ranges:
                offset, end = start // page * 8, (start + size) // page * 8
                while offset < end:
                    offset += len(os.pread(f.fileno(), min(MIB, end - offset), offset))


def seconds(work, times):
    figures = []
    for _ in range(times):
        start = time.monotonic()
        work()
        figures.append(time.monotonic() - start)
    return m.median(figures)


def run(bench, guestram, source):
    with Giant(source, bench.directory) as giant, open(os.devnull, "wb") as null:
        pid = str(giant.process.pid)

        def inspect(*options):
            return lambda: bench.spawn([guestram, "inspect", "--json", *options, pid],
                                       null.fileno())
        rounds, rejected = bench.rounds({
            "smaps": lambda: {"smaps": seconds(giant.read_smaps, 7)},
            "inspect": lambda: {"inspect": seconds(inspect(), 7)},
            "exact": lambda: {"exact": seconds(inspect("--exact"), 3)},
            "walk": lambda: {"walk": seconds(giant.walk, 1)},
        })
        peak = max(bench.peak_resident([guestram, "inspect", "--json", "--exact", pid])
                   for _ in range(3))
    bench.section("inspect", f"guestram inspect --json of {VMS} x 16 GiB, touched here and there",
                  rounds, rejected, {
                      "smaps": "one plain read of smaps", "inspect": "guestram inspect",
                      "exact": "guestram inspect --exact", "walk": "one read of every page's entry",
                  }, peak_resident_bytes=peak)
    print(f"\n  peak resident memory {m.size_text(peak)}")
    bench.bar("inspect / plain read of smaps", m.ratio(rounds, "inspect", "smaps"), 1.5)
    bench.bar("inspect / walk over every page", m.ratio(rounds, "inspect", "walk"), 0.05)
    bench.bar("inspect --exact: peak resident memory, MiB", peak / MIB, 16, below=True)
