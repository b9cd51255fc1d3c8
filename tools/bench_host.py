# SPDX-License-Identifier: LGPL-2.1-or-later
# What tools/bench needs of the machine: a pool grown by an exact number of pages and put back,
# quiet to measure in, an account of who used the CPUs, and a description of the environment.
import contextlib
import fcntl
import os
import platform
import resource
import subprocess
import time

import bench_math as m

CPUS = len(os.sched_getaffinity(0))
QUIET_WAIT_S = 60
LOCK = os.environ.get("GUESTRAM_TEST_LOCK", "/run/lock/guestram-test.lock")


class Unavailable(Exception):
    """This cannot be measured here; the text says why."""


def read(path):
    with open(path, encoding="ascii", errors="replace") as f:
        return f.read()


def meminfo(key):
    for line in read("/proc/meminfo").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def test_lock():
    """Pools are changed by one at a time."""
    fd = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("bench: waiting for the lock of the tests", flush=True)
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


class Pool:
    """The pool of one page size on the node with the most memory free."""

    def __init__(self, page_size):
        name = f"hugepages/hugepages-{page_size // 1024}kB"
        self.page_size = page_size
        self.all = f"/sys/kernel/mm/{name}"
        self.dir = self.all
        most = -1
        nodes = "/sys/devices/system/node"
        for node in os.listdir(nodes) if os.path.isdir(nodes) else []:
            if node.startswith("node") and os.path.isdir(f"{nodes}/{node}/{name}"):
                free = int(read(f"{nodes}/{node}/meminfo").split("MemFree:")[1].split()[0])
                if free > most:
                    most, self.dir = free, f"{nodes}/{node}/{name}"
        if not os.path.isdir(self.dir):
            raise Unavailable(f"this kernel has no {m.size_text(page_size)} pages")
        self.grown = 0

    def figure(self, name, where=None):
        return int(read(f"{where or self.dir}/{name}_hugepages"))

    def free(self):
        return self.figure("free", self.all)

    def _write(self, count):
        with open(f"{self.dir}/nr_hugepages", "w", encoding="ascii") as f:
            f.write(str(count))

    def _step(self, change):
        """Writes an absolute count that means `change` more; the pages that really came."""
        total, surplus = self.figure("nr"), self.figure("surplus")
        count = m.grow_to(total, surplus, change) if change > 0 else \
            m.shrink_to(total, surplus, -change)
        self._write(count)
        return self.figure("nr") - self.figure("surplus") - (total - surplus)

    def put_back(self):
        if self.grown:
            self.grown += self._step(-self.grown)
        if self.grown:
            raise RuntimeError(f"{self.grown} pages could not be put back: {self.dir}")

    @contextlib.contextmanager
    def grow(self, pages, at_least=None):
        """Adds the pages, or as many as there are if that is at_least so many."""
        if os.geteuid() != 0:
            raise Unavailable("adding huge pages to the pool needs root")
        floor = max(512 << 20, meminfo("MemTotal") // 20)
        room = max(0, meminfo("MemAvailable") - floor) // self.page_size
        wanted = pages if at_least is None else min(pages, room)
        at_least = at_least or pages
        try:
            if at_least <= min(wanted, room):
                for _ in range(8):  # compaction gives more at a second try
                    came = self._step(wanted - self.grown) if wanted > self.grown else 0
                    self.grown += came
                    if not came:
                        break
            if self.grown < at_least:
                raise Unavailable(f"no {m.size_text(self.page_size)} pages: {self.grown} of at "
                                  f"least {at_least} could be had")
            yield self.grown
        finally:
            self.put_back()

    def wait_free(self, count, seconds=10):
        end = time.monotonic() + seconds
        while self.free() < count:
            if time.monotonic() > end:
                raise RuntimeError(f"the pages did not come back to {self.all}")
            time.sleep(0.005)


def ours():
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF),
                                                 resource.getrusage(resource.RUSAGE_CHILDREN)))


class Account:
    """Who used the CPUs while one side was measured. Its children have to be reaped in it."""

    def __init__(self):
        self.disturbed = False
        self.foreign = 0.0

    @contextlib.contextmanager
    def watch(self):
        start, busy, own = time.monotonic(), m.busy_seconds(read("/proc/stat")), ours()
        yield
        elapsed = time.monotonic() - start
        self.foreign = m.foreign_seconds(m.busy_seconds(read("/proc/stat")) - busy, ours() - own)
        self.disturbed = m.disturbed(self.foreign, elapsed, CPUS)


def wait_for_quiet():
    """Until nobody else uses the CPUs, or for a minute. The load average lags, and counts us."""
    end = time.monotonic() + QUIET_WAIT_S
    while time.monotonic() < end:
        account = Account()
        with account.watch():
            time.sleep(0.4)
        if not account.disturbed:
            return True
    return False


def _first_line(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True,
                              stdin=subprocess.DEVNULL).stdout.split("\n")[0]
    except (OSError, subprocess.CalledProcessError):
        return None


def environment(guestram):
    cpu = [line.split(":", 1) for line in read("/proc/cpuinfo").splitlines() if ":" in line]
    cpu = {key.strip(): value.strip() for key, value in cpu}
    thp = "/sys/kernel/mm/transparent_hugepage/enabled"
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "cpu": cpu.get("model name"),
        "cpus": CPUS,
        "virtual_machine": "hypervisor" in cpu.get("flags", "").split(),
        "memory_bytes": meminfo("MemTotal"),
        "available_bytes": meminfo("MemAvailable"),
        "nodes": len([n for n in os.listdir("/sys/devices/system/node")
                      if n.startswith("node")]) if os.path.isdir("/sys/devices/system/node") else 1,
        "thp": read(thp).split("[")[1].split("]")[0] if os.path.exists(thp) else None,
        "load": os.getloadavg(),
        "qemu": _first_line("qemu-system-x86_64", "--version"),
        "guestram": _first_line(guestram, "--version"),
        "commit": _first_line("git", "-C", os.path.dirname(os.path.abspath(__file__)),
                              "describe", "--always", "--dirty"),
        "python": platform.python_version(),
    }
