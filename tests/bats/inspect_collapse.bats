#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# inspect --collapse on the running kernel: small pages become huge, as many as were asked for and no
# others, and nothing in them changes. Both oracles count.

bats_require_minimum_version 1.5.0
load common

BATS_TEST_TIMEOUT=180
MIB=1048576

setup_file() {
	helper collapsible
}

setup() {
	must_root
	pid=
	grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled &&
		must_run "transparent huge pages are off"
	# khugepaged must not do the work in between.
	scan=/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan
	lock_pools
	scan_was=$(cat $scan)
	echo 1 >$scan
}

teardown() {
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } || true
	[ -z "$scan_was" ] || echo "$scan_was" >$scan
}

start() { # MIB PERCENT [kept]
	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$BATS_FILE_TMPDIR/bin/collapsible" "$@" <"$BATS_TEST_TMPDIR/hold" \
		>"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	exec {hold}>"$BATS_TEST_TMPDIR/hold"
	until_true 60 grep -q ready "$BATS_TEST_TMPDIR/out"
}

# The process reads its memory again and says ok.
finish() {
	exec {hold}>&-
	wait "$pid"
	pid=
	grep -q '^ok' "$BATS_TEST_TMPDIR/out"
}

@test "256 MiB on small pages are on huge pages afterwards, by both oracles" {
	start 256 100
	"$GUESTRAM" inspect --json "$pid" | jq -e --argjson all $((256 * MIB)) '
		[.regions[] | .by_page_size[] | select(.page_size_bytes == 4096) | .bytes] | add >= $all'
	run --separate-stderr "$GUESTRAM" inspect --json --collapse --expect 'huge>=256M' "$pid"
	[ "$status" -eq 0 ]
	check_schema inspect <<<"$output"
	jq -e --argjson all $((256 * MIB)) '
		.collapse.stopped == "done" and .collapse.before_bytes == 0
		and .collapse.after_bytes == $all and .collapse.candidate_bytes >= $all
		and .oracles_agree and .expect[0].met
		and ([.regions[] | .by_page_size[] | select(.page_size_bytes == 2097152) | .bytes]
			| add == $all)
		and ([.regions[].scan_huge_bytes] | add == $all)' <<<"$output"
	# Again: what is huge is not asked for.
	"$GUESTRAM" inspect --json --collapse "$pid" | jq -e --argjson all $((256 * MIB)) '
		.collapse.candidate_bytes == 0 and .collapse.after_bytes == $all'
	finish
}

@test "what is less than half in use stays small: no new memory" {
	start 64 25
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")
	"$GUESTRAM" inspect --json --collapse "$pid" | jq -e --argjson all $((64 * MIB)) '
		.collapse.candidate_bytes == 0 and .collapse.sparse_bytes >= $all
		and .collapse.after_bytes == 0'
	[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")" -lt $((rss + 1024)) ]
	finish
}

@test "memory that the process excepted is refused by the kernel and said to be" {
	start 64 100 kept
	"$GUESTRAM" inspect --json --collapse "$pid" | jq -e --argjson all $((64 * MIB)) '
		.collapse.stopped == "done" and .collapse.refused_bytes == $all
		and .collapse.after_bytes == 0'
	finish
}

@test "--rate is kept" {
	start 128 100
	"$GUESTRAM" inspect --json --collapse --rate 64M/s "$pid" | jq -e '
		.collapse.stopped == "done" and .collapse.elapsed_ns >= 1900000000'
	finish
}

@test "an interrupt ends it with what was done so far" {
	start 256 100
	"$GUESTRAM" inspect --json --collapse --rate 32M "$pid" >"$BATS_TEST_TMPDIR/doc" &
	local guestram=$!
	until_true 30 grep -q 'AnonHugePages: *[1-9]' "/proc/$pid/smaps"
	kill -TERM "$guestram" # INT is ignored in what bash starts behind itself
	local status=0
	wait "$guestram" || status=$?
	[ "$status" -eq 1 ]
	jq -e --argjson all $((256 * MIB)) '.collapse.stopped == "interrupted"
		and .collapse.after_bytes > 0 and .collapse.after_bytes < $all' "$BATS_TEST_TMPDIR/doc"
	finish
}

@test "without the right to do it: exit 3, what is missing is said, nothing is changed" {
	command -v setpriv >/dev/null || must_run "no setpriv"
	start 64 100
	run --separate-stderr setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice \
		"$GUESTRAM" inspect --collapse "$pid"
	[ "$status" -eq 3 ] && [ -z "$output" ]
	[[ "$stderr" == *"not permitted"*CAP_SYS_NICE* ]]
	! grep -q 'AnonHugePages: *[1-9]' "/proc/$pid/smaps"
	finish
}

@test "usage: --rate alone, with --watch, with --all, a rate that is none" {
	for arguments in "--rate 1G 1" "--collapse --watch 1 1" "--collapse --all" \
		"--collapse --rate 0 1" "--collapse --rate fast 1"; do
		# shellcheck disable=SC2086
		run "$GUESTRAM" inspect $arguments
		[ "$status" -eq 2 ]
	done
}
