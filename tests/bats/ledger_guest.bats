#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whose pages are whose on two nodes, in test guests with two kernels and a pool from the boot line:
# the script in tests/guest/scripts is the test, this only boots it.

bats_require_minimum_version 1.5.0
load common

BIN=$BATS_FILE_TMPDIR/bin

setup_file() {
	load common
	helper keeper keeper-static -static
	cc -O2 -static -o "$BATS_FILE_TMPDIR/bin/holder-static" "$TESTS/guest/holder.c"
}

two_nodes() { # KERNEL
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$TESTS/guest/run" --kernel "$1" --nodes 2 --mem 2G --timeout 200 \
		--append "hugepagesz=2M hugepages=0:40,1:24" --add "$GUESTRAM:/bin/guestram" \
		--add "$BIN/holder-static:/bin/holder" --add "$BIN/keeper-static:/bin/keeper" \
		"$TESTS/guest/scripts/ledger.sh"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -ge 10 ]
	[[ $output != *WRONG* ]]
}

@test "two nodes on Linux 6.1: whose pages are whose on each" {
	two_nodes 6.1
}

@test "two nodes on Linux 6.12" {
	two_nodes 6.12
}
