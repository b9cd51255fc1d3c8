#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# 32 processes that reserve, take, let go and release at once on two nodes, while guestrams are
# killed: in test guests, see tests/guest/chaos.c. What a seed repeats is what each process wants;
# who comes first is up to the machine. GUESTRAM_SEED, GUESTRAM_CHAOS_SECONDS: which, how long.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=$((${GUESTRAM_CHAOS_SECONDS:-30} + 300))

setup_file() {
	helper standin qemu-system-standin -static
	cc -D_GNU_SOURCE -std=gnu17 -O2 -static -Wall -Wextra -Werror -o "$BATS_FILE_TMPDIR/chaos" \
		"$TESTS"/guest/chaos*.c
}

chaos() { # KERNEL
	local seconds=${GUESTRAM_CHAOS_SECONDS:-30}

	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$TESTS/guest/run" --kernel "$1" --nodes 2 --timeout $((seconds + 240)) \
		--add "$BATS_FILE_TMPDIR/chaos:/bin/chaos" --add "$GUESTRAM:/bin/guestram" \
		--add "$BATS_FILE_TMPDIR/bin/qemu-system-standin:/bin/qemu-system-standin" \
		"$TESTS/guest/scripts/chaos.sh" "$seconds" "${GUESTRAM_SEED:-1}"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c ' 0 wrong$' <<<"$output")" -eq 2 ]
	# That something happened: leases, kills of who had the lock, and looks in between.
	for what in leases taken "with the lock" exact; do
		[ "$(sed -n "s/.*[ (]\([0-9][0-9]*\) $what.*/\1/p" <<<"$output" | sort -n | head -n 1)" -gt 3 ]
	done
}

@test "chaos on two nodes, Linux 6.1: no page is lost, none is left" {
	chaos 6.1
}

@test "chaos on two nodes, Linux 6.12: no page is lost, none is left" {
	chaos 6.12
}
