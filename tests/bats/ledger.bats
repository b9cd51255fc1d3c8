#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The ledger against the running kernel: declarations of other owners, who has what, and what doctor
# says of pages that are held in ways that are hard to see. Never more than 128 pages of 2 MiB; each
# test runs under the lock that all tests share, and ends with the pools that it began with.

bats_require_minimum_version 1.5.0
load common

BATS_TEST_TIMEOUT=120
LEASES=/run/guestram/leases

setup_file() {
	load common
	helper keeper
	helper keeper vhost
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	cc -O2 -o "$BATS_FILE_TMPDIR/bin/holder" "$TESTS/guest/holder.c"
}

setup() {
	pids=
	foreign=0
	made_run=
	mounted=
	segment=
	BIN=$BATS_FILE_TMPDIR/bin
	OUT=$BATS_TEST_TMPDIR/out
	[ -w "$POOL2M/nr_hugepages" ] || must_run "the 2 MiB pool cannot be written (root?)"
	lock_pools
	[ -d /run/guestram ] || made_run=1
	before=$(pools)
	codes | sort >"$BATS_TEST_TMPDIR/codes.before"
}

teardown() {
	local after

	drop
	[ -z "$segment" ] || ipcrm -m "$segment"
	[ -z "$mounted" ] || umount "$mounted"
	[ "$foreign" = 0 ] || echo $(($(persistent) - foreign)) >"$POOL2M/nr_hugepages"
	for lease in bats-a bats-b bats-ovs bats-lend; do
		[ ! -e "$LEASES/$lease.json" ] || "$GUESTRAM" release $lease >/dev/null
		rm -f "$LEASES/$lease.json.damaged"
	done
	[ -z "$made_run" ] || rm -rf /run/guestram
	after=$(pools)
	[ "$before" = "$after" ] || { echo "before: $before"; echo "after: $after"; return 1; }
}

count() { # nr|free|surplus
	cat "$POOL2M/$1_hugepages"
}

persistent() {
	echo $(($(count nr) - $(count surplus)))
}

foreign_pool() { # PAGES: another owner's persistent pages
	echo $(($(persistent) + $1)) >"$POOL2M/nr_hugepages"
	foreign=$1
}

# start PROGRAM ARGS...: in the background, until it is ready; its pid is in $last
start() {
	"$BIN/$1" "${@:2}" >"$OUT" 2>&1 {lock_fd}>&- 3>&- &
	last=$!
	pids="$pids $last"
	until_true 10 grep -q ready "$OUT" || { cat "$OUT"; return 1; }
}

drop() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null || : # it may have ended by itself
		wait "$pid" 2>/dev/null || :
	done
	pids=
}

huge_mount() {
	mounted=$BATS_TEST_TMPDIR/huge
	mkdir -p "$mounted"
	mount -t hugetlbfs -o pagesize=2M none "$mounted" || must_run "hugetlbfs cannot be mounted"
}

codes() {
	"$GUESTRAM" doctor --ledger --json | python3 -c '
import json, sys
for finding in json.load(sys.stdin)["findings"]:
    print(finding["code"])'
}

# new_codes: the codes that were not there before the test
new_codes() {
	codes | sort | comm -13 "$BATS_TEST_TMPDIR/codes.before" - | paste -sd' '
}

# says CODE KEY TEXT: some finding of that code says so
says() {
	"$GUESTRAM" doctor --ledger --json | python3 -c '
import json, sys
found = [f[sys.argv[2]] for f in json.load(sys.stdin)["findings"] if f["code"] == sys.argv[1]]
print("\n".join(found))
sys.exit(not any(sys.argv[3] in text for text in found))' "$@"
}

# pool_says KEY: of the 2 MiB pools of all nodes, from list
pool_says() {
	"$GUESTRAM" list --json | python3 -c '
import json, sys
print(sum(p[sys.argv[1]] for p in json.load(sys.stdin)["pools"] if p["page_size_bytes"] == 2 << 20))' "$1"
}

@test "list: each pool's pages are somebody's, and the sum is right" {
	other=$(pool_says other)
	"$GUESTRAM" reserve bats-a -m 64M -p 2M >/dev/null
	start holder -1 32 2M
	"$GUESTRAM" reserve bats-b -m 128M -p 2M >/dev/null
	"$GUESTRAM" list --json | check_schema list
	[ "$(pool_says leased)" = 96 ]
	[ "$(pool_says other)" = "$other" ]
	foreign_pool 10
	[ "$(pool_says other)" = $((other + 10)) ]
	"$GUESTRAM" list --json | python3 -c '
import json, sys
for p in json.load(sys.stdin)["pools"]:
    parts = sum(p[k] for k in ("surplus", "leased", "promoted", "external", "boot", "other"))
    assert p["total"] == parts and not p["missing"], p'
	"$GUESTRAM" list | grep -q 'PAGE.*NODE.*LEASES.*DECLARED.*BOOT.*OTHER'
}

@test "what nobody declared: doctor says it, with the command for either case; exit 1" {
	"$GUESTRAM" doctor --ledger --json | check_schema doctor
	foreign_pool 48
	run -1 "$GUESTRAM" doctor --ledger
	[[ $output == *GR501*48\ pages*guestram\ reserve\ --external* ]]
	[ "$(new_codes)" = GR501 ]
	says GR501 remedy "reserve --external NAME -m 96M -p 2M --node 0"
	"$GUESTRAM" doctor --ledger --json | check_schema doctor
	start holder -1 48 2M
	[ "$(new_codes)" = GR502 ]
	says GR502 evidence "pid $last (holder) 48"
}

@test "a declaration: counted, left alone, and no pool is written for it" {
	foreign_pool 64
	start holder -1 20 2M
	nr=$(pools)
	"$GUESTRAM" reserve --external bats-ovs -m 128M -p 2M --node 0 --owner-pid "$last" \
		--json >"$OUT.json"
	check_schema reserve <"$OUT.json"
	[ "$(json lease state <"$OUT.json")" = external ]
	[ "$(pool_says external)" = 64 ]
	"$GUESTRAM" list | grep -q "bats-ovs.*external.*$last.*64 x 2 MiB on node 0"
	[ -z "$(new_codes)" ]
	# 44 are free and all of them are his: neither plan nor run takes them.
	run -3 --separate-stderr "$GUESTRAM" plan -m 8M -p 2M -b static
	[[ $output$stderr == *"held by leases"* ]]
	run -3 --separate-stderr "$GUESTRAM" run -m 8M -p 2M -b static
	[[ $stderr == *"lease"* ]]
	# Nor does his own name open them.
	run -3 "$GUESTRAM" run -m 8M -p 2M -b static --name bats-ovs
	# Recovery leaves it alone, and so does his end: who has no process has what is in use.
	"$GUESTRAM" recover >/dev/null
	drop
	[ "$(new_codes)" = GR517 ]
	"$GUESTRAM" recover >/dev/null
	[ -e "$LEASES/bats-ovs.json" ]
	run -3 "$GUESTRAM" plan -m 8M -p 2M -b static
	"$GUESTRAM" release bats-ovs --json >"$OUT.json"
	[ "$(json pages_returned <"$OUT.json")" = 0 ]
	[ "$(pools)" = "$nr" ]
	"$GUESTRAM" plan -m 8M -p 2M -b static >/dev/null
}

@test "a declaration whose owner has taken all claims nothing more" {
	foreign_pool 64
	start holder -1 20 2M
	"$GUESTRAM" reserve --external bats-ovs -m 40M -p 2M --owner-pid "$last" >/dev/null
	"$GUESTRAM" plan -m 88M -p 2M -b static >/dev/null
	run -3 "$GUESTRAM" plan -m 90M -p 2M -b static
	"$GUESTRAM" release bats-ovs >/dev/null
	# Without a pid: what is in use and not explained is his, 20 of 30.
	"$GUESTRAM" reserve --external bats-ovs -m 60M -p 2M >/dev/null
	"$GUESTRAM" plan -m 68M -p 2M -b static >/dev/null
	run -3 "$GUESTRAM" plan -m 70M -p 2M -b static
}

@test "a declaration of an earlier boot is forgotten, and nothing else happens" {
	foreign_pool 16
	"$GUESTRAM" reserve --external bats-ovs -m 32M -p 2M >/dev/null
	nr=$(pools)
	sed -i 's/\("boot_id": *"\)[^"]*/\100000000-0000-4000-8000-000000000000/' "$LEASES/bats-ovs.json"
	[[ " $(new_codes) " == *" GR514 "* ]]
	"$GUESTRAM" plan -m 32M -p 2M -b static >/dev/null
	"$GUESTRAM" recover | grep -q "forgot lease bats-ovs"
	[ ! -e "$LEASES/bats-ovs.json" ]
	[ "$(pools)" = "$nr" ]
}

@test "what cannot be declared: exit 2, and says why" {
	refused() { # TEXT ARGS...
		run -2 --separate-stderr "$GUESTRAM" reserve "${@:2}"
		[[ $stderr == *"$1"* ]] || { echo "$stderr"; return 1; }
	}
	refused "4 GiB is not a page size" --external bats-ovs -m 8G -p 4G
	refused "needs a name" --external -m 8M
	refused "-m SIZE" --external bats-ovs
	refused "whole number of 2 MiB pages" --external bats-ovs -m 3M -p 2M
	refused "one node" --external bats-ovs -m 8M -p 2M --node 0,1
	refused "belongs to --external" bats-ovs -m 8M --owner-pid 1
	refused "is no pid" --external bats-ovs -m 8M -p 2M --owner-pid 0
	refused "no meaning" --external bats-ovs -m 8M -p 2M --keep-free 1G
	run -1 "$GUESTRAM" reserve --external bats-ovs -m 8M -p 2M --owner-pid 2147483647
	"$GUESTRAM" reserve --external bats-ovs -m 8M -p 2M >/dev/null
	refused "already" --external bats-ovs -m 8M -p 2M
	refused "already" bats-ovs -m 8M -p 2M
	run -2 "$GUESTRAM" doctor --ledger extra
}

@test "a process keeps a deleted hugetlbfs file of a VM that is gone" {
	foreign_pool 16
	huge_mount
	start vhost file "$mounted/qemu_back_mem.X" 16
	[ "$(count free)" = 0 ]
	[ ! -e "$mounted/qemu_back_mem.X" ]
	[ "$(new_codes)" = "GR502 GR512" ]
	says GR512 cause "16 pages of 2 MiB held by pid $last (vhost), file deleted"
	says GR512 evidence "$mounted/qemu_back_mem.X"
	drop
	[ "$(new_codes)" = GR501 ]
}

@test "a file in a hugetlbfs mount without a process; memory of a process whose first thread ended" {
	foreign_pool 16
	huge_mount
	"$BIN/keeper" named "$mounted/rtemap_0" 6
	start keeper thread 10
	until_true 10 grep -q '^State:.Z' "/proc/$last/status"
	[ "$(count free)" = 0 ]
	[ "$(new_codes)" = "GR502 GR511" ]
	says GR511 evidence "$mounted/rtemap_0"
	says GR511 cause "6 pages of 2 MiB"
	says GR502 evidence "pid $last (keeper) 10"
	rm "$mounted/rtemap_0"
	[ "$(new_codes)" = "GR501 GR502" ]
}

@test "shared memory that nobody has attached" {
	foreign_pool 8
	segment=$("$BIN/keeper" segment 8 | head -1)
	[ "$(count free)" = 0 ]
	[ "$(new_codes)" = "GR502 GR520" ]
	says GR520 evidence "segment $segment: 16 MiB"
	ipcrm -m "$segment"
	segment=
	[ "$(new_codes)" = GR501 ]
}

@test "pages that nobody has: kernel suspect; release gives back what is free and keeps the rest" {
	"$GUESTRAM" reserve bats-a -m 64M -p 2M >/dev/null
	start keeper flight 12
	[ "$(new_codes)" = GR510 ]
	says GR510 cause "12 pages of 2 MiB in use"
	free=$(count free) surplus=$(count surplus) nr=$(count nr)
	run -5 --separate-stderr "$GUESTRAM" release bats-a
	[[ $stderr == *"12 pages of 2 MiB in use"*"kernel suspect"*"20 other pages given back"* ]]
	[[ $stderr == *hint:* ]]
	[ "$(count nr)" = $((nr - 20)) ]
	[ "$(count free)" = $((free - 20)) ]
	[ "$(count surplus)" = "$surplus" ]
	"$GUESTRAM" list | grep -q "bats-a.*owed.*12 x 2 MiB"
	[ "$(new_codes)" = "GR510 GR516" ]
	# No alarm each minute, and the name is free for the next start.
	"$GUESTRAM" recover | grep -q "Nothing to put right"
	"$GUESTRAM" reserve bats-a -m 16M -p 2M >/dev/null
	run -5 "$GUESTRAM" release bats-a
	[ "$(count nr)" = $((nr - 20)) ]
	drop
	until_true 10 test "$(count free)" -ge 12
	"$GUESTRAM" recover | grep -q "gave back 12 pages of lease bats-a"
	[ ! -e "$LEASES/bats-a.json" ]
}

@test "pages that come and go are not lost" {
	"$GUESTRAM" reserve bats-b -m 16M -p 2M >/dev/null
	# Strangers who take pages for a moment, each time as another process.
	for i in {1..4}; do
		while :; do "$BIN/keeper" blink $((i % 3 + 1)) >"$BATS_TEST_TMPDIR/blink.$i"; done \
			{lock_fd}>&- 3>&- &
		pids="$pids $!"
	done
	for i in {1..12}; do
		"$GUESTRAM" reserve bats-a -m 16M -p 2M >/dev/null
		"$GUESTRAM" release bats-a >/dev/null
		run codes
		[[ $output != *GR510* ]]
	done
	drop
	"$GUESTRAM" recover >/dev/null
}

@test "pages that somebody has go home when he lets go, as ever" {
	"$GUESTRAM" reserve bats-a -m 32M -p 2M >/dev/null
	start keeper private 4
	surplus=$(count surplus)
	"$GUESTRAM" release bats-a >/dev/null
	[ "$(count surplus)" = $((surplus + 4)) ]
	[ "$(new_codes)" = GR505 ]
	says GR505 cause "nothing has leaked"
	says GR505 evidence "pid $last (keeper) 4"
}

@test "somebody lowered the pool under a lease" {
	"$GUESTRAM" reserve bats-a -m 32M -p 2M >/dev/null
	nr=$(count nr)
	echo $(($(persistent) - 6)) >"$POOL2M/nr_hugepages"
	[ "$(new_codes)" = GR503 ]
	says GR503 cause "6 pages of 2 MiB on node 0 are missing"
	says GR503 evidence "bats-a (16)"
	[ "$(pool_says missing)" = 6 ]
	echo "$nr" >"$POOL2M/nr_hugepages"
	[ -z "$(new_codes)" ]
}

@test "a lease whose process is gone, and files that cannot be read" {
	"$GUESTRAM" reserve bats-a -m 16M -p 2M >/dev/null
	head -c 90 "$LEASES/bats-a.json" >"$LEASES/bats-b.json"
	sed -i 's/"state": *"held"/"state": "owned"/; s/"owner_pid": *0/"owner_pid": 2147483646/' \
		"$LEASES/bats-a.json"
	[ "$(new_codes)" = "GR515 GR516" ]
	says GR516 cause "its process is gone"
	run -5 "$GUESTRAM" recover
	[ "$(new_codes)" = GR515 ]
	says GR515 evidence "bats-b.json.damaged"
	rm "$LEASES/bats-b.json.damaged"
	[ -z "$(new_codes)" ]
}

@test "captures: an underflowed counter is a finding, and nothing is written" {
	cp -r "$TESTS/fixtures/container" "$BATS_TEST_TMPDIR/capture"
	mkdir -p "$BATS_TEST_TMPDIR/capture/run/guestram/leases"
	echo '{"schema": "guestram.lease/1"' >"$BATS_TEST_TMPDIR/capture/run/guestram/leases/x.json"
	sums=$(cd "$BATS_TEST_TMPDIR/capture" && find . -type f -exec sha256sum {} + | sort)
	run -1 "$GUESTRAM" doctor --ledger --root "$BATS_TEST_TMPDIR/capture" --json
	check_schema doctor <<<"$output"
	[[ $output == *GR508*18446744073709551608*"which is -8"* ]]
	[[ $output == *GR515*x.json* ]]
	"$GUESTRAM" list --root "$BATS_TEST_TMPDIR/capture" >/dev/null
	[ "$sums" = "$(cd "$BATS_TEST_TMPDIR/capture" && find . -type f -exec sha256sum {} + | sort)" ]
	for dir in "$TESTS"/fixtures/*/proc/meminfo; do
		run "$GUESTRAM" doctor --ledger --root "${dir%/proc/meminfo}" --json
		[ "$status" -le 1 ]
		check_schema doctor <<<"$output"
	done
}

@test "a lease that lends says so, one that does not does not" {
	run -0 "$GUESTRAM" reserve bats-lend -m 8M -p 2M --lend --json
	check_schema reserve <<<"$output"
	[ "$(json lease lend <<<"$output")" = true ]
	[ "$(json lease grants 0 lent_pages <<<"$output")" = 0 ]
	[ "$("$GUESTRAM" list --json | json leases 0 lend)" = true ]
	"$GUESTRAM" release bats-lend
	run -0 "$GUESTRAM" reserve bats-lend -m 8M -p 2M --json
	[ "$(json lease lend <<<"$output")" = false ]
	"$GUESTRAM" release bats-lend
}

# Two nodes; of a page of 1 GiB of node 1 a lease made 2 MiB pages, and it lent 12 of node 0.
@test "pages that a lease cut up or lent: list and doctor say so, and call nothing missing" {
	local capture=$BATS_TEST_TMPDIR/capture hugepages=sys/devices/system/node/node
	cp -r "$TESTS/fixtures/two-node-6.1" "$capture"
	mkdir -p "$capture/run/guestram/leases"
	echo 612 >"$capture/${hugepages}1/hugepages/hugepages-2048kB/nr_hugepages"
	echo 612 >"$capture/${hugepages}1/hugepages/hugepages-2048kB/free_hugepages"
	echo 612 >"$capture/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
	cat >"$capture/run/guestram/leases/vm.json" <<-'END'
		{"schema": "guestram.lease/1", "name": "vm", "state": "held", "owner_pid": 0,
		 "owner_start_time": 0, "keeper_pid": 0, "keeper_start_time": 0, "since": 1, "expires_ns": 0,
		 "boot_id": "", "from_pool": false, "lend": true, "grants": [
		 {"node": 1, "page_size_bytes": 2097152, "asked_pages": 512, "pages": 512, "promoted_pages": 0,
		  "demoted_pages": 0, "lent_pages": 0, "goal_pages": 0, "goal_surplus_pages": 0},
		 {"node": 0, "page_size_bytes": 2097152, "asked_pages": 0, "pages": 0, "promoted_pages": 0,
		  "demoted_pages": 0, "lent_pages": 12, "goal_pages": 0, "goal_surplus_pages": 0},
		 {"node": 1, "page_size_bytes": 1073741824, "asked_pages": 0, "pages": 0, "promoted_pages": 0,
		  "demoted_pages": 1, "goal_pages": 0, "goal_surplus_pages": 0}]}
	END
	run -0 "$GUESTRAM" list --root "$capture" --json
	check_schema list <<<"$output"
	python3 - "$output" <<-'END'
		import json, sys
		d = json.loads(sys.argv[1])
		lease, = d["leases"]
		assert lease["lend"] is True
		assert [(g["pages"], g["lent_pages"], g["demoted_pages"]) for g in lease["grants"]] == \
			[(512, 0, 0), (0, 12, 0), (0, 0, 1)], lease
		small, = (p for p in d["pools"] if (p["node"], p["page_size_bytes"]) == (1, 2 << 20))
		large, = (p for p in d["pools"] if (p["node"], p["page_size_bytes"]) == (1, 1 << 30))
		assert small["leased"] == 512 and small["demoted"] == 0, small
		assert large["demoted"] == 1 and large["leased"] + large["missing"] == 0, large
	END
	run -0 "$GUESTRAM" list --root "$capture"
	output=$(tr -s ' \n' ' ' <<<"$output") # lines are wrapped
	[[ $output == *"0 x 2 MiB on node 0, 12 lent"*"0 x 1 GiB on node 1, 1 cut up"* ]]
	run "$GUESTRAM" doctor --ledger --root "$capture" --json
	[[ $output == *GR519* ]]
	[[ $output != *GR503* ]]
}

# A state directory on a file system of its own that is full at times.
@test "/run is full: nothing is changed, it is said, and later all goes on" {
	unshare -m true 2>/dev/null || must_run "no mount namespaces"
	mkdir -p /run/guestram
	chmod 700 /run/guestram
	cat >"$BATS_TEST_TMPDIR/full.sh" <<-'END'
		set -eu
		mount -t tmpfs -o mode=700,size=64k none /run/guestram
		fill() { cat /dev/zero >/run/guestram/fill 2>/dev/null || :; }
		nr=$(cat $POOL2M/nr_hugepages)
		"$GUESTRAM" recover >/dev/null
		fill
		status=0
		"$GUESTRAM" reserve bats-a -m 16M -p 2M >/dev/null 2>"$OUT" || status=$?
		cat "$OUT"
		[ $status = 4 ]
		grep -q "/run/guestram/leases/bats-a.json: No space left" "$OUT"
		[ "$(cat $POOL2M/nr_hugepages)" = "$nr" ]
		[ -z "$(find /run/guestram/leases -type f)" ]
		rm /run/guestram/fill
		"$GUESTRAM" reserve bats-a -m 16M -p 2M >/dev/null
		fill
		"$GUESTRAM" release bats-a >"$OUT" 2>&1 || :
		cat "$OUT"
		rm /run/guestram/fill
		[ ! -e /run/guestram/leases/bats-a.json ] || "$GUESTRAM" release bats-a
		[ "$(cat $POOL2M/nr_hugepages)" = "$nr" ]
	END
	OUT=$OUT POOL2M=$POOL2M unshare -m bash "$BATS_TEST_TMPDIR/full.sh"
}

@test "every code is explained in guestram-doctor(7), and no other" {
	cd "$TESTS/.." || return 1
	grep -oh '"GR5[0-9][0-9]"' src/lease/reconcile*.c | tr -d '"' | sort -u >"$BATS_TEST_TMPDIR/src"
	grep -o '^\*GR5[0-9][0-9]\*' man/guestram-doctor.7.scd | tr -d '*' | sort >"$BATS_TEST_TMPDIR/man"
	diff "$BATS_TEST_TMPDIR/src" "$BATS_TEST_TMPDIR/man"
	grep -o '^ \*   GR5[0-9][0-9]' src/lease/reconcile.h | grep -o 'GR.*' | diff "$BATS_TEST_TMPDIR/src" -
	[ "$(wc -l <"$BATS_TEST_TMPDIR/src")" -ge 20 ]
}
