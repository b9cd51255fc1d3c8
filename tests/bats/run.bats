#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# guestram run on the real kernel: the built-in guest on every backing, QEMU as a child, its exit
# status, signals, privileges, bad input; and that pools and ledger are afterwards as they were.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=120

setup_file() {
	helper standin qemu-system-standin
	# Other users have to reach the helper.
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/bin"
}

setup() {
	must_root
	lock_pools
	PATH=$BATS_FILE_TMPDIR/bin:$PATH
	before=$(pools)
	children=
}

teardown() {
	for pid in $children; do
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	"$GUESTRAM" release --force bats-held >/dev/null 2>&1 || true
	"$GUESTRAM" recover >/dev/null
	[ "$(pools)" = "$before" ]
	[ "$("$GUESTRAM" list --json | json leases)" = "[]" ]
}

standin() { # MIB RUN-OPTIONS... : the stand-in as a child; waits until it is ready
	local mib=$1
	shift
	"$GUESTRAM" run -b dynamic "$@" -- qemu-system-standin -m "${mib}M" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	run_pid=$!
	children="$children $run_pid"
	until_true 20 grep -q ready "$BATS_TEST_TMPDIR/out"
}

@test "the built-in guest on dynamic pages: proven, and given back" {
	run --separate-stderr "$GUESTRAM" run -m 128M -b dynamic -p 2M --json
	[ "$status" -eq 0 ]
	echo "$output" | check_schema run
	[ "$(echo "$output" | json backing)" = dynamic ]
	[ "$(echo "$output" | json verify kept)" = true ]
	[ "$(echo "$output" | json verify by_page_size 0 page_size_bytes)" = 2097152 ]
	[ "$(echo "$output" | json verify by_page_size 0 bytes)" = 134217728 ]
	[ "$(echo "$output" | json verify ram_bytes)" = 134217728 ]
	[ "$(echo "$output" | json touched_bytes)" = 134217728 ]
	[ "$(echo "$output" | json give_back pages_returned)" = 64 ]
	[[ "$(echo "$output" | json ran)" =~ ^(micro-vm|process)$ ]]
}

@test "the built-in guest on base pages and on THP" {
	run --separate-stderr "$GUESTRAM" run -m 64M -b 4k --json
	[ "$status" -eq 0 ]
	echo "$output" | check_schema run
	[ "$(echo "$output" | json verify by_page_size 0 page_size_bytes)" = "$(getconf PAGESIZE)" ]
	[ "$(echo "$output" | json verify by_page_size 0 bytes)" = 67108864 ]
	case $(cat /sys/kernel/mm/transparent_hugepage/enabled) in *\[never\]*) must_run "THP is off" ;; esac
	run --separate-stderr "$GUESTRAM" run -m 64M -b thp --json
	[ "$status" -eq 0 ]
	echo "$output" | check_schema run
	[ "$(echo "$output" | json verify kept)" = true ]
	[ "$(echo "$output" | json verify by_page_size 0 page_size_bytes)" = 2097152 ]
}

@test "static takes what is in the pool and adds nothing" {
	old=$(cat $POOL2M/nr_hugepages)
	echo $((old + 32)) >$POOL2M/nr_hugepages
	run --separate-stderr "$GUESTRAM" run -m 64M -b static -p 2M --json
	after=$(cat $POOL2M/nr_hugepages)
	run -3 "$GUESTRAM" run -m 65M -b static -p 2M || run -2 "$GUESTRAM" run -m 65M -b static -p 2M
	run -3 "$GUESTRAM" run -m 4G -b static -p 2M
	echo "$old" >$POOL2M/nr_hugepages
	[ "$after" = $((old + 32)) ]
}

@test "a real QEMU: its memory is ours, inspect agrees, the pool is as before" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	mkfifo "$BATS_TEST_TMPDIR/monitor"
	"$GUESTRAM" run -b dynamic --name bats-qemu -- qemu-system-x86_64 -M q35 -accel tcg -m 256M \
		-nodefaults -display none -S -monitor stdio <"$BATS_TEST_TMPDIR/monitor" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	children=$!
	exec 5>"$BATS_TEST_TMPDIR/monitor"
	until_true 30 grep -q '256 MiB of 256 MiB on 2 MiB pages' "$BATS_TEST_TMPDIR/err"
	pid=$("$GUESTRAM" list --json | json leases 0 owner_pid)
	run --separate-stderr "$GUESTRAM" inspect "$pid" --json
	[ "$status" -eq 0 ]
	echo "$output" | check_schema inspect
	[ "$(echo "$output" | json ram_bytes)" = 268435456 ]
	[ "$(echo "$output" | json huge_percent)" = 100.0 ]
	echo quit >&5
	exec 5>&-
	wait $children
}

@test "two guest cells with their own objects keep their ids and get two files" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	run --separate-stderr "$GUESTRAM" run -b dynamic --json -- qemu-system-x86_64 -M q35 -accel tcg \
		-m 128M -object memory-backend-ram,id=a,size=64M -object memory-backend-ram,id=b,size=64M \
		-smp 2 -numa node,memdev=a -numa node,memdev=b -nodefaults -display none -S \
		-monitor stdio < <(sleep 2; echo info memdev; echo quit)
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | json verify ram_bytes)" = 134217728 ]
	[ "$(echo "$output" | json verify kept)" = true ]
}

@test "QEMU that dies at once: its words and its status" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	run --separate-stderr "$GUESTRAM" run -b dynamic -- qemu-system-x86_64 -m 64M -nonsense
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"-nonsense: invalid option"* ]]
	run "$GUESTRAM" run -b dynamic -- qemu-system-standin -m 64M -life 10 -status 42
	[ "$status" -eq 42 ]
}

@test "signals reach the VMM, and its end is ours" {
	standin 64
	kill -TERM "$run_pid"
	wait "$run_pid"
	grep -q "signal 15" "$BATS_TEST_TMPDIR/out"
	standin 64
	kill -USR1 "$run_pid"
	wait "$run_pid"
	grep -q "signal 10" "$BATS_TEST_TMPDIR/out"
	standin 64 --name bats-killed
	kill -KILL "$("$GUESTRAM" list --json | json leases 0 owner_pid)"
	status=0
	wait "$run_pid" || status=$?
	[ "$status" -eq 137 ]
}

@test "a hangup ends the VMM, unless the caller ignores it; an ignored SIGCHLD costs no status" {
	standin 64
	kill -HUP "$run_pid"
	status=0
	wait "$run_pid" || status=$?
	[ "$status" -eq 129 ]
	(trap '' HUP; exec "$GUESTRAM" run -b dynamic --name bats-nohup -- qemu-system-standin -m 64M) \
		>"$BATS_TEST_TMPDIR/out" 2>/dev/null &
	children=$!
	until_true 20 grep -q ready "$BATS_TEST_TMPDIR/out"
	pid=$("$GUESTRAM" list --json | json leases 0 owner_pid)
	[ "$((0x$(awk '/^SigIgn/ {print $2}' /proc/$pid/status) & 1))" -eq 1 ]
	kill -HUP $children "$pid"
	sleep 0.3
	kill -0 "$pid"
	kill -TERM $children
	wait $children
	run python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' "$GUESTRAM" run -b dynamic -- qemu-system-standin -m 64M -life 10 -status 7
	[ "$status" -eq 7 ]
}

@test "pages of a lease are for its VM: static takes others, release refuses a running one" {
	"$GUESTRAM" reserve bats-held -m 64M -p 2M
	run --separate-stderr "$GUESTRAM" run -m 64M -b static -p 2M
	[ "$status" -eq 3 ]
	[[ "$stderr" == *leases* ]]
	run --separate-stderr "$GUESTRAM" plan -m 64M -p 2M --json
	[ "$(echo "$output" | json backing)" = dynamic ]
	run -0 "$GUESTRAM" run -m 64M -b static -p 2M --name bats-held
	"$GUESTRAM" release bats-held
	standin 64 --name bats-busy
	run --separate-stderr "$GUESTRAM" release bats-busy
	[ "$status" -eq 1 ]
	[[ "$stderr" == *"in use by process"* ]]
	run -0 "$GUESTRAM" release bats-busy --force
	kill -TERM "$run_pid"
	wait "$run_pid"
}

@test "the VMM runs as the user asked for, without a capability" {
	standin 64 --user nobody --name bats-user
	pid=$("$GUESTRAM" list --json | json leases 0 owner_pid)
	[ "$(awk '/^Uid:/ {print $2, $3, $4}' /proc/$pid/status)" = "$(id -u nobody) $(id -u nobody) $(id -u nobody)" ]
	[ "$(awk '/^CapPrm:/ {print $2}' /proc/$pid/status)" = 0000000000000000 ]
	[ "$(awk '/^CapEff:/ {print $2}' /proc/$pid/status)" = 0000000000000000 ]
	[ "$(awk '/^CapInh:/ {print $2}' /proc/$pid/status)" = 0000000000000000 ]
	grep -q "^Groups:.*$(id -g nobody)" /proc/$pid/status
	kill -TERM "$run_pid"
	wait "$run_pid"
	SUDO_UID=$(id -u nobody) standin 64 --name bats-sudo
	pid=$("$GUESTRAM" list --json | json leases 0 owner_pid)
	[ "$(awk '/^Uid:/ {print $2}' /proc/$pid/status)" = "$(id -u nobody)" ]
	kill -TERM "$run_pid"
	wait "$run_pid"
	run -2 "$GUESTRAM" run -b dynamic --user no-such-user -- qemu-system-standin -m 64M
}

@test "every way to populate ends with all pages proven" {
	for when in before background; do
		run --separate-stderr "$GUESTRAM" run -b dynamic --populate $when --json -- \
			qemu-system-standin -m 128M -life 700
		[ "$status" -eq 0 ]
		[ "$(echo "$output" | json populate)" = $when ]
		[ "$(echo "$output" | json verify kept)" = true ]
		[ "$(echo "$output" | json populate_ns)" -gt 0 ]
	done
	run --separate-stderr "$GUESTRAM" run -b dynamic --populate lazy --json -- \
		qemu-system-standin -m 128M -life 700
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | json populate_ns)" = null ]
	# Of memory that nobody touched nothing is known: neither kept nor broken.
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	run --separate-stderr "$GUESTRAM" run -b 4k --populate lazy --json -- qemu-system-x86_64 \
		-M none -accel tcg -m 256M -nodefaults -display none -S -monitor stdio < <(sleep 1; echo quit)
	[ "$status" -eq 0 ]
	echo "$output" | check_schema run
	[ "$(echo "$output" | json verify kept)" = null ]
}

@test "--print shows the command line and does nothing" {
	run --separate-stderr "$GUESTRAM" run -b dynamic --print -- qemu-system-standin -m 64M -x 'a b'
	[ "$status" -eq 0 ]
	[[ "$output" == "qemu-system-standin -object memory-backend-file,"*"share=on"*"-m 64M -x 'a b'" ]]
	[ ! -e /run/guestram/leases/run-* ]
}

@test "another VMM: the pages are in the pool while it runs" {
	run --separate-stderr "$GUESTRAM" run -b dynamic -m 64M -- sh -c \
		'cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages'
	[ "$status" -eq 0 ]
	[ "$output" -ge 32 ]
}

@test "without /dev/kvm a process touches the memory, and the output says so" {
	command -v unshare >/dev/null || must_run "no unshare"
	run --separate-stderr unshare -m sh -c 'mount --bind /dev/null /dev/kvm 2>/dev/null
		umount /dev/kvm 2>/dev/null; mount -t tmpfs none /dev &&
		exec "$0" run -m 64M -b 4k --json' "$GUESTRAM"
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | json ran)" = process ]
	[ "$(echo "$output" | json touched_bytes)" = 67108864 ]
	[[ "$stderr" == *"/dev/kvm"* ]]
}

@test "bad input: the exit code of the contract, one phrase, nothing left" {
	bad() { # STATUS TEXT ARGS...
		local want=$1 text=$2
		shift 2
		run --separate-stderr "$GUESTRAM" "$@"
		echo "guestram $*: $status: $stderr"
		[ "$status" -eq "$want" ]
		[[ "$stderr" == *"$text"* ]]
		[ "$(echo "$stderr" | wc -l)" -le 2 ]
	}
	bad 2 "0 is too little" run -m 0
	bad 2 "not a size" run -m -5
	bad 2 "64 bits" run -m 99999999999999999999G
	bad 2 "nearest sizes are 2M and 4M" run -m 3M -p 2M -b dynamic
	bad 2 "no huge pages of 4 MiB" run -m 64M -p 4M -b dynamic
	bad 2 "no host node 7" run -m 64M -n 7 -b dynamic
	bad 3 "more than the host's RAM" run -m 100000G -b dynamic
	bad 2 "not in PATH" run -b dynamic -- qemu-system-nowhere -m 64M
	bad 2 "there is no option" run --frobnicate
	bad 2 "daemonize" run -b dynamic -- qemu-system-standin -m 64M -daemonize
	head -c 4096 /dev/zero >"$BATS_TEST_TMPDIR/template"
	bad 2 "contents of its own" run -b dynamic -- qemu-system-standin -m 64M -mem-path "$BATS_TEST_TMPDIR/template"
	bad 4 "cannot find" run -b dynamic -- qemu-system-standin -m 64M -mem-path /no/such/dir
	bad 2 "cannot be the name" run -m 64M -b dynamic --name a/b
	bad 2 "no lease" release ../../etc/passwd || bad 2 "cannot be the name" release ../../etc/passwd
	bad 1 "no lease" release no-such-lease
}

@test "more than the host can give: refused at once, with shortfall and floor" {
	mib=$(($(awk '/^MemAvailable/ {print $2}' /proc/meminfo) / 1024 / 2 * 2))
	start=$SECONDS
	run --separate-stderr "$GUESTRAM" run -m "${mib}M" -b dynamic -p 2M
	[ "$status" -eq 3 ]
	[ $((SECONDS - start)) -le 2 ]
	[[ "$stderr" == *floor* ]]
	[[ "$stderr" == *short* ]]
}

@test "no root: what was forbidden, and what works all the same" {
	as_nobody() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
	cp "$GUESTRAM" "$BATS_TEST_TMPDIR/guestram"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/guestram" "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	as_nobody test -x "$BATS_TEST_TMPDIR/guestram" || must_run "the temporary directory is closed to others"
	run --separate-stderr as_nobody "$BATS_TEST_TMPDIR/guestram" run -m 64M -b dynamic
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"/run"*"Permission denied"* ]]
	[[ "$stderr" == *"needs root"* ]]
	run -0 as_nobody "$BATS_TEST_TMPDIR/guestram" host --json
	run -0 as_nobody "$BATS_TEST_TMPDIR/guestram" plan -m 64M
	run -0 as_nobody "$BATS_TEST_TMPDIR/guestram" run -m 64M -b 4k
}

@test "/sys read-only: said, and nothing left" {
	command -v unshare >/dev/null || must_run "no unshare"
	run --separate-stderr unshare -m sh -c 'mount -o remount,ro,bind /sys /sys 2>/dev/null ||
		{ mount --bind /sys /sys && mount -o remount,ro,bind /sys; }
		exec "$0" run -m 64M -b dynamic' "$GUESTRAM"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"ead-only"* ]]
}

@test "memory that is locked or pinned: the VMM's limit is raised (in a test guest: root may not, everywhere)" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	cat >"$BATS_TEST_TMPDIR/script" <<'END'
#!/bin/sh
for why in locked passthrough; do
	(ulimit -l 64; exec guestram run -b dynamic --$why -- qemu-system-standin -m 64M -life 3000) >/tmp/out 2>&1 &
	while ! grep -q ready /tmp/out; do sleep 0.1; done
	pid=$(grep -l '^qemu-system-sta$' /proc/[0-9]*/comm | head -n 1 | cut -d/ -f3)
	echo "$why $(grep '^Max locked' "/proc/$pid/limits")"
	wait
	: >/tmp/out
done
END
	run "$TESTS/guest/run" --add "$GUESTRAM:/bin/guestram" \
		--add "$BATS_FILE_TMPDIR/bin/qemu-system-standin:/bin/qemu-system-standin" "$BATS_TEST_TMPDIR/script"
	echo "$output"
	[[ "$output" =~ locked\ Max\ locked\ memory\ +unlimited ]]
	# 64 MiB of RAM and 1 GiB for what else a device pins
	[[ "$output" =~ passthrough\ Max\ locked\ memory\ +1140850688 ]]
}

@test "a limit of file sizes is said, and kills nobody" {
	run --separate-stderr bash -c 'ulimit -f 1024; exec "$0" run -b dynamic -- qemu-system-standin -m 64M' "$GUESTRAM"
	[ "$status" -eq 3 ]
	[[ "$stderr" == *"limit of file sizes is 1 MiB"* ]]
	[[ "$stderr" == *"ulimit -f"* ]]
}

@test "another process that keeps the memory after the VMM is gone: pages go home with it" {
	old=$(cat $POOL2M/nr_hugepages)
	"$GUESTRAM" run -b dynamic -- qemu-system-standin -m 64M -keeper 1500 -life 10 \
		>"$BATS_TEST_TMPDIR/out" 2>&1
	[ "$(cat $POOL2M/nr_hugepages)" = $((old + 32)) ]
	[ "$(cat $POOL2M/surplus_hugepages)" = 32 ]
	[ "$("$GUESTRAM" list --json | json leases)" = "[]" ]
	until_true 10 sh -c '[ "$(cat $0/nr_hugepages)" = $1 ]' "$POOL2M" "$old"
}

@test "a stranger takes pages of the pool while we reserve: made up for, and all goes home" {
	"$TESTS/helpers/grabber.py" 40 12 &
	children=$!
	for i in 1 2 3 4 5 6 7 8; do
		run --separate-stderr "$GUESTRAM" run -m 128M -b dynamic -p 2M --json
		echo "$output$stderr"
		[ "$status" -eq 0 ]
		[ "$(echo "$output" | json verify kept)" = true ]
	done
	kill $children
	wait $children || true
	children=
}

@test "somebody else's pool is the same before, during and after" {
	old=$(cat $POOL2M/nr_hugepages)
	echo $((old + 64)) >$POOL2M/nr_hugepages
	free=$(cat $POOL2M/free_hugepages)
	mkfifo "$BATS_TEST_TMPDIR/orders"
	"$TESTS/helpers/owner.py" 32 <"$BATS_TEST_TMPDIR/orders" >"$BATS_TEST_TMPDIR/owner" &
	owner=$!
	children=$owner
	exec 6>"$BATS_TEST_TMPDIR/orders"
	until_true 10 grep -q 'has 32' "$BATS_TEST_TMPDIR/owner"
	standin 128 --name bats-guest
	[ "$(cat $POOL2M/nr_hugepages)" = $((old + 128)) ]
	[ "$(cat $POOL2M/free_hugepages)" = $((free - 32)) ]
	[ "$(cat $POOL2M/surplus_hugepages)" = 0 ]
	echo 0 >&6
	until_true 10 grep -q 'has 0' "$BATS_TEST_TMPDIR/owner"
	[ "$(cat $POOL2M/free_hugepages)" = "$free" ]
	echo 64 >&6
	until_true 10 grep -q 'has 64' "$BATS_TEST_TMPDIR/owner"
	kill -TERM "$run_pid"
	wait "$run_pid"
	[ "$(cat $POOL2M/nr_hugepages)" = $((old + 64)) ]
	[ "$(cat $POOL2M/surplus_hugepages)" = 0 ]
	echo 32 >&6
	until_true 10 sh -c 'tail -1 "$1" | grep -q "has 32"' - "$BATS_TEST_TMPDIR/owner"
	[ "$(cat $POOL2M/free_hugepages)" = $((free - 32)) ]
	exec 6>&-
	wait $owner
	children=
	echo "$old" >$POOL2M/nr_hugepages
}

@test "memory bound to a node is on that node, on two nodes and two kernels" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	cat >"$BATS_TEST_TMPDIR/script" <<'END'
#!/bin/sh
guestram run -m 64M -b dynamic -p 2M -n 1 --json >/tmp/json || exit 1
tr -d ' \n' </tmp/json | grep -o '"by_node":\[[^]]*\]'
cat /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages | tr '\n' ' '
END
	for kernel in 6.1 6.12; do
		run "$TESTS/guest/run" --kernel $kernel --nodes 2 --add "$GUESTRAM:/bin/guestram" "$BATS_TEST_TMPDIR/script"
		echo "$output"
		[ "$status" -eq 0 ]
		[[ "$output" == *'"by_node":[{"node":1,"bytes":67108864}]'*"0 0 "* ]]
	done
}
