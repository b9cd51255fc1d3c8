#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# guestram doctor on the command line: exit codes, streams, the record, logs of every size, and that
# codes, man page and tests know the same ones. The causes themselves are tested in
# tests/unit/test_doctor_*.c. Nothing here changes the host.

bats_require_minimum_version 1.5.0
load common

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	case $GUESTRAM in */*) GUESTRAM=$(realpath "$GUESTRAM") ;; esac
	CLOUD=tests/fixtures/cloud-lazy-6.18
	E01="qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory"
	OUT=$BATS_TEST_TMPDIR/out
	ERR=$BATS_TEST_TMPDIR/err
}

teardown() {
	[ -z "${mounted:-}" ] || umount "$mounted"
}

# doctor CODE ARGS...: on the cloud machine, wants that exit code
doctor() {
	local want=$1 code=0
	shift
	timeout 60 "$GUESTRAM" doctor --root "$CLOUD" "$@" >"$OUT" 2>"$ERR" || code=$?
	[ "$code" = "$want" ] || { echo "exit $code, not $want"; cat "$ERR" "$OUT"; return 1; }
}

@test "every captured machine, with and without a message: valid JSON, tables of 80 columns" {
	for dir in tests/fixtures/*/proc/meminfo; do
		dir=${dir%/proc/meminfo}
		for message in "" "$E01" "ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory"; do
			set -- doctor --root "$dir"
			[ -z "$message" ] || set -- "$@" --error "$message"
			"$GUESTRAM" "$@" --json >"$OUT" || [ $? -eq 1 ]
			check_schema doctor <"$OUT"
			{ "$GUESTRAM" "$@" || [ $? -eq 1 ]; } | awk 'length > 80 && NF > 1 { print; bad = 1 } END { exit bad }'
		done
	done
}

@test "a message alone: explained as far as the host goes, exit 1" {
	doctor 1 --error "$E01" --json
	[ "$(json findings 0 code <"$OUT")" = GR101 ]
	[ ! -s "$ERR" ]
}

@test "a log of libvirt: its last start, its command line, and what is unrelated" {
	cat >"$BATS_TEST_TMPDIR/log" <<END
2024-03-01 10:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2
LC_ALL=C \\
/usr/bin/qemu-system-x86_64 \\
-m 1G
qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory
2024-03-02 10:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2
LC_ALL=C \\
PATH=/usr/bin \\
/usr/bin/qemu-system-x86_64 \\
-machine memory-backend=pc.ram -m 16384 \\
-object '{"qom-type":"memory-backend-memfd","id":"pc.ram","hugetlb":true,"hugetlbsize":2097152,"prealloc":true,"size":17179869184}'
Failed to create /x for shader cache (Permission denied)---disabling.
2024-03-02T10:00:01.000000Z $E01
END
	doctor 1 --log "$BATS_TEST_TMPDIR/log" --json
	check_schema doctor <"$OUT"
	grep -q '"need 8,192 pages of 2 MiB (16 GiB)' "$OUT"
	run ! grep -q GR161 "$OUT"
	[ "$(json unrelated 0 why <"$OUT")" != "" ]
	[ "$(json unrelated 0 line <"$OUT")" = "Failed to create /x for shader cache (Permission denied)---disabling." ]
	cp "$OUT" "$BATS_TEST_TMPDIR/first"
	doctor 1 --log - --json <"$BATS_TEST_TMPDIR/log"
	cmp "$OUT" "$BATS_TEST_TMPDIR/first"
	# Carriage returns, bytes of no encoding, and 40 MiB before it.
	{ yes "some line of no interest" | head -c 40000000; sed 's/$/\r/' "$BATS_TEST_TMPDIR/log"
		printf '\377\376\n'; } >"$BATS_TEST_TMPDIR/large"
	for way in file stream; do
		if [ $way = file ]; then
			doctor 1 --log "$BATS_TEST_TMPDIR/large" --json
		else
			doctor 1 --log - --json < <(cat "$BATS_TEST_TMPDIR/large")
		fi
		grep -q '"need 8,192 pages of 2 MiB (16 GiB)' "$OUT"
	done
}

@test "a description alone: after --, in a file, as a cmdline of /proc, as a domain" {
	doctor 1 --json -- cloud-hypervisor --memory size=4G,hugepages=on,hugepage_size=2M
	grep -q '"need 2,048 pages of 2 MiB' "$OUT"
	printf 'qemu-system-x86_64\0-m\0003G\0-object\0memory-backend-memfd,id=a,size=3G,hugetlb=on,hugetlbsize=2M\0-machine\0memory-backend=a\0' \
		>"$BATS_TEST_TMPDIR/argv"
	doctor 1 --argv "$BATS_TEST_TMPDIR/argv" --json
	grep -q '"need 1,536 pages of 2 MiB' "$OUT"
	cat >"$BATS_TEST_TMPDIR/d.xml" <<'END'
<domain type='kvm'><name>d</name><memory unit='GiB'>4</memory>
<memoryBacking><hugepages><page size='4194304' unit='KiB'/></hugepages></memoryBacking>
<os><type arch='x86_64'>hvm</type></os></domain>
END
	doctor 1 --domain "$BATS_TEST_TMPDIR/d.xml" --json
	grep -q '4 GiB is not a page size of this host' "$OUT"
	# The same by its name, and a pid that none has.
	cp -r "$CLOUD" "$BATS_TEST_TMPDIR/root"
	mkdir -p "$BATS_TEST_TMPDIR/root/etc/libvirt/qemu"
	cp "$BATS_TEST_TMPDIR/d.xml" "$BATS_TEST_TMPDIR/root/etc/libvirt/qemu/d.xml"
	run -1 "$GUESTRAM" doctor --root "$BATS_TEST_TMPDIR/root" --domain d --json
	grep -q '4 GiB is not a page size of this host' <<<"$output"
	run -1 "$GUESTRAM" doctor --root "$BATS_TEST_TMPDIR/root" --domain e
	grep -q "there is no domain named 'e'" <<<"$output"
	doctor 0 --json -- qemu-system-x86_64 -m 64M
	[ "$(json findings <"$OUT")" = "[]" ]
}

@test "wrong questions are refused with 2, and nothing on standard output" {
	while read -r arguments; do
		# shellcheck disable=SC2086
		doctor 2 $arguments
		[ ! -s "$OUT" ]
		[ -s "$ERR" ]
	done <<'END'
--error x --log y
--log /no/such/file
--ledger --error x
--pid 0
--pid 1 --argv x
word
-- firefox
--argv /dev/null
END
	echo '<nothing' >"$BATS_TEST_TMPDIR/x.xml"
	doctor 2 --domain "$BATS_TEST_TMPDIR/x.xml"
}

@test "the running host: answers, and changes no pool" {
	local before=
	[ ! -d /sys/kernel/mm/hugepages ] || before=$(cat /sys/kernel/mm/hugepages/*/nr_hugepages)
	for arguments in "" "--error $E01" "-- qemu-system-x86_64 -m 100G -mem-path /dev/hugepages"; do
		# shellcheck disable=SC2086
		timeout 120 "$GUESTRAM" doctor --json ${arguments:+$arguments} >"$OUT" 2>"$ERR" ||
			[ $? -le 2 ]
		[ ! -s "$OUT" ] || check_schema doctor <"$OUT"
	done
	[ ! -d /sys/kernel/mm/hugepages ] ||
		[ "$before" = "$(cat /sys/kernel/mm/hugepages/*/nr_hugepages)" ]
}

@test "a tmpfs that is too small" {
	must_root
	mkdir "$BATS_TEST_TMPDIR/shm"
	mount -t tmpfs -o size=8M tmpfs "$BATS_TEST_TMPDIR/shm" || must_run "mount(8) works"
	mounted=$BATS_TEST_TMPDIR/shm
	for size in 64M 4M; do
		timeout 60 "$GUESTRAM" doctor --json --error "error: kvm run failed Bad address" -- \
			qemu-system-x86_64 -m "$size" -object \
			"memory-backend-file,id=a,size=$size,mem-path=$mounted,share=on" \
			-machine memory-backend=a >"$OUT" || [ $? -eq 1 ]
		if [ $size = 64M ]; then
			grep -q "object a wants 64 MiB, 8 MiB are free" "$OUT"
			[ "$(json findings 0 code <"$OUT")" = GR119 ]
		else
			run ! grep -q GR119 "$OUT"
		fi
	done
}

@test "a process that runs: its command line and limits" {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
	(ulimit -l 64; exec "$BATS_TEST_TMPDIR/bin/qemu-system-x86_64" 60) &
	pid=$!
	sleep 0.2
	timeout 60 "$GUESTRAM" doctor --pid "$pid" --json \
		--error "VFIO_MAP_DMA failed: Cannot allocate memory" >"$OUT" || true
	kill "$pid"
	if [ "$(id -u)" -eq 0 ]; then
		# Who has CAP_IPC_LOCK is not held to the limit.
		run ! grep -q "Max locked memory 64 KiB" "$OUT"
	else
		grep -q "Max locked memory 64 KiB" "$OUT"
	fi
	check_schema doctor <"$OUT"
}

# real ARGS...: starts QEMU so that it fails, and asks doctor about its words and its command line
real() {
	set -- qemu-system-x86_64 -M q35 -accel tcg -display none -nodefaults -S "$@"
	run timeout 60 "$@"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/words"
	timeout 60 "$GUESTRAM" doctor --json --log "$BATS_TEST_TMPDIR/words" -- "$@" >"$OUT" || [ $? -eq 1 ]
	cat "$BATS_TEST_TMPDIR/words" "$OUT"
}

@test "real QEMU fails, and its words are explained" {
	command -v qemu-system-x86_64 >/dev/null || must_run "qemu-system-x86_64 is there"
	[ -d "$POOL2M" ] || must_run "there are pages of 2 MiB"
	memfd="-machine memory-backend=a -object memory-backend-memfd,id=a,hugetlb=on,hugetlbsize=2M"
	# More than the host has RAM: no pool can hold it (E01).
	# shellcheck disable=SC2086
	real -m 8T $memfd,prealloc=on,size=8T
	grep -qE 'GR101|GR103' "$OUT"
	grep -q GR170 "$OUT"
	# E13
	# shellcheck disable=SC2086
	real -m 3M $memfd,size=3M
	grep -q GR406 "$OUT"
	# E11
	real -m 64M -mem-path /dev/none/x
	grep -q '"code": *"GR140"' "$OUT"
	# E15 c
	real -m 900T
	grep -qE 'GR163|GR161' "$OUT"
	# E04 b
	real -m 64M -machine memory-backend=a \
		-object memory-backend-ram,id=a,size=64M,policy=bind,host-nodes=63
	grep -q 'host node 63' "$OUT"
	run ! grep -q GR192 "$OUT"
}

# E02 c
@test "real QEMU on a tmpfs that is too small" {
	must_root
	command -v qemu-system-x86_64 >/dev/null || must_run "qemu-system-x86_64 is there"
	mkdir "$BATS_TEST_TMPDIR/shm"
	mount -t tmpfs -o size=8M tmpfs "$BATS_TEST_TMPDIR/shm" || must_run "mount(8) works"
	mounted=$BATS_TEST_TMPDIR/shm
	real -m 64M -machine memory-backend=a \
		-object "memory-backend-file,id=a,size=64M,mem-path=$mounted,prealloc=on,share=on"
	grep -q 'preallocating memory failed' "$BATS_TEST_TMPDIR/words"
	grep -q GR119 "$OUT"
}

# codes_of FILES...: the codes that they have in quotes
codes_of() {
	grep -ohE '"GR[0-9]{3}"' "$@" | tr -d '"' | sort -u
}

@test "codes: in the source, in guestram-doctor(7) and in a test, the same" {
	codes_of src/doctor/*.c src/lease/reconcile_*.c | grep -v '^GR4' >"$BATS_TEST_TMPDIR/source"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/source")" -gt 70 ]
	grep '^\*GR[0-9]' man/guestram-doctor.7.scd | grep -oE 'GR[0-9]{3}' | sort -u >"$BATS_TEST_TMPDIR/man"
	codes_of src/*/*.[ch] | diff - "$BATS_TEST_TMPDIR/man"
	# Comments name no other code, and no code is explained twice.
	grep -ohE '\bGR[0-9]{3}\b' src/*/*.[ch] | sort -u | diff - "$BATS_TEST_TMPDIR/man"
	grep '^\*GR[0-9]' man/guestram-doctor.7.scd | grep -oE 'GR[0-9]{3}' | sort | diff - "$BATS_TEST_TMPDIR/man"
	cat tests/unit/test_doctor_*.c tests/unit/test_reconcile.c tests/bats/ledger.bats tests/bats/doctor.bats \
		>"$BATS_TEST_TMPDIR/tests"
	while read -r code; do
		grep -q "$code" "$BATS_TEST_TMPDIR/tests" || { echo "$code is in no test"; return 1; }
	done <"$BATS_TEST_TMPDIR/source"
}

@test "codes of plans: the exit status in the source, its comment and guestram-doctor(7), the same" {
	sed -n 's/.*{ "\(GR2[0-9]*\)", true }.*/\1 2/p; s/.*{ "\(GR2[0-9]*\)", false }.*/\1 3/p' \
		src/plan/problems.c >"$BATS_TEST_TMPDIR/source"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/source")" -ge 16 ]
	sed -n 's/^ \*   \(GR2[0-9]*\)  \([0-9]\) .*/\1 \2/p' src/plan/problems.h |
		diff "$BATS_TEST_TMPDIR/source" -
	sed -n 's/^\*\(GR2[0-9]*\)\* (exit \([0-9]\))$/\1 \2/p' man/guestram-doctor.7.scd |
		diff "$BATS_TEST_TMPDIR/source" -
}

@test "every row of the table of messages is in docs/doctor.md" {
	grep -o '^| E[0-9][0-9]' docs/doctor.md | grep -o 'E[0-9]*' | sort -u >"$BATS_TEST_TMPDIR/doc"
	grep -o '\.row = "E[0-9]*"' src/doctor/messages*.c | grep -o 'E[0-9]*' | sort -u |
		diff - "$BATS_TEST_TMPDIR/doc"
}

@test "what docs/doctor.md says is reproduced is in a test by its name, and the numbers are right" {
	awk -F'|' '/^\| E[0-9]/ { gsub(/ /, "", $2); n = split($5, cause, " ")
		for (i = 1; i <= n; i++) if (cause[i] ~ /^[a-z]$/) print $2, cause[i] }' docs/doctor.md |
		sort >"$BATS_TEST_TMPDIR/doc"
	{ grep -ohE '(first|wrong) "E[0-9]{2} [a-z]"' tests/bats/doctor_real.bats tests/guest/scripts/doctor.sh
		grep -oE '^	*# E[0-9]{2} [a-z]$' tests/bats/doctor.bats; } |
		grep -oE 'E[0-9]{2} [a-z]' | grep -v '^E16' | sort -u | diff "$BATS_TEST_TMPDIR/doc" -
	grep -q "^- \*\*$(cut -c1-3 "$BATS_TEST_TMPDIR/doc" | sort -u | wc -l) rows reproduced\*\*, with $(
		wc -l <"$BATS_TEST_TMPDIR/doc") causes" docs/doctor.md
	grep -q "^$(grep -c '^| E' docs/doctor.md) groups" docs/doctor.md
}
