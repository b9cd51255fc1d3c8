#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Memory that is mixed in a known way (helpers/mixer), as the library tells it (helpers/look) and as
# `guestram inspect` does: page sizes, folio sizes, swap, locks, and what is not touched have to be
# equal to the byte, by both oracles. Several of the mixes are what people were misled by; each
# says in which thread.

bats_require_minimum_version 1.5.0
load common

BATS_TEST_TIMEOUT=300
THP=/sys/kernel/mm/transparent_hugepage
POOL1G=/sys/kernel/mm/hugepages/hugepages-1048576kB

setup_file() {
	helper mixer
	LOOK=$(realpath -m "${GUESTRAM_LOOK:-$BATS_TEST_DIRNAME/../../build/tests/look}")
	export LOOK MIXER=$BATS_FILE_TMPDIR/bin/mixer
}

setup() {
	mixer_pid='' mthp='' zram='' added2m=0 added1g=0
	[ -x "$LOOK" ] || { echo "no program at $LOOK" >&2; return 1; }
}

teardown() {
	stop_mixer
	[ -z "$mthp" ] || echo "$mthp" >$THP/hugepages-64kB/enabled
	[ -z "$zram" ] || { swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset; }
	[ "$added2m" -eq 0 ] || echo $(($(cat $POOL2M/nr_hugepages) - added2m)) >$POOL2M/nr_hugepages
	[ "$added1g" -eq 0 ] || echo $(($(cat $POOL1G/nr_hugepages) - added1g)) >$POOL1G/nr_hugepages
}

# start_mixer NAME...
start_mixer() {
	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$MIXER" "$@" <"$BATS_TEST_TMPDIR/hold" >"$BATS_TEST_TMPDIR/mixes" 2>"$BATS_TEST_TMPDIR/why" \
		3>&- &
	mixer_pid=$!
	exec {hold_fd}>"$BATS_TEST_TMPDIR/hold"
	for _ in $(seq 600); do
		! grep -q '^ready' "$BATS_TEST_TMPDIR/mixes" || return 0
		kill -0 "$mixer_pid" 2>/dev/null || break
		sleep 0.05
	done
	wait "$mixer_pid" && status=0 || status=$?
	mixer_pid=
	[ "$status" -eq 77 ] && must_run "$(cat "$BATS_TEST_TMPDIR/why")"
	echo "mixer did not come up: $(cat "$BATS_TEST_TMPDIR/why")" >&2
	return 1
}

stop_mixer() {
	[ -n "$mixer_pid" ] || return 0
	exec {hold_fd}>&-
	kill "$mixer_pid" 2>/dev/null || true
	wait "$mixer_pid" || true
	mixer_pid=
}

# check_mixes [AS...]: every line of the mixer in what look says (run as AS), and nothing else
check_mixes() {
	local looked want wrong=0
	looked=$("$@" "$LOOK" --exact "$mixer_pid")
	echo "$looked"
	while read -r name want; do
		[ "$name" != ready ] || continue
		grep -qFx -- "$want" <<<"$looked" || { echo "WRONG $name: $want" && wrong=1; }
	done <"$BATS_TEST_TMPDIR/mixes"
	[ "$(grep -c ' size=' <<<"$looked")" -eq "$(grep -c ' size=' "$BATS_TEST_TMPDIR/mixes")" ]
	grep -qx 'nodes add up: yes' <<<"$looked"
	grep -qx 'oracles: agree' <<<"$looked"
	[ $wrong -eq 0 ]
}

# check_json: the same figures, from the document that people get
check_json() {
	"$GUESTRAM" inspect --json --exact "$mixer_pid" >"$BATS_TEST_TMPDIR/doc"
	python3 - "$BATS_TEST_TMPDIR/mixes" "$BATS_TEST_TMPDIR/doc" <<-'PY'
		import json, sys
		doc = json.load(open(sys.argv[2]))
		regions = {r["start"]: r for r in doc["regions"]}
		def by_size(items):
		    return ",".join("%d:%d" % (i["page_size_bytes"], i["bytes"]) for i in items)
		sums = {"swap": 0, "size": 0, "bytes": 0}
		for line in open(sys.argv[1]):
		    words = line.split()
		    if words == ["ready"]:
		        break
		    region = regions.pop(int(words[1], 16))
		    want = dict(w.split("=") for w in words[2:])
		    present, huge, _ = want["scan"].split(":")
		    got = {"size": region["size_bytes"], "swap": region["swapped_bytes"],
		           "lock": region["locked_bytes"], "pages": by_size(region["by_page_size"])}
		    for key, value in got.items():
		        assert want[key] == str(value), (words[0], key, want[key], value)
		    assert [int(present), int(huge)] == \
		        [region["scan_present_bytes"], region["scan_huge_bytes"]], words[0]
		    exact = region["exact"]["by_page_size"]
		    assert want["folios"] == by_size(exact), (words[0], want["folios"], exact)
		    sums["size"] += int(want["size"]); sums["swap"] += int(want["swap"])
		    sums["bytes"] += int(present)
		assert not regions, regions
		assert doc["ram_bytes"] == sums["size"] and doc["swapped_bytes"] == sums["swap"]
		assert doc["populated_bytes"] == sums["bytes"]
		assert doc["untouched_bytes"] == sums["size"] - sums["bytes"] - sums["swap"]
		assert doc["oracles_agree"] is True
	PY
}

@test "base pages, every eighth page, the zero page, private copies of a file" {
	must_root
	start_mixer base sparse zero private-file
	check_mixes
	check_json
}

@test "transparent huge pages, whole, mixed with small ones, and torn" {
	must_root
	start_mixer thp mixed thp-torn
	check_mixes
	check_json
}

@test "64 KiB folios: base pages to every page table, larger to --exact" {
	must_root
	[ -w $THP/hugepages-64kB/enabled ] || must_run "no 64 KiB folios on this kernel"
	lock_pools
	mthp=$(sed 's/.*\[\(.*\)\].*/\1/' $THP/hugepages-64kB/enabled)
	echo madvise >$THP/hugepages-64kB/enabled
	start_mixer mthp base
	check_mixes
	check_json
}

@test "locked memory is counted once, also where two processes lock it" {
	must_root
	start_mixer locked locked-twice
	check_mixes
}

@test "a file at two addresses of one process is one piece of memory" {
	must_root
	start_mixer twice base
	check_mixes
}

# kata-containers and virtiofs users look for AnonHugePages, which is 0 for shared memory whatever
# it is on; the figure is ShmemPmdMapped.
@test "misled: AnonHugePages is 0, and the shared memory is on huge pages" {
	must_root
	start_mixer shmem-thp
	! grep -q 'AnonHugePages:  *[1-9]' "/proc/$mixer_pid/smaps"
	check_mixes
}

# ShmemHugePages of meminfo counts folios of the file, not how they are mapped.
@test "misled: the file is on huge pages, its mapping is not" {
	must_root
	local before after
	before=$(awk '/^ShmemHugePages/ { print $2 }' /proc/meminfo)
	start_mixer shmem-askew
	after=$(awk '/^ShmemHugePages/ { print $2 }' /proc/meminfo)
	[ $((after - before)) -ge 32768 ]
	check_mixes
}

# https://github.com/pixelb/ps_mem/issues/19: touched hugetlb pages are not in Rss; and a page that
# one process has mapped is Private_Hugetlb, also in a shared mapping.
@test "misled: Rss is next to nothing, Private_Hugetlb of a shared mapping, Shared_Hugetlb of two" {
	must_root
	lock_pools
	echo $(($(cat $POOL2M/nr_hugepages) + 48)) >$POOL2M/nr_hugepages
	added2m=48
	[ "$(cat $POOL2M/free_hugepages)" -ge 48 ] || must_run "no 48 huge pages to be had"
	start_mixer hugetlb hugetlb-twice hugetlb-anonymous
	[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$mixer_pid/status")" -lt 16384 ]
	check_mixes
	check_json
	stop_mixer
}

# Pages of 1 GiB are in no THP counter, and a mapping of one is half touched by a single byte.
@test "one page of 1 GiB" {
	must_root
	[ -w $POOL1G/nr_hugepages ] || must_run "no 1 GiB pages on this machine"
	lock_pools
	echo $(($(cat $POOL1G/nr_hugepages) + 1)) >$POOL1G/nr_hugepages
	added1g=$([ "$(cat $POOL1G/free_hugepages)" -ge 1 ] && echo 1 || echo 0)
	[ "$added1g" -eq 1 ] || skip "no free range of 1 GiB: the test guest does it"
	start_mixer hugetlb-1g base
	check_mixes
	check_json
	stop_mixer
}

# KernelPageSize says 4 kB of every transparent huge page, and so does kernelpagesize_kB; and
# THPeligible says what could be, not what is.
@test "misled: KernelPageSize is 4 kB and THPeligible 1, with and without huge pages" {
	must_root
	grep -qE '\[(always|madvise)\]' $THP/enabled || must_run "transparent huge pages are off"
	start_mixer mixed thp
	local start
	start=$(awk '$1 == "thp" { print $2 }' "$BATS_TEST_TMPDIR/mixes")
	awk -v start="$start" '
		$1 ~ /-/ { on = index($1, start "-") == 1 }
		on && /^KernelPageSize/ { size = $2 }
		on && /^THPeligible/ { eligible = $2 }
		END { exit !(size == 4 && eligible == 1) }' "/proc/$mixer_pid/smaps"
	check_mixes
}

# https://github.com/cloud-hypervisor/cloud-hypervisor/issues/4805: the file and the private copies
# of it are two memories; of the process's RAM only the copies are.
@test "misled: a private mapping of a file that has all of its pages" {
	must_root
	start_mixer private-file
	check_mixes
	"$GUESTRAM" inspect --json "$mixer_pid" >"$BATS_TEST_TMPDIR/doc"
	[ "$(json regions 0 file_bytes <"$BATS_TEST_TMPDIR/doc")" -eq 33554432 ]
	[ "$(json regions 0 populated_bytes <"$BATS_TEST_TMPDIR/doc")" -eq 8388608 ]
}

@test "half in swap, anonymous and shared" {
	must_root
	if [ "$(wc -l </proc/swaps)" -lt 2 ]; then
		[ "$(cat /sys/block/zram0/disksize 2>/dev/null)" = 0 ] ||
			skip "no swap and no free zram device: the test guest does it"
		lock_pools
		zram=1
		echo 128M >/sys/block/zram0/disksize
		mkswap /dev/zram0 >/dev/null
		swapon /dev/zram0
	fi
	start_mixer swapped swapped-shmem
	check_mixes
	check_json
	stop_mixer
}

@test "without root: own memory by both oracles, folios and nobody else's are said to be hidden" {
	must_root
	command -v setpriv >/dev/null || must_run "no setpriv"
	local as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	cp "$LOOK" "$MIXER" "$BATS_TEST_TMPDIR"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.."
	cat >"$BATS_TEST_TMPDIR/as-nobody" <<-SH
		#!/bin/sh
		exec ${as[*]} "$BATS_TEST_TMPDIR/mixer" "\$@"
	SH
	chmod 755 "$BATS_TEST_TMPDIR/as-nobody"
	MIXER=$BATS_TEST_TMPDIR/as-nobody start_mixer base mixed shmem
	run -0 "${as[@]}" "$BATS_TEST_TMPDIR/look" --exact "$mixer_pid"
	echo "$output"
	while read -r name want; do
		[ "$name" != ready ] || continue
		want=$(sed 's/folios=[^ ]*/folios=unknown/' <<<"$want")
		grep -qFx -- "$want" <<<"$output" || { echo "WRONG $name: $want" && return 1; }
	done <"$BATS_TEST_TMPDIR/mixes"
	grep -qx 'oracles: agree' <<<"$output"
}

# 64 VMs of 16 GiB: in a quiet process every file is read once per look, and the program stays small.
@test "1 TiB of mappings: each file once, under 16 MiB" {
	must_root
	command -v strace >/dev/null || must_run "no strace"
	# shellcheck disable=SC2046 # 64 words
	start_mixer $(yes giant | head -n 64)
	check_mixes
	strace -f -o "$BATS_TEST_TMPDIR/trace" -e trace=openat "$LOOK" "$mixer_pid" >/dev/null
	cat "$BATS_TEST_TMPDIR/trace"
	for file in smaps pagemap; do
		[ "$(grep -c "$mixer_pid/$file\"" "$BATS_TEST_TMPDIR/trace")" -eq 1 ]
	done
	[ "$(grep -c "$mixer_pid/numa_maps\"" "$BATS_TEST_TMPDIR/trace")" -le 1 ]
	local peak
	peak=$("$LOOK" --exact "$mixer_pid" | sed -n 's/^peak: //p')
	[ "$peak" -gt 0 ] && [ "$peak" -lt 16777216 ]
}

guest() { # KERNEL
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	cc -D_GNU_SOURCE -O2 -static -o "$BATS_TEST_TMPDIR/mixer" "$TESTS/helpers/mixer.c"
	truncate -s 256M "$BATS_TEST_TMPDIR/swap"
	run "$TESTS/guest/run" --kernel "$1" --nodes 2 --mem 6G --timeout 280 \
		--append 'hugepagesz=1G hugepages=1:1 hugepagesz=2M hugepages=64' \
		--qemu -drive --qemu "if=none,id=swap,format=raw,file=$BATS_TEST_TMPDIR/swap" \
		--qemu -device --qemu virtio-blk-pci,drive=swap \
		--module virtio_pci --module virtio_blk \
		--add "$LOOK:/bin/look" --add "$BATS_TEST_TMPDIR/mixer:/bin/mixer" \
		"$TESTS/guest/scripts/inspect-mix.sh" /dev/vda
	echo "$output"
	[ "$status" -eq 0 ]
	! grep -q WRONG <<<"$output"
	[ "$(grep -c '^ok: ' <<<"$output")" -ge "$2" ]
}

@test "in a guest with two nodes, 1 GiB pages and swap: Linux 6.1, which has no PAGEMAP_SCAN" {
	guest 6.1 14
}

@test "in a guest with two nodes, 1 GiB pages and swap: Linux 6.12" {
	guest 6.12 16
}
