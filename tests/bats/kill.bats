#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# SIGKILL of guestram, of the VMM and of both, in each phase of a run: kill_matrix.py does it and
# judges. Twenty times each with a stand-in, three times each with QEMU.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=400

setup_file() {
	helper standin qemu-system-standin
}

setup() {
	must_root
	lock_pools
	PATH=$BATS_FILE_TMPDIR/bin:$PATH
	before=$(pools)
}

teardown() {
	[ "$(pools)" = "$before" ]
}

@test "240 kills with a stand-in VMM" {
	run "$TESTS/kill_matrix.py" 20 256 -- qemu-system-standin -m 256M
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"240 kills, 0 wrong"* ]]
}

@test "36 kills with QEMU" {
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	run "$TESTS/kill_matrix.py" 3 256 -- qemu-system-x86_64 -M q35 -accel tcg -m 256M \
		-nodefaults -display none -S
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"36 kills, 0 wrong"* ]]
}
