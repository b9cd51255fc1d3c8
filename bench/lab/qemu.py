# SPDX-License-Identifier: LGPL-2.1-or-later
"""One emulated guest of the lab, with its serial line and its monitor. The disks are virtio: QEMU
cannot save a guest that has an nvme drive."""
import json
import os
import socket
import subprocess
import time

QEMU = "qemu-system-x86_64"


def machine(mib, nodes):
    """Two CPUs in all, since emulation takes one of the host's for each. The memory is the host's before
    the guest runs: what its first touch costs the host would be the guest's time, of the first most.
    """
    args = [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", "tcg,thread=multi", "-cpu", "max,-erms", "-machine", "pc,usb=off,hpet=off",
            "-m", f"{mib}M", "-smp", f"2,sockets={nodes},cores={2 // nodes},threads=1"]
    for node in range(nodes):
        args += ["-object", f"memory-backend-ram,id=ram{node},size={mib // nodes}M,"
                            "prealloc=on,prealloc-threads=2",
                 "-numa", f"node,nodeid={node},memdev=ram{node},"
                          f"cpus={'0-1' if nodes == 1 else node}"]
    return args


def version():
    return subprocess.run([QEMU, "--version"], check=True, capture_output=True, text=True).stdout


class Guest:
    """One QEMU with its serial line and its monitor."""

    def __init__(self, cell, work, disks, incoming=None):
        self.work = work
        # With us it dies, however we do.
        args = ["setpriv", "--pdeathsig", "KILL", *machine(cell["mib"], cell["nodes"]),
                "-kernel", cell["kernel_file"], "-initrd", cell["initrd"],
                "-append", "console=ttyS0 quiet panic=-1 nokaslr",
                "-serial", f"unix:{work}/serial,server=on,wait=off",
                "-qmp", f"unix:{work}/qmp,server=on,wait=off"]
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
        end = time.monotonic() + 120  # memory is touched first, and may be cold
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

    def cpu_seconds(self):
        """What QEMU has used of the host's CPUs."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.serial.close()
        self.monitor.close()
