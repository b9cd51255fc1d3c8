#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Leases on two nodes, in test guests with two kernels that count differently: the script in
# tests/guest/scripts is the test, this only boots it.

bats_require_minimum_version 1.5.0

setup_file() {
	tests=$(realpath "$BATS_TEST_DIRNAME/..")
	GUESTRAM=$(realpath -m "${GUESTRAM:-$tests/../build/guestram}")
	HOLDER=$BATS_FILE_TMPDIR/holder
	cc -O2 -static -o "$HOLDER" "$tests/guest/holder.c"
	export tests GUESTRAM HOLDER
}

must_run() { # why
	[ -n "$GUESTRAM_MUST_RUN" ] && { echo "must not be skipped: $1" >&2; return 1; }
	skip "$1"
}

two_nodes() { # kernel
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$tests/guest/run" --kernel "$1" --nodes 2 --timeout 300 --add "$GUESTRAM:/bin/guestram" \
		--add "$HOLDER:/bin/holder" "$tests/guest/scripts/lease-two-nodes.sh"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -ge 25 ]
	! grep -q WRONG <<<"$output"
}

@test "two nodes on Linux 6.1: per-node writes count surplus of other nodes" {
	two_nodes 6.1
}

@test "two nodes on Linux 6.12" {
	two_nodes 6.12
}

@test "a node without memory among three" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$tests/guest/run" --kernel 6.1 --nodes 3 --empty 1 --mem 2G --timeout 120 \
		--add "$GUESTRAM:/bin/guestram" "$tests/guest/scripts/empty-node.sh"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"ok: a node without memory"* ]]
}
