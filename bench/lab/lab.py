#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The frozen lab: every contender for huge pages starts from the same state of the same guest.

A guest (QEMU, emulated) is brought into a state by guest.sh and saved once; then each contender is
restored from that file, told its name over the serial line, and answers with one line of JSON. Frozen
guests are kept below the cache directory, under the hash of what they were made from.

  lab.py            all cells of LAB_STATES x LAB_KERNELS x LAB_NODES x LAB_SIZES x LAB_CONTENDERS
  lab.py --table    only docs/lab.md from the results there are

LAB_RESULTS names the file of results (docs/lab.json), one line a run, in which old lines of the same
cell are replaced.
"""
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import qemu
import table

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
GUEST = TOP / "tests/guest"
CACHE = pathlib.Path(os.environ.get("GUESTRAM_CACHE", pathlib.Path.home() / ".cache/guestram")) / "lab"
CONTENDERS = ["plain", "rewrite", "compact-loop", "drop-caches", "hugeadm", "proxmox", "guestram",
              "exhaustive", "guestram-most"]
MEM_MIB = {"2M": 3072, "1G": 8192}
PAGE_KIB = {"2M": 2048, "1G": 1048576}
# What is asked for: a part of the RAM, but never all that is available in that state, so that nobody
# has to run the guest out of memory for it.
PERCENT, SPARE_KIB = 75, 200 << 10
# The lab asks what can be had, so the time is what a person would wait, and swap may be used.
OPTIONS = os.environ.get("LAB_GUESTRAM_OPTIONS", "--timeout 120")
RUN_SECONDS = 400
TOOLS_BYTES = 32 << 20


def chosen(name, default):
    """The words of an environment variable; of what there is a list of, only words that are on it."""
    words = os.environ.get(name, "").replace(",", " ").split()
    for word in words:
        if name in ("LAB_STATES", "LAB_CONTENDERS", "LAB_SIZES") and word not in default:
            sys.exit(f"lab: {name}: '{word}' is none of {', '.join(default)}")
    return words or default


def build(work):
    """The programs: those of the state go into the initramfs, those under test onto a disk."""
    for name in ("fragment", "probe"):
        subprocess.run(["cc", "-O2", "-static", "-o", work / name, HERE / f"{name}.c"], check=True)
    tools = work / "tools"
    tools.mkdir()
    programs = {"guestram": os.environ.get("GUESTRAM", TOP / "build/guestram"),
                "hugeadm": shutil.which("hugeadm")}
    for name, program in programs.items():
        if not program:
            raise RuntimeError(f"no {name}: tools/setup lab installs it")
        shutil.copy(program, tools / name)
        libs = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
        for word in libs.split():
            if word.startswith("/") and not (tools / pathlib.Path(word).name).exists():
                shutil.copy(word, tools)
    shutil.copy(work / "probe", tools)
    for name in ("contender", "foretell", "program"):
        shutil.copy(HERE / f"{name}.sh", tools / name)
    subprocess.run(["tar", "-C", tools, "-cf", work / "tools.tar", "."], check=True)
    if (work / "tools.tar").stat().st_size > TOOLS_BYTES:
        raise RuntimeError("the tools are larger than their disk, whose size belongs to the state")
    os.truncate(work / "tools.tar", TOOLS_BYTES)


def cell_key(cell):
    """What a frozen guest was made from."""
    digest = hashlib.sha256()
    for path in [HERE / "guest.sh", HERE / "fragment.c", GUEST / "init", GUEST / "mkinitrd"]:
        digest.update(path.read_bytes())
    made_by = [cell["kernel_file"], qemu.machine(cell["mib"], cell["nodes"]), qemu.version()]
    digest.update(json.dumps(made_by).encode())
    return f"{cell['state']}-{cell['kernel']}-{cell['nodes']}n-{cell['size']}-{digest.hexdigest()[:12]}"


def freeze(cell, work):
    """The directory of the frozen guest, made if it is not there."""
    home = CACHE / cell_key(cell)
    cell["initrd"] = home / "initrd"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "state.zst").exists():
            make_frozen(cell, home, work)
    return home


def make_frozen(cell, home, work):
    print(f"  freezing {home.name}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    modules = [w for m in ("virtio_pci", "virtio_blk") for w in ("--module", m)]
    subprocess.run([GUEST / "mkinitrd", "--kernel-dir",
                    pathlib.Path(cell["kernel_file"]).parent.parent, "-o", home / "initrd",
                    "--add", f"{work}/fragment:/bin/fragment", *modules, "--", HERE / "guest.sh",
                    cell["state"], cell["size"]], check=True)
    for name, mib in (("data", 16384), ("swap", 2048)):
        with open(home / name, "wb") as f:
            f.truncate(mib << 20)
    guest = qemu.Guest(cell, work, [("tools", work / "tools.tar", "on"), ("data", home / "data", "off"),
                               ("swap", home / "swap", "off")])
    try:
        words = guest.wait_for("LAB-READY", 400).split()
        total_kib, available_kib = int(words[-2]), int(words[-1])
        wanted_kib = min(total_kib * PERCENT // 100, available_kib - SPARE_KIB)
        (home / "pages").write_text(str(max(1, wanted_kib // PAGE_KIB[cell["size"]])))
        guest.command("stop")
        guest.command("migrate-set-parameters", **{"max-bandwidth": 1 << 33})
        guest.command("migrate", uri=f"exec:zstd -1 -q > {home}/state.part && mv {home}/state.part "
                                     f"{home}/state.whole")
        guest.status(["completed"], "query-migrate")
    finally:
        guest.close()
    # The compressor ends when QEMU has, and not before.
    end = time.monotonic() + 60
    while not (home / "state.whole").exists():
        if time.monotonic() > end:
            raise RuntimeError("the saved state is not whole")
        time.sleep(0.1)
    (home / "state.whole").rename(home / "state.zst")


def busy_seconds():
    """CPU time of this machine that anybody has used."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _idle, _wait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def run(cell, contender, work):
    home = freeze(cell, work)
    guest = qemu.Guest(cell, work, [("tools", work / "tools.tar", "on"), ("data", home / "data", "on"),
                               ("swap", home / "swap", "on")], home / "state.zst")
    try:
        guest.status(["paused", "running"])
        guest.command("cont")
        line = f"{contender} {PAGE_KIB[cell['size']]} {(home / 'pages').read_text()}"
        if contender.startswith("guestram"):
            line += f" {OPTIONS}"
        # The first characters that come may be lost; blanks in front of a line are none of it.
        guest.serial.sendall(b" " * 64 + line.encode() + b"\n")
        guest.wait_for("LAB-BEGIN", 60)
        start, busy, own = time.monotonic(), busy_seconds(), guest.cpu_seconds()
        text = guest.wait_for("LAB-END", RUN_SECONDS)
        others = busy_seconds() - busy - (guest.cpu_seconds() - own)
        share = max(0, others) / (time.monotonic() - start) / os.cpu_count()
    finally:
        guest.close()
    lines = [l for l in text.splitlines() if l.startswith("{")]
    if not lines:
        raise RuntimeError(f"no answer: {text[-400:]}")
    answer = json.loads(lines[-1])
    return {k: cell[k] for k in ("state", "kernel", "nodes", "size")} | answer | {
        "others_share": round(share, 2),  # of the host's CPUs: times are worth less then
        "frozen": (home / "state.zst").stat().st_mtime_ns}


def kernel_file(version):
    out = subprocess.run([GUEST / "fetch", version], check=True, capture_output=True, text=True)
    return out.stdout.split()[0]


def stop(number, _frame):
    """So that no QEMU is left behind."""
    print(f"lab: ended by signal {number}", file=sys.stderr, flush=True)
    raise SystemExit(128 + number)


def measure(cells, results, rows):
    """Runs what was chosen; every answer is written down at once. Returns (rows, failures)."""
    failed = 0

    def attempt(what, function, *arguments):
        nonlocal failed
        try:
            return function(*arguments)
        except (RuntimeError, subprocess.CalledProcessError, OSError, ValueError) as why:
            print(f"FAILED {what}: {why}", file=sys.stderr, flush=True)
            failed += 1
            return None

    with tempfile.TemporaryDirectory(prefix="guestram-lab.") as name:
        work = pathlib.Path(name)
        build(work)
        for cell in cells:
            what = f"{cell['size']} {cell['nodes']}n {cell['kernel']} {cell['state']}"
            if not attempt(what, freeze, cell, work):
                continue
            for contender in chosen("LAB_CONTENDERS", CONTENDERS):
                row = attempt(f"{what} {contender}", run, cell, contender, work)
                if row:
                    print(table.line(row), file=sys.stderr, flush=True)
                    rows = table.add(rows, row)
                    table.save(results, rows)
    return rows, failed


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    results = pathlib.Path(os.environ.get("LAB_RESULTS", TOP / "docs/lab.json"))
    rows = table.load(results)
    failed = 0
    if "--table" not in sys.argv:
        kernels = {k: kernel_file(k) for k in chosen("LAB_KERNELS", ["6.1", "6.12"])}
        cells = [{"state": state, "kernel": kernel, "nodes": int(nodes), "size": size,
                  "mib": MEM_MIB[size], "kernel_file": kernels[kernel]}
                 for size in chosen("LAB_SIZES", ["2M", "1G"])
                 for nodes in chosen("LAB_NODES", ["1", "2"] if size == "2M" else ["1"])
                 for kernel in kernels for state in chosen("LAB_STATES", table.STATES)]
        rows, failed = measure(cells, results, rows)
    if results == TOP / "docs/lab.json":
        table.write_page(TOP / "docs/lab.md", rows)
    return 1 if failed else 0


sys.exit(main())
