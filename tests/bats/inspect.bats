#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# guestram inspect on the running kernel: helpers/mapper builds memory that is known byte by byte,
# and what inspect says about it has to be exactly that, by both oracles.
#
# GUESTRAM: the program (default: build/guestram); MAPPER: the helper (default: compiled here).

bats_require_minimum_version 1.5.0

BATS_TEST_TIMEOUT=60
MIB=1048576
POOL=/sys/kernel/mm/hugepages/hugepages-2048kB
LOCK=${GUESTRAM_TEST_LOCK:-/run/lock/guestram-test.lock}

setup_file() {
	local tests="$BATS_TEST_DIRNAME/.."

	GUESTRAM=$(realpath -m "${GUESTRAM:-$tests/../build/guestram}")
	if [ -z "$MAPPER" ]; then
		MAPPER=$BATS_FILE_TMPDIR/mapper
		cc -D_GNU_SOURCE -O2 -pthread -o "$MAPPER" "$tests/helpers/mapper.c"
	fi
	export GUESTRAM MAPPER
}

setup() {
	added=0
	mapper_pid=
	[ -x "$GUESTRAM" ] || { echo "no program at $GUESTRAM" >&2; return 1; }
}

teardown() {
	stop_mapper
	give_pages_back
}

must_run() { # why
	[ -n "$GUESTRAM_MUST_RUN" ] && { echo "must not be skipped: $1" >&2; return 1; }
	skip "$1"
}

# Adds pages to the 2 MiB pool under the lock that all tests share; an exact delta goes back.
take_pages() { # count
	[ -w "$POOL/nr_hugepages" ] || must_run "the 2 MiB pool cannot be written (root?)"
	exec {lock_fd}>>"$LOCK"
	flock "$lock_fd"
	local before after
	before=$(cat "$POOL/nr_hugepages")
	echo $((before + $1)) >"$POOL/nr_hugepages"
	after=$(cat "$POOL/nr_hugepages")
	added=$((after - before))
	[ "$added" -eq "$1" ] || must_run "the pool got $added of $1 pages"
}

give_pages_back() {
	[ "$added" -gt 0 ] || return 0
	echo $(($(cat "$POOL/nr_hugepages") - added)) >"$POOL/nr_hugepages"
	added=0
	exec {lock_fd}>&-
}

start_mapper() { # SPEC...
	local out=$BATS_TEST_TMPDIR/mapper.out line

	mkfifo "$BATS_TEST_TMPDIR/hold"
	"$MAPPER" "$@" <"$BATS_TEST_TMPDIR/hold" >"$out" 3>&- &
	mapper_pid=$!
	exec {hold_fd}>"$BATS_TEST_TMPDIR/hold"
	for _ in $(seq 200); do
		grep -q '^ready' "$out" && return 0
		kill -0 "$mapper_pid" 2>/dev/null || break
		sleep 0.05
	done
	echo "mapper did not come up" >&2
	return 1
}

stop_mapper() {
	[ -n "$mapper_pid" ] || return 0
	exec {hold_fd}>&-
	kill "$mapper_pid" 2>/dev/null || true
	wait "$mapper_pid" || true
	mapper_pid=
}

start_of() { # KIND: address of its mapping, in decimal
	printf '%d\n' "0x$(awk -v kind="$1" '$1 == kind { print $2 }' "$BATS_TEST_TMPDIR/mapper.out")"
}

inspect() { # leaves the document in $doc
	doc=$("$GUESTRAM" inspect --json "$mapper_pid")
}

# The region of KIND must be on PAGE_BYTES for BYTES ("null" pages: not mapped here, size unknown).
check_region() { # KIND PAGE_BYTES BYTES MAPPED_BYTES HUGE_BYTES
	local region
	region=$(jq -c --argjson start "$(start_of "$1")" '.regions[] | select(.start == $start)' <<<"$doc")
	echo "$1: $region"
	jq -e --argjson page "$2" --argjson bytes "$3" --argjson mapped "$4" --argjson huge "$5" '
		.populated_bytes == $bytes and .mapped_bytes == $mapped
		and .by_page_size == (if $bytes > 0
			then [{page_size_bytes: $page, bytes: $bytes}] else [] end)
		and ([.by_node[].bytes] | add // 0) == $bytes
		and .scan_present_bytes == $mapped and .scan_huge_bytes == $huge' <<<"$region"
}

@test "anonymous memory: base pages, zero pages and transparent huge pages, to the byte" {
	grep -qE '\[(always|madvise)\]' /sys/kernel/mm/transparent_hugepage/enabled ||
		must_run "transparent huge pages are off"
	start_mapper 4k:32:50 zero:32:50 thp:32:50
	inspect
	check_region 4k 4096 $((16 * MIB)) $((16 * MIB)) 0
	check_region zero 4096 0 0 0
	check_region thp $((2 * MIB)) $((16 * MIB)) $((16 * MIB)) $((16 * MIB))
	jq -e '.recognised == false and .oracles_agree
		and ([.findings[].code] | index("GR301"))
		and .ram_bytes == 100663296 and .untouched_bytes == 67108864' <<<"$doc"
}

@test "shared memory: what is mapped, and what only the file has" {
	grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/shmem_enabled ||
		must_run "shmem_enabled is not never"
	[ "$(id -u)" = 0 ] || must_run "map_files needs root"
	start_mapper shmem:32:50 shmem-file:32:25
	inspect
	check_region shmem 4096 $((16 * MIB)) $((16 * MIB)) 0
	check_region shmem-file null $((8 * MIB)) 0 0
	# Shared memory on small pages because shmem_enabled says so, and the way out of it.
	jq -e '.recognised and .huge_percent == null
		and ([.findings[] | select(.code == "GR306") | .message] | first
			| contains("shmem_enabled=advise"))' <<<"$doc"
}

@test "hugetlb: shared, private, two VMAs, and pages that only the file has" {
	take_pages 64 # 4 x 32 MiB: a mapping reserves all of its pages
	start_mapper hugetlb-shared:32:50 hugetlb-private:32:50 hugetlb-halves:32:75 hugetlb-file:32:100
	inspect
	check_region hugetlb-shared $((2 * MIB)) $((16 * MIB)) $((16 * MIB)) $((16 * MIB))
	check_region hugetlb-private $((2 * MIB)) $((16 * MIB)) $((16 * MIB)) $((16 * MIB))
	check_region hugetlb-halves $((2 * MIB)) $((24 * MIB)) $((24 * MIB)) $((24 * MIB))
	check_region hugetlb-file $((2 * MIB)) $((32 * MIB)) 0 0
	# Private_Hugetlb says nothing about sharing; a file in two VMAs is one region.
	jq -e '[.regions[] | .shared] | sort == [false, true, true, true]' <<<"$doc"
	jq -e '[.regions[] | .size_bytes] | unique == [33554432]' <<<"$doc"
	jq -e '.huge_percent == 68.7 and .oracles_agree
		and ([.findings[].code] | index("GR310"))' <<<"$doc"
	stop_mapper
}

@test "the document is what the schema says" {
	python3 -c 'import jsonschema' 2>/dev/null || must_run "no python3 jsonschema"
	start_mapper 4k:16:100 shmem:16:50
	inspect
	python3 - "$BATS_TEST_DIRNAME/../../schemas/inspect.schema.json" <<-PY
		import json, sys, jsonschema
		jsonschema.validate(json.loads('''$doc'''), json.load(open(sys.argv[1])))
	PY
}

@test "people get a few lines" {
	start_mapper 4k:16:100
	run --separate-stderr "$GUESTRAM" inspect "$mapper_pid"
	[ "$status" -eq 0 ] && [ -z "$stderr" ]
	[[ "$output" == *"100.0 % on 4 KiB pages (4,096 pages)"* ]]
	[[ "$(tr -s '\n ' ' ' <<<"$output")" == *"both oracles agree"* ]]
	[ "${#lines[@]}" -le 14 ]
}

@test "memory that is written and dropped all the while is no disagreement" {
	start_mapper churn:64:100
	for _ in 1 2 3 4 5 6 7 8; do
		inspect
		jq -e '[.findings[].code] | (index("GR302") or index("GR303")) | not' <<<"$doc"
	done
}

@test "a process by its name; two of that name are both named" {
	cp "$MAPPER" "$BATS_TEST_TMPDIR/mapper-$$"
	MAPPER=$BATS_TEST_TMPDIR/mapper-$$ start_mapper 4k:16:100
	run -0 "$GUESTRAM" inspect --json "mapper-$$"
	[ "$(jq .pid <<<"$output")" = "$mapper_pid" ]
	"$BATS_TEST_TMPDIR/mapper-$$" 4k:16:0 <"$BATS_TEST_TMPDIR/hold" >/dev/null 3>&- {hold_fd}>&- &
	local second=$!
	run --separate-stderr "$GUESTRAM" inspect "mapper-$$"
	kill "$second"
	[ "$status" -eq 1 ] && [ -z "$output" ]
	[[ "$stderr" == *"2 processes are named"*"$mapper_pid"*hint:* ]]
}

@test "no such pid, no such name, a zombie, a kernel thread: exit 1 with a hint" {
	run --separate-stderr "$GUESTRAM" inspect 4194304
	[ "$status" -eq 1 ] && [[ "$stderr" == *"no process 4194304"*hint:* ]]
	run --separate-stderr "$GUESTRAM" inspect no-such-vm
	[ "$status" -eq 1 ] && [[ "$stderr" == *no-such-vm*hint:* ]]
	run --separate-stderr "$GUESTRAM" inspect
	[ "$status" -eq 2 ]
	python3 -c 'import os, time
pid = os.fork()
if pid == 0: os._exit(0)
print(pid, flush=True); time.sleep(5)' >"$BATS_TEST_TMPDIR/zombie" 3>&- &
	local parent=$!
	until [ -s "$BATS_TEST_TMPDIR/zombie" ]; do sleep 0.05; done
	sleep 0.1
	run --separate-stderr "$GUESTRAM" inspect "$(cat "$BATS_TEST_TMPDIR/zombie")"
	kill "$parent"
	[ "$status" -eq 1 ]
	[ "$(cat /proc/2/comm)" = kthreadd ] || return 0
	run --separate-stderr "$GUESTRAM" inspect 2
	[ "$status" -eq 1 ] && [[ "$stderr" == *"no memory of its own"* ]]
}

@test "a process that ends while it is read is an answer, not a crash" {
	for _ in $(seq 40); do
		"$MAPPER" 4k:16:100 </dev/null >/dev/null 3>&- &
		run "$GUESTRAM" inspect --json $!
		[ "$status" -le 1 ]
		wait $! || true
	done
}

@test "forbidden: the file is named, and what works without root" {
	[ "$(id -u)" = 0 ] || must_run "needs root to become somebody else"
	command -v setpriv >/dev/null || must_run "no setpriv"
	start_mapper 4k:16:100
	cp "$GUESTRAM" "$BATS_TEST_TMPDIR/guestram"
	chmod 755 "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.."
	run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BATS_TEST_TMPDIR/guestram" inspect "$mapper_pid"
	[ "$status" -eq 3 ] && [ -z "$output" ]
	[[ "$stderr" == *"/proc/$mapper_pid/smaps"*hint:*"guestram host"* ]]
}
