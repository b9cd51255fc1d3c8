#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What `host` and `plan` say of the pages that could be had: from the pages themselves for root, an
# estimate for others; and in guests with two kernels, where the script in tests/guest/scripts then
# takes as many pages as were predicted.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=400

@test "root sees the pages, others get an estimate" {
	must_root
	[ -r /proc/kpageflags ] || must_run "no /proc/kpageflags"
	"$GUESTRAM" host --json >"$BATS_TEST_TMPDIR/host"
	[ "$(json nodes 0 pools 0 prediction <"$BATS_TEST_TMPDIR/host")" = survey ]
	[ "$(json nodes 0 content free_bytes <"$BATS_TEST_TMPDIR/host")" -gt 0 ]
	[ "$(json survey pages <"$BATS_TEST_TMPDIR/host")" -gt 0 ]
	check_schema host <"$BATS_TEST_TMPDIR/host"
	"$GUESTRAM" plan -m 64M --json >"$BATS_TEST_TMPDIR/plan"
	[ "$(json obtainable 0 prediction <"$BATS_TEST_TMPDIR/plan")" = survey ]
	[ "$(json obtainable 0 obtainable_at_most <"$BATS_TEST_TMPDIR/plan")" -gt 0 ]
	cp "$GUESTRAM" "$BATS_TEST_TMPDIR/guestram"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_RUN_TMPDIR"
	setpriv --reuid=65534 --clear-groups "$BATS_TEST_TMPDIR/guestram" host --json --survey \
		>"$BATS_TEST_TMPDIR/nobody"
	[ "$(json nodes 0 pools 0 prediction <"$BATS_TEST_TMPDIR/nobody")" = estimate ]
	[ "$(json nodes 0 pools 0 ranges <"$BATS_TEST_TMPDIR/nobody")" = null ]
	[ "$(json nodes 0 content <"$BATS_TEST_TMPDIR/nobody")" = null ]
	[ "$(json survey <"$BATS_TEST_TMPDIR/nobody")" = null ]
}

@test "--survey looks at all pages: ranges of every size, and what blocks the largest" {
	must_root
	[ -r /proc/kpageflags ] || must_run "no /proc/kpageflags"
	"$GUESTRAM" host --survey --json >"$BATS_TEST_TMPDIR/host"
	[ "$(json survey step <"$BATS_TEST_TMPDIR/host")" = 1 ]
	python3 - "$BATS_TEST_TMPDIR/host" <<-'END'
	import json, sys
	host = json.load(open(sys.argv[1]))
	base = host["kernel"]["base_page_bytes"]
	blocks = max(len(zone["buddy"]) for zone in host["zones"])
	for node in host["nodes"]:
	    for pool in node["pools"]:
	        ranges = pool["ranges"]
	        kinds = sum(ranges[key] for key in ranges if key != "total")
	        assert kinds == ranges["total"], pool
	        assert pool["obtainable_at_most"] <= ranges["total"] - ranges["absent"], pool
	        if pool["page_size_bytes"] > base << (blocks - 1):
	            assert pool["obtainable_now"] is not None, pool
	            want = ranges["kernel"] + ranges["slab"]
	            assert min(want, 8) == len(host["blocked"]) or len(host["nodes"]) > 1
	near = [row["kernel_pages"] + row["page_table_pages"] for row in host["blocked"]]
	assert near == sorted(near), near
	END
}

two_nodes() { # KERNEL
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$TESTS/guest/run" --kernel "$1" --nodes 2 --timeout 300 \
		--add "$GUESTRAM:/bin/guestram" "$TESTS/guest/scripts/survey.sh"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -eq 10 ]
}

@test "Linux 6.1 with two nodes: sums are meminfo's, predicted pages are there" {
	two_nodes 6.1
}

@test "Linux 6.12 with two nodes: sums are meminfo's, predicted pages are there" {
	two_nodes 6.12
}
