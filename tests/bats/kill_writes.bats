#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What strace can do to a reservation and a release on the running kernel: SIGKILL at every system
# call that changes something (tests/kill_writes.py; GUESTRAM_KILL_ALL=1: at every one), and a pause
# around the write to the pool in which another tool writes the same file (tests/foreign_writes.py).

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=$((${GUESTRAM_KILL_ALL:-0} * 3000 + 400))

setup() {
	must_root
	command -v strace >/dev/null || must_run "no strace"
	lock_pools
	before=$(pools)
}

teardown() {
	[ -z "${before:-}" ] || [ "$(pools)" = "$before" ]
}

@test "killed at every write of a reservation and of a release" {
	arguments=--writes
	[ "${GUESTRAM_KILL_ALL:-0}" = 0 ] || arguments=
	# shellcheck disable=SC2086
	run "$TESTS/kill_writes.py" $arguments
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c ' kills at ' <<<"$output")" -eq 10 ]
}

@test "another tool writes the pool around our own writes" {
	run "$TESTS/foreign_writes.py"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -eq 10 ]
}
