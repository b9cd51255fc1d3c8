#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# guestram plan: on captured machines, so that every answer is the same everywhere. The choice
# itself is tested in tests/unit/test_plan.c; here it is exit codes, streams and the record.
# Nothing here changes the host.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	GUESTRAM=${GUESTRAM:-build/guestram}
	case $GUESTRAM in */*) GUESTRAM=$(realpath "$GUESTRAM") ;; esac
	CLOUD=tests/fixtures/cloud-lazy-6.18
}

# needs COMMAND...: skips without it, or fails where nothing may be skipped
needs() {
	"$@" >/dev/null 2>&1 && return
	[ -z "${GUESTRAM_MUST_RUN:-}" ] || { echo "this needs: $*"; return 1; }
	skip "this needs: $*"
}

fixtures() {
	for meminfo in tests/fixtures/*/proc/meminfo; do
		echo "${meminfo%/proc/meminfo}"
	done
}

valid() {
	python3 -W ignore -c '
import json, sys, jsonschema
jsonschema.validate(json.load(sys.stdin), json.load(open("schemas/plan.schema.json")))'
}

# field EXPRESSION: prints a field of the document d on the standard input
field() {
	python3 -c "import json,sys; d=json.load(sys.stdin); print($1)"
}

# plan CODE ARGS...: runs it on the cloud machine, wants that exit code; out and err are set
plan() {
	local want=$1 code=0
	shift
	"$GUESTRAM" plan --root "$CLOUD" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" ||
		code=$?
	out=$(cat "$BATS_TEST_TMPDIR/out")
	err=$(cat "$BATS_TEST_TMPDIR/err")
	[ "$code" = "$want" ] || { echo "exit $code, not $want: $err"; return 1; }
}

@test "every captured machine: JSON is valid, tables fit 80 columns" {
	needs python3 -c 'import jsonschema'
	for dir in $(fixtures); do
		for args in "-m 2G" "-m 2G -g performance --passthrough" "-m 900G" "-m 3GB -b dynamic" \
			"-m 1G --ksm" "-m 1G --shared -b thp" "-m 1G -n 1" "-m 1G -p 1G -b static"; do
			# shellcheck disable=SC2086
			"$GUESTRAM" plan --root "$dir" $args --json 2>/dev/null >"$BATS_TEST_TMPDIR/json" ||
				[ $? -le 3 ]
			valid <"$BATS_TEST_TMPDIR/json" || { echo "$dir $args"; return 1; }
			# shellcheck disable=SC2086
			{ "$GUESTRAM" plan --root "$dir" $args 2>/dev/null || true; } |
				awk -v d="$dir" 'length > 80 { print d ": " $0; bad = 1 } END { exit bad }'
		done
	done
}

@test "a plan: exit 0, nothing on stderr, the multiplication, the reasons, the next command" {
	plan 0 -m 8G
	[ -z "$err" ]
	grep -q '8 GiB = 4,096 x 2 MiB' <<<"$out"
	grep -q 'Backing: *dynamic' <<<"$out"
	grep -q '^Next: guestram run -m 8G -b dynamic -p 2M -- qemu-system-x86_64 \.\.\.$' <<<"$out"
}

@test "JSON: fixed names, integers, one document" {
	plan 0 -m 8G --json
	[ "$(field '[d["schema"], d["backing"], d["page_size_bytes"]]' <<<"$out")" = \
		"['guestram.plan/1', 'dynamic', 2097152]" ]
	[ "$(field 'd["needs"][0]["pages"]' <<<"$out")" = 4096 ]
	[ "$(field '[a["page_table_bytes"] for a in d["arithmetic"]]' <<<"$out")" = \
		"[16814080, 36864, 4096]" ]
}

@test "12GB are 5,723 pages, and short by as many when the pool is empty" {
	plan 3 -m 12GB -b static
	grep -q '5,723 are needed: short by 5,723' <<<"$err"
	grep -q '^hint: ' <<<"$err"
	grep -q GR213 <<<"$out"
}

@test "what no host could do is exit 2, what this one cannot now is exit 3" {
	plan 3 -m 900G
	grep -q "900 GiB is more than the host's RAM" <<<"$err"
	plan 2 -m 512M -p 1G
	grep -q '512 MiB is less than one 1 GiB page' <<<"$err"
	grep -q 'hint: use 2M: 256 pages' <<<"$err"
	plan 2 -m 8G -p 3M
	grep -q 'it has 2 MiB, 1 GiB' <<<"$err"
	plan 2 -m 8G -n 9
	grep -q 'no host node 9' <<<"$err"
	plan 2 -m 8G -b 4k -p 2M
	plan 3 -m 8G --keep-free 20G
	grep -q 'below the floor of 20 GiB: short by' <<<"$err"
	plan 3 -m 8G --shared -b thp
	grep -q 'shmem_enabled is never' <<<"$err"
}

@test "the record is printed also without a plan, all problems in it" {
	plan 2 -m 900G -n 9 --json
	[ "$(field '[p["code"] for p in d["problems"]]' <<<"$out")" = "['GR206', 'GR205']" ]
	[ "$(field '[d["backing"], d["command"]]' <<<"$out")" = "[None, None]" ]
	grep -q '(and 1 more)' <<<"$err"
}

@test "bad usage is refused with a phrase, nothing on stdout" {
	for args in "" "-m 0" "-m -5" "-m 8X" "-m 8.1.2G" "-m 99999999999G" "-m 8G -b huge" \
		"-m 8G -g fast" "-m 8G -n x" "-m 8G -n ," "-m 8G --keep-free 0" "-m 8G word"; do
		# shellcheck disable=SC2086
		plan 2 $args || { echo "$args"; return 1; }
		[ -z "$out" ]
		[ -n "$err" ]
	done
}

@test "a plain number is MiB" {
	plan 0 -m 8192 --json
	[ "$(field 'd["memory_bytes"]' <<<"$out")" = 8589934592 ]
}

@test "other machines: sizes, orders and names are theirs" {
	CLOUD=tests/fixtures/arm64-64k
	plan 2 -m 8G -p 1G
	grep -q 'it has 2 MiB, 512 MiB, 16 GiB' <<<"$err"
	plan 0 -m 2G
	grep -q '2 GiB = 4 x 512 MiB' <<<"$out"
	grep -q 'qemu-system-aarch64' <<<"$out"
	CLOUD=tests/fixtures/ppc64le-radix
	plan 2 -m 1G -n 252
	grep -q 'host node 252 has no memory' <<<"$err"
	plan 0 -m 1G
	grep -q 'qemu-system-ppc64 ' <<<"$out"
}

@test "limits of the own cgroup count" {
	CLOUD=tests/fixtures/two-node-6.1
	plan 3 -m 1G -p 2M -b dynamic
	grep -q 'cgroup /a/b allows 128 MiB of 2 MiB pages' <<<"$err"
}

@test "help" {
	plan 0 --help
	grep -q -- '--page-size' <<<"$out"
	grep -q -- '--passthrough' <<<"$out"
}
