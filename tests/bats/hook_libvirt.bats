#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# libvirt's hook under a real libvirtd with TCG guests of 64 MiB (tests/helpers/libvirt_host): the
# order of its operations, its errors, and what is left when the daemon or QEMU is killed.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=500

setup_file() {
	export GUESTRAM_HOOK=${GUESTRAM_HOOK:-$(dirname "$GUESTRAM")/guestram-libvirt-hook}
	export LIBVIRT_HOST_CACHE=$BATS_FILE_TMPDIR/cache LIBVIRT_HOST_NO_START=1
	mkdir -p "$LIBVIRT_HOST_CACHE"
}

setup() {
	must_root
	command -v libvirtd >/dev/null || must_run "no libvirtd"
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	unshare -m -n -p -i -f true 2>/dev/null || must_run "no name spaces"
	lock_pools
	before=$(pools)
}

teardown() {
	[ -z "${before:-}" ] || [ "$(pools)" = "$before" ]
}

# The commands on standard input, with our hook in place beside one that notes every operation.
host() {
	{
		cat <<'END'
mkdir -p /etc/libvirt/hooks/qemu.d
install -m 755 "$GUESTRAM_HOOK" /etc/libvirt/hooks/qemu.d/guestram
printf '%s\n' '#!/bin/sh' 'echo "$1 $2" >>/run/operations' >/etc/libvirt/hooks/qemu.d/aaa
chmod 755 /etc/libvirt/hooks/qemu.d/aaa
policy() { echo "<g:domain xmlns:g='urn:guestram:domain:1' $1/>"; }
define() { # NAME [MIB [POLICY]]
	domain "$1" "${2:-64}" "$(huge 2048)" "$(policy "${3:-backing='dynamic'}")" >"/mnt/$1.xml"
	vsh define "/mnt/$1.xml"
}
state() { # NAME KEY
	[ -e "/run/guestram/leases/$1.json" ] || { echo none; return; }
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' \
		"/run/guestram/leases/$1.json" "$2"
}
pool_is() { [ "$(pool 2048)" -eq "$1" ]; }
daemon_start
p=$(pool 2048)
END
		cat
	} | run_host
}

run_host() {
	cat >"$BATS_TEST_TMPDIR/commands"
	run "$TESTS/helpers/libvirt_host" "$BATS_TEST_TMPDIR/commands"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "start, stop, managed save and restore: reserved at prepare, proved at started, given back" {
	host <<'END'
define vm1
vsh start vm1
pool_is $((p + 32))
[ "$(state vm1 state)" = owned ]
[ "$(state vm1 owner_pid)" = "$(qemu_pid vm1)" ]
vsh managedsave vm1
pool_is "$p"
[ "$(state vm1 state)" = none ]
vsh start vm1 # from the image
pool_is $((p + 32))
vsh destroy vm1
pool_is "$p"
[ "$(tr '\n' ' ' </run/operations)" = "vm1 prepare vm1 start vm1 started vm1 stopped vm1 release \
vm1 restore vm1 prepare vm1 start vm1 started vm1 stopped vm1 release " ]
"$GUESTRAM" list --history vm1 --json | python3 -c '
import json, sys
events = json.load(sys.stdin)["events"]
assert [(e["action"], e["outcome"]) for e in events] == 2 * [
    ("prepare", "reserved"), ("started", "kept"), ("stopped", "returned")], events
assert all("64 MiB of 64 MiB on 2 MiB pages" in e["message"] for e in events[1::3])'
END
}

@test "refused: the reason and the remedy are in virsh's error, nothing is left" {
	host <<'END'
define big 900000
! vsh start big 2>/mnt/err || exit 1
grep -q "guestram: big: .* short by .* would fit now" /mnt/err
define typo 64 "backing='dynamc'"
! vsh start typo 2>/mnt/err || exit 1
grep -q "guestram: typo: line .*backing='dynamc'.*one of: none, thp, static, dynamic" /mnt/err
pool_is "$p"
[ -z "$(ls -A /run/guestram/leases)" ]
# A domain that is not ours fails without pages, as ever, and nothing of ours is in its way.
domain other 64 "$(huge 2048)" >/mnt/other.xml
! vsh create /mnt/other.xml 2>/mnt/err || exit 1
! grep -q guestram /mnt/err || exit 1
END
}

@test "QEMU killed: the pages come home" {
	host <<'END'
define vm1
vsh start vm1
kill -KILL "$(qemu_pid vm1)"
wait_for 30 pool_is "$p"
[ "$(state vm1 state)" = none ]
END
}

@test "the daemon killed and started again beside a running guest: nothing changes" {
	host <<'END'
define vm1
vsh start vm1
pid=$(qemu_pid vm1)
daemon_kill
daemon_start
wait_for 30 grep -q '"action":"reconnect"' /run/guestram/history
pool_is $((p + 32))
[ "$(qemu_pid vm1)" = "$pid" ] && kill -0 "$pid"
[ "$(state vm1 owner_pid)" = "$pid" ]
# Without its lease nothing of the guest's pages is ours.
rm /run/guestram/leases/vm1.json
daemon_restart
lease_is() { [ "$(state vm1 state)" = "$1" ]; }
wait_for 30 lease_is external
vsh destroy vm1
lease_is none
pool_is $((p + 32))
echo "$p" >/proc/sys/vm/nr_hugepages
END
}

@test "the daemon killed while a start waits for its pages, and before it is told of the start" {
	host <<'END'
define vm1
define vm2
vsh start vm2
vsh destroy vm2
flock /run/guestram/lock sleep 6 &
sleep 1
timeout 60 virsh -q start vm1 >/dev/null 2>&1 &
wait_for 30 grep -q "vm1 prepare" /run/operations
sleep 1
daemon_kill
sleep 7
[ "$(state vm1 state)" = none ]
pool_is "$p"
daemon_start
# QEMU is there, and what comes before our hook at started takes its time. The next daemon takes the
# guest over at reconnect, and so does the hook.
printf '%s\n' '#!/bin/sh' '[ "$2" != started ] || { touch /run/waits; sleep 5; }' \
	>/etc/libvirt/hooks/qemu.d/aaa
timeout 60 virsh -q start vm1 >/dev/null 2>&1 &
wait_for 60 test -e /run/waits
pool_is $((p + 32))
daemon_kill
daemon_start
owner_is() { [ "$(state vm1 owner_pid)" = "$1" ]; }
wait_for 60 owner_is "$(qemu_pid vm1)"
[ "$(state vm1 state)" = owned ]
pool_is $((p + 32))
vsh destroy vm1
pool_is "$p"
[ "$(state vm1 state)" = none ]
END
}

@test "two domains started together, ten times" {
	host <<'END'
define vm1
define vm2 96
for i in 1 2 3 4 5 6 7 8 9 10; do
	vsh start vm1 & one=$!
	vsh start vm2 & two=$!
	wait $one
	wait $two
	pool_is $((p + 32 + 48))
	vsh destroy vm1 & one=$!
	vsh destroy vm2 & two=$!
	wait $one
	wait $two
	pool_is "$p"
done
[ "$(grep -c '"outcome":"kept"' /run/guestram/history)" -eq 20 ]
END
}

@test "a name that is no file name" {
	host <<'END'
define 'x y;z'
vsh start 'x y;z'
pool_is $((p + 32))
[ "$(state domain.x_20y_3bz owner_pid)" = "$(qemu_pid 'x y;z')" ]
vsh destroy 'x y;z'
pool_is "$p"
END
}
