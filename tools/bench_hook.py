# SPDX-License-Identifier: LGPL-2.1-or-later
# The section "hook" of tools/bench: what libvirt's hook costs at the start of a domain that is not
# ours. The sides get the same XML: an empty static program, which is the least that any hook costs;
# the hook for a domain without huge pages and for one that has them and no policy; and the shell
# script that many people have there, which looks for programs below qemu.d/NAME/OPERATION/STATE.
import os
import subprocess
import time

import bench_math as m

TIMES = 30
DISPATCHER = """#!/bin/bash
place=$(dirname "$0")/qemu.d/$1/$2/$3
if [ -f "$place" ] && [ -x "$place" ]; then
	"$place" "$@"
elif [ -d "$place" ]; then
	while read -r program; do
		[ -z "$program" ] || "$program" "$@" || exit 1
	done <<<"$(find -L "$place" -maxdepth 1 -type f -executable | sort)"
fi
"""
DISK = "<disk type='file' device='disk'><source file='/var/lib/libvirt/images/d.qcow2'/></disk>"
DOMAIN = ("<domain type='kvm'><name>bench</name><memory unit='GiB'>8</memory>%s<devices>"
          + DISK * 60 + "</devices></domain>")
PLAIN = (DOMAIN % "").encode()
HUGE = (DOMAIN % "<memoryBacking><hugepages/></memoryBacking>").encode()


def make(directory):
    empty = os.path.join(directory, "empty")
    subprocess.run(["cc", "-O2", "-static", "-x", "c", "-o", empty, "-"], check=True,
                   input=b"int main(void) { return 0; }\n")
    script = os.path.join(directory, "hooks", "qemu")
    os.makedirs(os.path.join(directory, "hooks/qemu.d/bench/prepare/begin"))
    with open(script, "w", encoding="ascii") as f:
        f.write(DISPATCHER)
    os.chmod(script, 0o755)
    return empty, script


def call(program, xml, null):
    """As libvirt does, with the XML in a pipe (it fits one)."""
    read_end, write_end = os.pipe()
    os.write(write_end, xml)
    os.close(write_end)
    start = time.monotonic()
    pid = os.posix_spawn(program, [program, "bench", "prepare", "begin", "-"], os.environ,
                         file_actions=[(os.POSIX_SPAWN_DUP2, read_end, 0),
                                       (os.POSIX_SPAWN_DUP2, null, 1)])
    _, status = os.waitpid(pid, 0)
    elapsed = time.monotonic() - start
    os.close(read_end)
    if status:
        raise RuntimeError(f"{program}: status {status}")
    return elapsed


def run(bench, hook):
    if not os.access(hook, os.X_OK):
        raise RuntimeError(f"there is no program {hook}")
    empty, script = make(bench.directory)
    with open(os.devnull, "wb") as null:
        def side(name, program, xml):
            return {name: lambda: {name: m.median([call(program, xml, null.fileno())
                                                   for _ in range(TIMES)])}}
        rounds, rejected = bench.rounds({
            **side("empty", empty, PLAIN), **side("plain", hook, PLAIN),
            **side("huge", hook, HUGE), **side("script", script, PLAIN)})
    bench.section("hook", "libvirt's hook at the start of a domain that is not ours", rounds,
                  rejected, {
                      "empty": "an empty static program", "plain": "hook, no huge pages",
                      "huge": "hook, huge pages and no policy", "script": "shell dispatcher",
                  })
    bench.bar("hook / empty static program", m.ratio(rounds, "plain", "empty"), 1.5)
    bench.bar("hook with huge pages, no policy / empty", m.ratio(rounds, "huge", "empty"), 1.5)
    bench.bar("hook / shell dispatcher", m.ratio(rounds, "plain", "script"), 0.5)
