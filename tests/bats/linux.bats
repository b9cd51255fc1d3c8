#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# A real Linux guest under QEMU (TCG), started by `guestram run` on each backing: the guest reports
# its memory over the serial port, inspect proves the pages meanwhile, and after power-off the pools
# are as before.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=600

setup_file() {
	command -v qemu-system-x86_64 >/dev/null || return 0
	"$TESTS/guest/plain-vm" >"$BATS_FILE_TMPDIR/vm"
}

setup() {
	must_root
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	eval "$(cat "$BATS_FILE_TMPDIR/vm")"
	lock_pools
	before=$(pools)
	children=
}

teardown() {
	for pid in $children; do
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ "$(pools)" = "$before" ]
}

# boot RUN-OPTIONS...: starts the guest with 2 GiB in the background, stopped by a line on its serial
boot() {
	mkfifo "$BATS_TEST_TMPDIR/serial"
	"$GUESTRAM" run --name bats-linux "$@" -- qemu-system-x86_64 -M q35 \
		-accel tcg,thread=multi -cpu max -smp 2 -m 2G -nographic -no-reboot \
		-kernel "$KERNEL" -initrd "$INITRD" \
		-append "console=ttyS0 quiet panic=-1 guestram.wait=120" \
		<"$BATS_TEST_TMPDIR/serial" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	children=$!
	exec 5>"$BATS_TEST_TMPDIR/serial"
	until_true 120 grep -q '^GUEST-MEM' "$BATS_TEST_TMPDIR/out" || {
		cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"
		return 1
	}
	guest_kb=$(tr -d '\r' <"$BATS_TEST_TMPDIR/out" | awk '/^GUEST-MEM/ {print $2}')
	# The pages may still be on their way behind the guest.
	until_true 60 grep -q '2 GiB on . .iB pages' "$BATS_TEST_TMPDIR/err"
	[ "$guest_kb" -gt $((1900 * 1024)) ] && [ "$guest_kb" -le $((2048 * 1024)) ]
}

# powers the guest off by a line on its serial port; guestram must end with its status, 0
power_off() {
	echo off >&5
	exec 5>&-
	wait $children
	children=
	grep -q GUEST-BYE "$BATS_TEST_TMPDIR/out"
}

@test "2 GiB on dynamic 2 MiB pages" {
	boot -b dynamic -p 2M
	run --separate-stderr "$GUESTRAM" inspect bats-linux --json
	echo "$output$stderr"
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | json ram_bytes)" = 2147483648 ]
	[ "$(echo "$output" | json huge_percent)" = 100.0 ]
	[ "$(echo "$output" | json by_page_size 0 page_size_bytes)" = 2097152 ]
	[ "$(echo "$output" | json by_page_size 0 bytes)" = 2147483648 ]
	power_off
	grep -q "2 GiB of 2 GiB on 2 MiB pages" "$BATS_TEST_TMPDIR/err"
}

@test "2 GiB on transparent huge pages" {
	case $(cat /sys/kernel/mm/transparent_hugepage/enabled) in *\[never\]*) must_run "THP is off" ;; esac
	boot -b thp
	pid=$(pgrep -P "$children" qemu)
	run --separate-stderr "$GUESTRAM" inspect "$pid" --json
	echo "$output$stderr"
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | json ram_bytes)" = 2147483648 ]
	[ "$(echo "$output" | json huge_percent | cut -d. -f1)" -ge 90 ]
	power_off
}

@test "2 GiB on two dynamic pages of 1 GiB, where this host has them" {
	run --separate-stderr "$GUESTRAM" reserve bats-probe -m 2G -p 1G
	[ "$status" -ne 3 ] || skip "may: no two pages of 1 GiB can be had here; the next test has them"
	[ "$status" -eq 0 ]
	"$GUESTRAM" release bats-probe
	boot -b dynamic -p 1G
	run --separate-stderr "$GUESTRAM" inspect bats-linux --json
	echo "$output$stderr"
	[ "$status" -eq 0 ]
	[ "$(echo "$output" | json by_page_size 0 page_size_bytes)" = 1073741824 ]
	[ "$(echo "$output" | json by_page_size 0 bytes)" = 2147483648 ]
	power_off
}

@test "2 GiB on two pages of 1 GiB reserved at boot, in a test guest" {
	run "$TESTS/guest/gigantic"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"2 GiB of 2 GiB on 1 GiB pages"* ]]
}
