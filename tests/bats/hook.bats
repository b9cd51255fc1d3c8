#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# libvirt's hook on the running kernel's pools, driven as libvirt drives it: with a stand-in for QEMU
# and in name spaces of its own (tests/helpers/hook_host), SIGKILL at its system calls
# (tests/kill_hook.py), and with a real libvirtd and TCG guests (tests/helpers/libvirt_host).

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=400

setup_file() {
	export GUESTRAM_HOOK=${GUESTRAM_HOOK:-$(dirname "$GUESTRAM")/guestram-libvirt-hook}
	export TESTS
	helper standin qemu-system-standin
}

setup() {
	must_root
	unshare -m -n -p -i -f true 2>/dev/null || must_run "no name spaces"
	lock_pools
	before=$(pools)
}

teardown() {
	[ -z "${before:-}" ] || [ "$(pools)" = "$before" ]
}

host() { # the commands on standard input
	run "$TESTS/helpers/hook_host" "$BATS_FILE_TMPDIR/bin"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "one static file" {
	run ldd "$GUESTRAM_HOOK"
	grep -q -e "statically linked" -e "not a dynamic executable" <<<"$output"
	! readelf -l "$GUESTRAM_HOOK" | grep -q INTERP
}

@test "C67: restore, daemon restart, release twice: the pool goes up once and down once" {
	host <<'END'
xml=$(domain vm1 $UUID_A)
p=$(pool)
seq_of vm1 "$xml" release/end restore/begin
[ "$(pool)" -eq "$p" ]
seq_of vm1 "$xml" prepare/begin
[ "$(pool)" -eq $((p + 12)) ]
[ "$(lease vm1 state)" = pending ]
[ "$(lease vm1 domain_uuid)" = $UUID_A ]
"$GUESTRAM" recover # the hook is gone and QEMU not there yet: nothing to put right
[ "$(pool)" -eq $((p + 12)) ]
"$GUESTRAM" doctor --ledger --json >/run/t/ledger || true
! grep -q "nobody took it over" /run/t/ledger || exit 1
seq_of vm1 "$xml" start/begin
qemu_start vm1
seq_of vm1 "$xml" started/begin
grep -q "24 MiB of 24 MiB on 2 MiB pages" "$HOOK_ERR"
[ "$(lease vm1 state)" = owned ]
[ "$(lease vm1 owner_pid)" = "$(cat /run/libvirt/qemu/vm1.pid)" ]
seq_of vm1 "$xml" reconnect/begin
sleep 1
[ "$(pool)" -eq $((p + 12)) ]
[ "$(lease vm1 state)" = owned ]
qemu_kill vm1
seq_of vm1 "$xml" stopped/end/destroyed
[ "$(pool)" -eq "$p" ]
seq_of vm1 "$xml" release/end/destroyed release/end
[ "$(pool)" -eq "$p" ]
[ "$(lease vm1)" = none ]
"$GUESTRAM" list --history vm1 --json >/run/t/history
"$TESTS/schema.py" "$TESTS/../schemas/history.schema.json" </run/t/history
python3 -c '
import json
events = json.load(open("/run/t/history"))["events"]
assert [(e["action"], e["outcome"]) for e in events] == [
    ("prepare", "reserved"), ("started", "kept"), ("reconnect", "adopted"),
    ("stopped", "returned")], events
assert all(e["grants"][0]["pages"] == 12 for e in events)'
END
}

@test "prepare twice, and another start after one that died: the pool goes up once" {
	host <<'END'
xml=$(domain vm1 $UUID_A)
p=$(pool)
seq_of vm1 "$xml" prepare/begin prepare/begin
[ "$(pool)" -eq $((p + 12)) ]
qemu_start vm1
seq_of vm1 "$xml" started/begin
qemu_kill vm1 # and libvirtd with it: no release
seq_of vm1 "$(domain vm1 $UUID_A 32)" prepare/begin
[ "$(pool)" -eq $((p + 16)) ]
seq_of vm1 "$xml" release/end/failed
[ "$(pool)" -eq "$p" ]
END
}

@test "refused: one line with numbers and the remedy, nothing left; release of it changes nothing" {
	host <<'END'
xml=$(domain big $UUID_A 9000000)
p=$(pool)
refused big prepare begin <<<"$xml"
grep -q "^guestram: big: .* short by .* would fit now$" "$HOOK_ERR"
[ "$(pool)" -eq "$p" ]
[ "$(lease big)" = none ]
seq_of big "$xml" release/end/failed
[ "$(pool)" -eq "$p" ]
# Of a lease of that name that a person made, neither.
"$GUESTRAM" reserve mine -m 24M --page-size 2M >/dev/null
refused mine prepare begin <<<"$(domain mine $UUID_A 48)"
grep -q "lease 'mine' (held) holds 12 pages of 2 MiB, the domain needs 24; .guestram release mine." "$HOOK_ERR"
seq_of mine "$(domain mine $UUID_A 48)" release/end/failed
hook mine release end failed </dev/null
[ "$(pool)" -eq $((p + 12)) ]
"$GUESTRAM" release mine >/dev/null
# One of another domain that runs, neither.
seq_of vm1 "$(domain vm1 $UUID_A)" prepare/begin
refused vm1 prepare begin <<<"$(domain vm1 $UUID_B)"
grep -q "is that of another domain" "$HOOK_ERR"
seq_of vm1 "$(domain vm1 $UUID_B)" release/end/failed
[ "$(pool)" -eq $((p + 12)) ]
seq_of vm1 "$(domain vm1 $UUID_A)" release/end/failed
END
}

@test "a lease that a person made beforehand is used and kept" {
	host <<'END'
p=$(pool)
"$GUESTRAM" reserve gold -m 24M --page-size 2M >/dev/null
xml=$(domain vm1 $UUID_A 24 "ready='gold'")
seq_of vm1 "$xml" prepare/begin
[ "$(pool)" -eq $((p + 12)) ]
qemu_start vm1
seq_of vm1 "$xml" started/begin
grep -q "24 MiB of 24 MiB on 2 MiB pages" "$HOOK_ERR"
qemu_kill vm1
seq_of vm1 "$xml" stopped/end release/end
[ "$(pool)" -eq $((p + 12)) ]
[ "$(lease gold state)" = held ]
"$GUESTRAM" release gold >/dev/null
refused vm1 prepare begin <<<"$xml"
grep -q gold "$HOOK_ERR"
END
}

@test "static: pages of the pool are claimed for one domain, none is added, none is taken away" {
	host <<'END'
p=$(pool)
"$GUESTRAM" reserve pages -m 48M --page-size 2M >/dev/null
"$GUESTRAM" release pages >/dev/null
echo $((p + 20)) >/proc/sys/vm/nr_hugepages
a=$(domain a $UUID_A 24 "backing='static'") b=$(domain b $UUID_B 24 "backing='static'")
seq_of a "$a" prepare/begin
refused b prepare begin <<<"$b" # 8 pages are left
[ -s "$HOOK_ERR" ]
[ "$(pool)" -eq $((p + 20)) ]
qemu_start a
seq_of a "$a" started/begin
grep -q "24 MiB of 24 MiB on 2 MiB pages" "$HOOK_ERR"
[ "$(lease a owner_pid)" = "$(cat /run/libvirt/qemu/a.pid)" ]
qemu_kill a
seq_of a "$a" stopped/end release/end
[ "$(lease a)" = none ]
seq_of b "$b" prepare/begin release/end/failed
[ "$(pool)" -eq $((p + 20)) ]
echo "$p" >/proc/sys/vm/nr_hugepages
END
}

@test "pages that nobody reserved here are noted at reconnect and never given back" {
	host <<'END'
p=$(pool)
echo $((p + 12)) >/proc/sys/vm/nr_hugepages
xml=$(domain vm1 $UUID_A)
mkdir -m 700 /run/guestram
qemu_start vm1
seq_of vm1 "$(domain vm1 $UUID_A 24 '')" reconnect/begin # not managed
sleep 1
[ "$(lease vm1)" = none ]
for op in reconnect attach reconnect; do
	seq_of vm1 "$xml" $op/begin
	for i in $(seq 100); do
		[ "$(lease vm1)" = none ] || break
		sleep 0.1
	done
	[ "$(lease vm1 state)" = external ]
	[ "$(lease vm1 owner_pid)" = "$(cat /run/libvirt/qemu/vm1.pid)" ]
	[ "$(lease vm1 grants 0 pages)" -eq 12 ]
done
qemu_kill vm1
seq_of vm1 "$xml" stopped/end release/end
[ "$(lease vm1)" = none ]
[ "$(pool)" -eq $((p + 12)) ]
echo "$p" >/proc/sys/vm/nr_hugepages
END
}

@test "odd names are escaped and touch nothing else" {
	host <<'END'
p=$(pool)
for name in '../../x' 'x y;z' '.hidden' "$(printf 'n%.0s' {1..200})" 'vm$(touch /run/t/bad)' $'a\nb'; do
	xml=$(domain x $UUID_A)
	seq_of "$name" "$xml" prepare/begin
	[ "$(wc -l <"$HOOK_ERR")" -eq 1 ]
	[ "$(pool)" -eq $((p + 12)) ]
	[ "$(ls /run/guestram/leases | wc -l)" -eq 1 ]
	seq_of "$name" "$xml" release/end/failed
	[ "$(pool)" -eq "$p" ]
	[ -z "$(ls -A /run/guestram/leases)" ]
done
[ ! -e /run/t/bad ]
[ "$(ls /run/guestram | tr '\n' ' ')" = "history leases lock " ]
[ "$(ls -I mount /run | tr '\n' ' ')" = "guestram huge libvirt lock t user " ]
"$GUESTRAM" list --history 'x y;z' | grep -q reserved
END
}

@test "no XML, too much of it, broken, closed: prepare refuses, the others pass, none speaks on stdout" {
	host <<'END'
p=$(pool)
try() { # RC COMMAND-SUFFIX...
	for op in prepare/begin started/begin stopped/end release/end reconnect/begin attach/begin \
		restore/begin migrate/begin start/begin nonsense/x; do
		r=0
		"$@" "$op" || r=$?
		case $op in prepare/*) [ $r -eq 1 ] ;; *) [ $r -eq 0 ] ;; esac || { echo "$* $op: $r"; return 1; }
		silent
	done
}
run_op() { hook vm1 "${1%/*}" "${1#*/}"; }
empty() { run_op "$1" </dev/null; }
closed() { run_op "$1" <&-; }
huge() { head -c 17000000 /dev/zero | tr '\0' ' ' | run_op "$1"; }
broken() { run_op "$1" <<<"<domain><name>vm1</name><memoryBacking><hugepages/>"; }
policy() { run_op "$1" <<<"$(domain vm1 $UUID_A 24 "backing='dynamic' colour='red'")"; }
no_fds() { "$GUESTRAM_HOOK" vm1 "${1%/*}" "${1#*/}" - <&- >&- 2>&-; }
for kind in empty closed huge broken policy no_fds; do
	try $kind
done
r=0
policy prepare/begin || r=$?
[ $r -eq 1 ]
grep -q "there is no key 'colour'" "$HOOK_ERR"
[ "$(pool)" -eq "$p" ]
"$GUESTRAM_HOOK" && "$GUESTRAM_HOOK" vm1 && "$GUESTRAM_HOOK" vm1 prepare </dev/null
# With a lease, a release needs no XML.
seq_of vm1 "$(domain vm1 $UUID_A)" prepare/begin
empty release/end
[ "$(pool)" -eq "$p" ]
END
}

@test "domains that are not ours: nothing is opened, nothing is said" {
	host <<'END'
for xml in "<domain><name>p</name><memory>1</memory></domain>" "$(domain p $UUID_A 24 '')"; do
	for op in prepare/begin started/begin stopped/end release/end reconnect/begin restore/begin; do
		seq_of p "$xml" $op
		[ ! -s "$HOOK_ERR" ]
	done
done
[ ! -e /run/guestram ]
END
}

@test "reconnect: exit 0 at once while the lock is held, the owner is set afterwards" {
	host <<'END'
xml=$(domain vm1 $UUID_A)
seq_of vm1 "$xml" prepare/begin
qemu_start vm1
flock /run/guestram/lock sleep 8 &
holder=$!
sleep 1
! flock -n /run/guestram/lock true || exit 1
from=$(date +%s%N)
hook vm1 reconnect begin <<<"$xml"
# What libvirt waits for: the end of the hook's output.
[ -z "$("$GUESTRAM_HOOK" vm1 reconnect begin - <<<"$xml" 2>&1)" ]
[ $((($(date +%s%N) - from) / 1000000)) -lt 5000 ]
[ "$(lease vm1 state)" = pending ]
wait $holder
for i in $(seq 100); do
	[ "$(lease vm1 state)" != owned ] || break
	sleep 0.1
done
[ "$(lease vm1 owner_pid)" = "$(cat /run/libvirt/qemu/vm1.pid)" ]
qemu_kill vm1
seq_of vm1 "$xml" stopped/end
END
}

@test "C80: the lock is waited for, not for ever; its holder's death frees it" {
	host <<'END'
p=$(pool)
seq_of vm1 "$(domain vm1 $UUID_A)" prepare/begin release/end/failed
xml=$(domain vm1 $UUID_A 24 "backing='dynamic' timeout='1s'")
flock -o /run/guestram/lock sleep 60 &
holder=$!
sleep 1
refused vm1 prepare begin <<<"$xml"
grep -q "has held /run/guestram/lock" "$HOOK_ERR"
[ "$(pool)" -eq "$p" ]
hook vm1 prepare begin <<<"$(domain vm1 $UUID_A)" &
waiting=$!
sleep 0.5
kill -KILL $holder # flock itself has it; what it started does not
wait $waiting
[ "$(pool)" -eq $((p + 12)) ]
seq_of vm1 "$xml" release/end/failed
END
}

@test "C80: two domains, 100 times: both have their pages, and give back their own" {
	host <<'END'
p=$(pool)
both() { # OP SUBOP: of both at once, a little apart
	HOOK_OUT=/run/t/out.a HOOK_ERR=/run/t/err.a seq_of a "$(domain a $UUID_A 24)" "$1" & one=$!
	sleep "0.0$((i % 4))"
	HOOK_OUT=/run/t/out.b HOOK_ERR=/run/t/err.b seq_of b "$(domain b $UUID_B 40)" "$2" & two=$!
	wait $one
	wait $two
}
for i in $(seq 50); do
	both prepare/begin prepare/begin
	[ "$(pool)" -eq $((p + 32)) ]
	[ "$(lease a grants 0 pages) $(lease b grants 0 pages)" = "12 20" ]
	both release/end/failed release/end/failed
	[ "$(pool)" -eq "$p" ]
done
both prepare/begin release/end/failed
for i in $(seq 50); do # one begins while the other ends
	both release/end/failed prepare/begin
	[ "$(pool)" -eq $((p + 20)) ]
	both prepare/begin release/end/failed
	[ "$(pool)" -eq $((p + 12)) ]
done
both release/end/failed release/end/failed
[ "$(pool)" -eq "$p" ]
[ -z "$(ls -A /run/guestram/leases)" ]
cat /run/guestram/history /run/guestram/history.1 >/run/t/all 2>/dev/null || true
[ "$(grep -c '"outcome":"reserved"' /run/t/all)" -eq 201 ]
END
}

@test "killed at every call that changes something: recovery and release put it right" {
	command -v strace >/dev/null || must_run "no strace"
	export KILL_HOOK=$TESTS/kill_hook.py
	host <<'END'
p=$(pool)
echo $((p + 1)) >/proc/sys/vm/nr_hugepages
qemu_start kill-hook 2
domain kill-hook $UUID_A >/run/t/xml
"$KILL_HOOK" </run/t/xml
qemu_kill kill-hook
echo "$p" >/proc/sys/vm/nr_hugepages
END
	[ "$(grep -c ' kills at ' <<<"$output")" -eq 4 ]
}
