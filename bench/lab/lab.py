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
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import table

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
GUEST = TOP / "tests/guest"
CACHE = pathlib.Path(os.environ.get("GUESTRAM_CACHE", pathlib.Path.home() / ".cache/guestram")) / "lab"
STATES = ["fresh", "clean-cache", "dirty-cache", "movable-holes", "slab", "unmovable-sparse",
          "unmovable-dense", "locked", "everything"]
CONTENDERS = ["plain", "rewrite", "compact-loop", "drop-caches", "hugeadm", "proxmox", "guestram",
              "exhaustive"]
MEM_MIB = {"2M": 3072, "1G": 8192}
PAGE_KIB = {"2M": 2048, "1G": 1048576}
# What is asked for: a part of the RAM, but never all that is available in that state, so that nobody
# has to run the guest out of memory for it.
PERCENT, SPARE_KIB = 75, 200 << 10
# The lab asks what can be had, so the time is what a person would wait, and swap may be used.
OPTIONS = os.environ.get("LAB_GUESTRAM_OPTIONS", "--timeout 120")
RUN_SECONDS = 240


def chosen(name, default):
    words = os.environ.get(name, "").replace(",", " ").split()
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
    shutil.copy(HERE / "contender.sh", tools / "contender")
    subprocess.run(["tar", "-C", tools, "-cf", work / "tools.tar", "."], check=True)
    os.truncate(work / "tools.tar", (32 << 20))


class Guest:
    """One QEMU with its serial line and its monitor."""

    def __init__(self, cell, work, disks, incoming=None):
        self.work = work
        mem, nodes = MEM_MIB[cell["size"]], cell["nodes"]
        args = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-accel", "tcg,thread=multi", "-cpu", "max,-erms", "-machine",
                "pc,usb=off,hpet=off", "-m", f"{mem}M",
                "-smp", f"{2 * nodes},sockets={nodes},cores=2,threads=1",
                "-kernel", cell["kernel_file"], "-initrd", cell["initrd"],
                "-append", "console=ttyS0 quiet panic=-1 nokaslr",
                "-serial", f"unix:{work}/serial,server=on,wait=off",
                "-qmp", f"unix:{work}/qmp,server=on,wait=off"]
        for node in range(nodes):
            args += ["-object", f"memory-backend-ram,id=ram{node},size={mem // nodes}M",
                     "-numa", f"node,nodeid={node},memdev=ram{node},cpus={2 * node}-{2 * node + 1}"]
        for name, path, snapshot in disks:
            args += ["-drive", f"if=none,id={name},format=raw,file={path},snapshot={snapshot}",
                     "-device", f"virtio-blk-pci,drive={name},serial={name}"]
        if incoming:
            args += ["-incoming", f"exec:zstd -dc {incoming}"]
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(f"{work}/qemu", "w"))
        self.serial = self.connect("serial")
        self.monitor = self.connect("qmp")
        self.text = ""
        self.command("qmp_capabilities")

    def connect(self, name):
        end = time.monotonic() + 20
        while True:
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(f"{self.work}/{name}")
                return s
            except OSError:
                s.close()
                if time.monotonic() > end or self.process.poll() is not None:
                    raise RuntimeError(open(f"{self.work}/qemu").read()) from None
                time.sleep(0.05)

    def command(self, name, **arguments):
        self.monitor.settimeout(60)
        self.monitor.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        buffer = b""
        while True:
            buffer += self.monitor.recv(65536)
            for line in buffer.split(b"\r\n")[:-1]:
                answer = json.loads(line)
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise RuntimeError(answer["error"]["desc"])
            buffer = buffer.rsplit(b"\r\n", 1)[-1]

    def wait_for(self, mark, seconds):
        """The serial line up to and with the line that holds a mark."""
        end = time.monotonic() + seconds
        while True:
            at = self.text.find(mark)
            if at >= 0 and "\n" in self.text[at:]:
                stop = self.text.index("\n", at) + 1
                seen, self.text = self.text[:stop], self.text[stop:]
                return seen
            if "LAB-FAILED" in self.text or time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"no {mark}: {self.text[-600:]}")
            self.serial.settimeout(1)
            try:
                self.text += self.serial.recv(65536).decode(errors="replace").replace("\r", "")
            except TimeoutError:
                pass

    def status(self, wanted, query="query-status", seconds=90):
        end = time.monotonic() + seconds
        while self.command(query).get("status") not in wanted:
            if time.monotonic() > end:
                raise RuntimeError(f"{query}: not {wanted}")
            time.sleep(0.1)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.serial.close()
        self.monitor.close()


def cell_key(cell):
    """What a frozen guest was made from."""
    digest = hashlib.sha256()
    for path in [HERE / "guest.sh", HERE / "fragment.c", GUEST / "init", GUEST / "mkinitrd"]:
        digest.update(path.read_bytes())
    digest.update(json.dumps([cell["kernel_file"], MEM_MIB[cell["size"]]]).encode())
    return f"{cell['state']}-{cell['kernel']}-{cell['nodes']}n-{cell['size']}-{digest.hexdigest()[:12]}"


def freeze(cell, work):
    """The directory of the frozen guest, made if it is not there."""
    home = CACHE / cell_key(cell)
    cell["initrd"] = home / "initrd"
    if (home / "state.zst").exists():
        return home
    print(f"  freezing {home.name}", file=sys.stderr)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    modules = [w for m in ("virtio_pci", "virtio_blk") for w in ("--module", m)]
    subprocess.run([GUEST / "mkinitrd", "--kernel-dir",
                    pathlib.Path(cell["kernel_file"]).parent.parent, "-o", home / "initrd",
                    "--add", f"{work}/fragment:/bin/fragment", *modules, "--", HERE / "guest.sh",
                    cell["state"]], check=True)
    for name, mib in (("data", 16384), ("swap", 2048)):
        with open(home / name, "wb") as f:
            f.truncate(mib << 20)
    guest = Guest(cell, work, [("tools", work / "tools.tar", "on"), ("data", home / "data", "off"),
                               ("swap", home / "swap", "off")])
    try:
        words = guest.wait_for("LAB-READY", 400).split()
        total_kib, available_kib = int(words[-2]), int(words[-1])
        wanted_kib = min(total_kib * PERCENT // 100, available_kib - SPARE_KIB)
        (home / "pages").write_text(str(max(1, wanted_kib // PAGE_KIB[cell["size"]])))
        guest.command("stop")
        guest.command("migrate-set-parameters", **{"max-bandwidth": 1 << 33})
        guest.command("migrate", uri=f"exec:zstd -1 -q > {home}/state.part")
        guest.status(["completed"], "query-migrate")
    finally:
        guest.close()
    (home / "state.part").rename(home / "state.zst")
    return home


def run(cell, contender, work):
    home = freeze(cell, work)
    guest = Guest(cell, work, [("tools", work / "tools.tar", "on"), ("data", home / "data", "on"),
                               ("swap", home / "swap", "on")], home / "state.zst")
    try:
        guest.status(["paused", "running"])
        guest.command("cont")
        line = f"{contender} {PAGE_KIB[cell['size']]} {(home / 'pages').read_text()}"
        if contender == "guestram":
            line += f" {OPTIONS}"
        guest.serial.sendall(line.encode() + b"\n")
        guest.wait_for("LAB-BEGIN", 60)
        text = guest.wait_for("LAB-END", RUN_SECONDS)
    finally:
        guest.close()
    lines = [l for l in text.splitlines() if l.startswith("{")]
    if not lines:
        raise RuntimeError(f"no answer: {text[-400:]}")
    answer = json.loads(lines[-1])
    return {k: cell[k] for k in ("state", "kernel", "nodes", "size")} | answer


def kernel_file(version):
    out = subprocess.run([GUEST / "fetch", version], check=True, capture_output=True, text=True)
    return out.stdout.split()[0]


def main():
    results = pathlib.Path(os.environ.get("LAB_RESULTS", TOP / "docs/lab.json"))
    rows = table.load(results)
    failed = 0
    if "--table" not in sys.argv:
        kernels = {k: kernel_file(k) for k in chosen("LAB_KERNELS", ["6.1", "6.12"])}
        cells = [{"state": state, "kernel": kernel, "nodes": int(nodes), "size": size,
                  "kernel_file": kernels[kernel]}
                 for size in chosen("LAB_SIZES", ["2M", "1G"])
                 for nodes in chosen("LAB_NODES", ["1", "2"] if size == "2M" else ["1"])
                 for kernel in kernels for state in chosen("LAB_STATES", STATES)]
        with tempfile.TemporaryDirectory(prefix="guestram-lab.") as name:
            work = pathlib.Path(name)
            build(work)
            for cell in cells:
                for contender in chosen("LAB_CONTENDERS", CONTENDERS):
                    try:
                        row = run(cell, contender, work)
                    except (RuntimeError, subprocess.CalledProcessError, OSError, ValueError) as why:
                        print(f"FAILED {cell['state']} {cell['kernel']} {contender}: {why}",
                              file=sys.stderr)
                        failed += 1
                        continue
                    print(table.line(row), file=sys.stderr, flush=True)
                    rows = table.add(rows, row)
                    table.save(results, rows)
    if results == TOP / "docs/lab.json":
        table.write_page(TOP / "docs/lab.md", rows)
    return 1 if failed else 0


sys.exit(main())
