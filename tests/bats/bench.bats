#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# tools/bench: its arithmetic, its command line, and that an end by a signal leaves the pools as they
# were. No figure that it measures is looked at here.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=120

bench() {
	GUESTRAM_TEST_LOCK="$BATS_TEST_TMPDIR/lock" "$TESTS/../tools/bench" \
		--json "$BATS_TEST_TMPDIR/bench.json" "$@"
}

@test "the arithmetic" {
	python3 "$TESTS/bench_math_test.py"
}

@test "the arithmetic of the lab" {
	python3 "$TESTS/lab_table_test.py"
}

@test "help and bad usage" {
	run -0 bench --help
	[[ "$output" == *start-2m* ]]
	run -2 bench teatime
	[[ "$output" == *"there is no section 'teatime'"* ]]
	GUESTRAM=/nonexistent run -2 bench
	[[ "$output" == *"build it first"* ]]
}

@test "one small round: every bar has a verdict, the pools are as before" {
	must_root
	lock_pools
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	before=$(pools)
	bench start-2m host --rounds 1 --mib 64 >"$BATS_TEST_TMPDIR/out"
	[ "$(pools)" = "$before" ]
	[ "$(awk 'length > 80' "$BATS_TEST_TMPDIR/out")" = "" ]
	python3 - "$BATS_TEST_TMPDIR/bench.json" <<-'END'
		import json, sys
		d = json.load(open(sys.argv[1]))
		assert d["schema"] == "guestram.bench/1"
		assert d["environment"]["cpus"] > 0 and d["environment"]["kernel"]
		assert len(d["bars"]) == 6, d["bars"]
		assert all(b["verdict"] in ("kept", "missed") for b in d["bars"]), d["bars"]
		assert [s["name"] for s in d["sections"]] == ["start-2m", "host"]
		assert all(len(s["rounds"]) == 1 for s in d["sections"])
	END
}

@test "ended by a signal: the pools are as before" {
	must_root
	lock_pools
	command -v qemu-system-x86_64 >/dev/null || must_run "no QEMU"
	before=$(pools)
	free=$(cat "$POOL2M/nr_hugepages")
	GUESTRAM_TEST_LOCK="$BATS_TEST_TMPDIR/lock" "$TESTS/../tools/bench" start-2m --mib 64 \
		--rounds 1000 --json "$BATS_TEST_TMPDIR/bench.json" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	child=$!
	grown() { [ "$(cat "$POOL2M/nr_hugepages")" -ge $((free + 32)) ]; }
	until_true 60 grown
	sleep 1.5 # into a round
	kill -TERM $child
	code=0
	wait $child || code=$?
	[ $code -eq 143 ]
	[ "$(pools)" = "$before" ]
}
