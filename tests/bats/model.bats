#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The model of the kernel's counts, on which the tests of leases stand, against real kernels: the
# running one, and two in guests with two nodes. tests/unit/model_check.c compares, after each of
# thousands of random events. GUESTRAM_SEED and GUESTRAM_SEQUENCES: which, and how many.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=$((${GUESTRAM_SEQUENCES:-200} * 3))

setup_file() {
	export CHECK=$BATS_FILE_TMPDIR/model_check HOLDER=$BATS_FILE_TMPDIR/holder

	cc -D_GNU_SOURCE -std=gnu17 -O2 -static -Wall -Wextra -Werror -o "$CHECK" \
		"$TESTS"/unit/model_{check,real,kernel}.c
	cc -O2 -static -o "$HOLDER" "$TESTS/guest/holder.c"
}

setup() {
	seed=${GUESTRAM_SEED:-1}
	sequences=${GUESTRAM_SEQUENCES:-200}
	overcommit=
}

teardown() {
	# Where the program was killed, its pages are gone with it, but not what it wrote.
	if [ -n "$overcommit" ]; then
		echo "$overcommit" >"$POOL2M/nr_overcommit_hugepages"
		echo 0 >"$POOL2M/nr_hugepages"
		[ "$(pools)" = "$before" ]
	fi
}

@test "the running kernel counts as the model does, and a wrong count is seen" {
	must_root
	lock_pools
	[ "$(cat "$POOL2M"/{nr,resv}_hugepages | tr -d '\n')" = 00 ] ||
		must_run "the pool of 2 MiB pages is in use"
	before=$(pools)
	overcommit=$(cat "$POOL2M/nr_overcommit_hugepages")
	run -1 "$CHECK" --lie 1 --sequences 3
	[[ $output == *difference* ]]
	run "$CHECK" --seed "$seed" --sequences $((sequences * 2))
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"no difference"* ]]
}

two_nodes() { # KERNEL
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$TESTS/guest/run" --kernel "$1" --nodes 2 --timeout $((sequences * 3)) \
		--add "$CHECK:/bin/model_check" --add "$GUESTRAM:/bin/guestram" \
		--add "$HOLDER:/bin/holder" "$TESTS/guest/scripts/model-check.sh" \
		--seed "$seed" --sequences "$sequences"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c 'difference: ' <<<"$output")" -eq 3 ]
	[ "$(grep -c 'no difference' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -eq 8 ]
}

@test "two nodes on Linux 6.1 count as the model does; surplus without pages" {
	two_nodes 6.1
}

@test "two nodes on Linux 6.12 count as the model does; surplus without pages" {
	two_nodes 6.12
}
