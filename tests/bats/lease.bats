#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Leases on the running kernel: what is taken comes back exactly, whoever else is at the pools and
# however guestram ends. Never more than 256 pages of 2 MiB; each test runs under the lock that all
# tests share, and ends with the pools that it began with.
#
# GUESTRAM: the program (default: build/guestram).

bats_require_minimum_version 1.5.0

BATS_TEST_TIMEOUT=120
POOL=/sys/kernel/mm/hugepages/hugepages-2048kB
LEASES=/run/guestram/leases

setup_file() {
	local tests="$BATS_TEST_DIRNAME/.."

	GUESTRAM=$(realpath -m "${GUESTRAM:-$tests/../build/guestram}")
	HOLDER=$BATS_FILE_TMPDIR/holder
	SCHEMAS=$(realpath "$tests/../schemas")
	cc -O2 -o "$HOLDER" "$tests/guest/holder.c"
	export GUESTRAM HOLDER SCHEMAS
}

must_run() { # why
	[ -n "$GUESTRAM_MUST_RUN" ] && { echo "must not be skipped: $1" >&2; return 1; }
	skip "$1"
}

setup() {
	holders=
	foreign=0
	made_run=
	[ -w "$POOL/nr_hugepages" ] || must_run "the 2 MiB pool cannot be written (root?)"
	exec {lock_fd}>>"${GUESTRAM_TEST_LOCK:-/run/lock/guestram-test.lock}"
	flock "$lock_fd"
	[ -d /run/guestram ] || made_run=1
	before=$(pools)
}

teardown() {
	local after

	drop_holders
	[ "$foreign" = 0 ] || echo $(($(persistent) - foreign)) >"$POOL/nr_hugepages"
	for lease in bats-a bats-b bats-c; do
		[ -e "$LEASES/$lease.json" ] && "$GUESTRAM" release $lease >/dev/null
		rm -f "$LEASES/$lease.json.damaged"
	done
	[ -z "$made_run" ] || rm -rf /run/guestram
	after=$(pools)
	[ "$before" = "$after" ] || { echo "before: $before"; echo "after: $after"; return 1; }
}

# Every count of the pool that we touch, but the transient "resv"
pools() {
	grep -H . "$POOL"/{nr,free,surplus}_hugepages \
		/sys/devices/system/node/node*/hugepages/hugepages-2048kB/{nr,free,surplus}_hugepages |
		tr '\n' ' '
}

count() { # total|free|surplus
	cat "$POOL/$1_hugepages"
}

persistent() {
	echo $(($(count nr) - $(count surplus)))
}

hold() { # PAGES [lazy]
	local out="$BATS_TEST_TMPDIR/holder.$RANDOM"

	"$HOLDER" -1 "$1" 2M ${2:+"$2"} >"$out" 2>&1 {lock_fd}>&- 3>&- &
	holders="$holders $!"
	for _ in {1..100}; do
		grep -q ready "$out" && return
		sleep 0.05
	done
	cat "$out"
	return 1
}

drop_holders() {
	for pid in $holders; do
		kill "$pid" 2>/dev/null || : # it may not have got its pages
		wait "$pid" 2>/dev/null || :
	done
	holders=
}

# Another owner's pool: persistent pages that are not ours
foreign_pool() { # PAGES
	echo $(($(persistent) + $1)) >"$POOL/nr_hugepages"
	foreign=$1
}

valid() { # VERB: the document on the standard input
	python3 -W ignore -c '
import json, sys
doc = json.load(sys.stdin)
schema = json.load(open(sys.argv[1]))
assert not set(schema["required"]) - set(doc), set(schema["required"]) - set(doc)
try:
    import jsonschema
    jsonschema.validate(doc, schema)
except ImportError:
    assert doc["schema"] == schema["properties"]["schema"]["const"]
' "$SCHEMAS/$1.schema.json"
}

field() { # EXPRESSION of d
	python3 -c "import json,sys; d=json.load(sys.stdin); print($1)"
}

@test "reserve, list, release: JSON as promised, pools as before" {
	nr=$(count nr)
	"$GUESTRAM" reserve bats-a -m 256M --page-size 2M --json >"$BATS_TEST_TMPDIR/reserve"
	[ "$(count nr)" = $((nr + 128)) ]
	valid reserve <"$BATS_TEST_TMPDIR/reserve"
	[ "$(field 'sum(g["pages"] for g in d["lease"]["grants"])' <"$BATS_TEST_TMPDIR/reserve")" = 128 ]
	[ "$(field 'd["lease"]["state"]' <"$BATS_TEST_TMPDIR/reserve")" = held ]
	[ "$(field 'd["short_pages"]' <"$BATS_TEST_TMPDIR/reserve")" = 0 ]
	"$GUESTRAM" list --json | valid list
	"$GUESTRAM" list | grep -q 'bats-a.*held.*128 x 2 MiB'
	[ "$(stat -c %a /run/guestram)" = 700 ]
	"$GUESTRAM" recover --json | valid recover
	[ "$(count nr)" = $((nr + 128)) ]
	"$GUESTRAM" release bats-a --json >"$BATS_TEST_TMPDIR/release"
	valid release <"$BATS_TEST_TMPDIR/release"
	[ "$(field 'd["pages_returned"]' <"$BATS_TEST_TMPDIR/release")" = 128 ]
	[ "$(count nr)" = "$nr" ]
	[ ! -e "$LEASES/bats-a.json" ]
}

@test "a shortage changes nothing, and says by how much and what the floor is" {
	total=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
	run -3 --separate-stderr timeout 20 "$GUESTRAM" reserve bats-a -m $((total - 200)) --page-size 2M
	[[ $stderr == *"floor of"* ]]
	[[ $stderr == *"short by"* ]]
	[[ $stderr == *hint:* ]]
	# More than the host's RAM.
	run -3 --separate-stderr timeout 20 "$GUESTRAM" reserve bats-a -m 1000G --page-size 2M
	[[ $stderr == *"host's RAM"*"short by"*floor* ]]
	[ ! -e "$LEASES/bats-a.json" ]
	[ "$(pools)" = "$before" ]
}

@test "names: no paths, no unknown ones" {
	run -2 --separate-stderr "$GUESTRAM" reserve ../../bats -m 2M
	[[ $stderr == *"cannot be the name of a lease"* ]]
	run -2 "$GUESTRAM" release /bats-a
	run -1 --separate-stderr "$GUESTRAM" release bats-unknown
	[[ $stderr == *"no lease 'bats-unknown'"* ]]
	"$GUESTRAM" reserve bats-a -m 2M --page-size 2M >/dev/null
	run -2 "$GUESTRAM" reserve bats-a -m 2M --page-size 2M
	"$GUESTRAM" release bats-a >/dev/null
}

@test "another owner's pool of 64, half in use, stays his" {
	foreign_pool 64
	base=$(persistent)
	hold 32
	free=$(count free)
	"$GUESTRAM" reserve bats-a -m 128M --page-size 2M >/dev/null
	[ "$(persistent)" = $((base + 64)) ]
	[ "$(count free)" = $((free + 64)) ]
	drop_holders
	hold 64
	"$GUESTRAM" release bats-a >/dev/null
	[ "$(persistent)" = "$base" ]
	[ "$(count free)" = $((free - 32)) ]
	[ "$(count surplus)" = 0 ]
	# He frees all and takes all again.
	drop_holders
	[ "$(count free)" = $((free + 32)) ]
	hold 64
	[ "$(persistent)" = "$base" ]
}

@test "another VM's surplus is promoted by our growth, and surplus again afterwards" {
	foreign_pool 64
	hold 64
	echo $(($(persistent) - 64)) >"$POOL/nr_hugepages"
	foreign=0
	surplus=$(count surplus)
	[ "$surplus" -ge 64 ]
	"$GUESTRAM" reserve bats-a -m 64M --page-size 2M >/dev/null
	[ "$(count free)" -ge 32 ]
	"$GUESTRAM" release bats-a >/dev/null
	[ "$(count surplus)" = "$surplus" ]
	# He dies while the promotion lasts.
	"$GUESTRAM" reserve bats-a -m 64M --page-size 2M >/dev/null
	drop_holders
	"$GUESTRAM" release bats-a >/dev/null
}

@test "strangers who take pages meanwhile let go of them later" {
	for i in {1..20}; do
		"$HOLDER" -1 8 2M >/dev/null 2>&1 {lock_fd}>&- 3>&- &
		holders="$holders $!"
	done
	"$GUESTRAM" reserve bats-a -m 64M --page-size 2M >/dev/null
	for i in {1..20}; do
		"$HOLDER" -1 4 2M >/dev/null 2>&1 {lock_fd}>&- 3>&- &
		holders="$holders $!"
	done
	base=$(($(persistent) - 32))
	"$GUESTRAM" release bats-a >/dev/null
	[ "$(persistent)" = "$base" ]
	drop_holders
	"$GUESTRAM" recover >/dev/null
}

@test "kill -9 at any moment: recover puts it right" {
	for i in {1..20}; do
		"$GUESTRAM" reserve bats-a -m 512M --page-size 2M >/dev/null 2>&1 {lock_fd}>&- 3>&- &
		pid=$!
		sleep "0.00$((RANDOM % 10))$((RANDOM % 10))"
		kill -9 $pid 2>/dev/null || :
		wait $pid 2>/dev/null || :
		if [ $((i % 2)) = 0 ] && [ -e "$LEASES/bats-a.json" ]; then
			"$GUESTRAM" release bats-a >/dev/null 2>&1 {lock_fd}>&- 3>&- &
			pid=$!
			sleep "0.00$((RANDOM % 10))"
			kill -9 $pid 2>/dev/null || :
			wait $pid 2>/dev/null || :
		fi
		"$GUESTRAM" recover >/dev/null
		[ ! -e "$LEASES/bats-a.json" ] || "$GUESTRAM" release bats-a >/dev/null
		[ "$(pools)" = "$before" ]
	done
	[ -z "$(find "$LEASES" -name '.*.new')" ]
}

@test "a signal while reserving puts all back" {
	"$GUESTRAM" reserve bats-a -m 512M --page-size 2M >/dev/null 2>&1 {lock_fd}>&- 3>&- &
	pid=$!
	sleep 0.002
	kill -TERM $pid 2>/dev/null || :
	status=0
	wait $pid || status=$?
	case $status in
	0) "$GUESTRAM" release bats-a >/dev/null ;;
	*) [ ! -e "$LEASES/bats-a.json" ] ;;
	esac
	[ "$(pools)" = "$before" ]
}

@test "two at once get the sum" {
	nr=$(count nr)
	for i in {1..10}; do
		"$GUESTRAM" reserve bats-a -m 200M --page-size 2M >/dev/null {lock_fd}>&- 3>&- &
		a=$!
		"$GUESTRAM" reserve bats-b -m 200M --page-size 2M >/dev/null {lock_fd}>&- 3>&- &
		b=$!
		wait $a
		wait $b
		[ "$(count nr)" = $((nr + 200)) ]
		"$GUESTRAM" release bats-b >/dev/null {lock_fd}>&- 3>&- &
		b=$!
		"$GUESTRAM" release bats-a >/dev/null
		wait $b
		[ "$(count nr)" = "$nr" ]
	done
}

@test "a damaged ledger file is set aside, named, and in nobody's way" {
	"$GUESTRAM" reserve bats-a -m 8M --page-size 2M >/dev/null
	head -c 100 "$LEASES/bats-a.json" >"$LEASES/bats-b.json"
	"$GUESTRAM" list --json | valid list
	[ "$("$GUESTRAM" list --json | field 'd["damaged"]')" = "['bats-b.json']" ]
	run -5 "$GUESTRAM" recover
	[[ $output == *bats-b.json.damaged* ]]
	[ -e "$LEASES/bats-b.json.damaged" ]
	[ "$("$GUESTRAM" list --json | field 'd["damaged"]')" = "['bats-b.json.damaged']" ]
	# Until somebody has looked at it, recover says so; nobody else is held up.
	run -5 "$GUESTRAM" recover
	# A lease of another version of guestram is left alone, and said.
	sed 's,guestram.lease/1,guestram.lease/2,; s/bats-a/bats-c/' "$LEASES/bats-a.json" >"$LEASES/bats-c.json"
	run -5 "$GUESTRAM" recover
	[[ $output == *bats-c.json* ]]
	[ -e "$LEASES/bats-c.json" ]
	rm "$LEASES/bats-b.json.damaged" "$LEASES/bats-c.json"
	run -0 "$GUESTRAM" recover
	"$GUESTRAM" release bats-a >/dev/null
}

@test "without root: exit 3, and the file is named" {
	command -v setpriv >/dev/null || must_run "no setpriv"
	cp "$GUESTRAM" "$BATS_TEST_TMPDIR/guestram"
	chmod -R a+rX "$BATS_RUN_TMPDIR"
	run -3 --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BATS_TEST_TMPDIR/guestram" reserve bats-a -m 2M --page-size 2M
	[[ $stderr == */* ]]
	[[ $stderr == *"needs root"* ]]
}

@test "a read-only /sys: exit 3, the file is named, nothing is left" {
	unshare -m true 2>/dev/null || must_run "no mount namespaces"
	run -3 --separate-stderr unshare -m sh -c \
		"mount -o remount,bind,ro /sys && exec '$GUESTRAM' reserve bats-a -m 2M --page-size 2M"
	[[ $stderr == */sys* ]]
	[[ $stderr == *hint:* ]]
	[ ! -e "$LEASES/bats-a.json" ]
}
