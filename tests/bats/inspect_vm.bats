#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# inspect of real QEMUs (TCG, stopped, no devices): every kind of backing that people use, with
# conditions that hold and conditions that do not, and QEMU's own word over QMP.
# GUESTRAM_QEMU: the QEMU (default: qemu-system-x86_64).

bats_require_minimum_version 1.5.0
load common

BATS_TEST_TIMEOUT=180
POOL1G=/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages

setup_file() {
	helper holder_socket
}

setup() {
	must_root
	QEMU=${GUESTRAM_QEMU:-qemu-system-x86_64}
	command -v "$QEMU" >/dev/null || must_run "no $QEMU on this machine"
	cd "$BATS_TEST_TMPDIR" || return 1 # paths of sockets are short
	pid=
	added=0
	mounted=
	gigantic=
}

teardown() {
	[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } || true
	[ -z "$mounted" ] || umount "$mounted"
	[ -z "$gigantic" ] || echo $(($(cat $POOL1G) - 1)) >$POOL1G
	[ "$added" -eq 0 ] || echo $(($(cat $POOL2M/nr_hugepages) - added)) >$POOL2M/nr_hugepages
}

take_pages() { # COUNT
	lock_pools
	local before
	before=$(cat $POOL2M/nr_hugepages)
	echo $((before + $1)) >$POOL2M/nr_hugepages
	added=$(($(cat $POOL2M/nr_hugepages) - before))
	[ "$added" -eq "$1" ] || must_run "the pool got $added of $1 pages"
}

# start ARGS: a QEMU that is up: it answers
start() {
	"$QEMU" -name vm-under-test -accel tcg -S -display none -nodefaults \
		-qmp unix:qmp,server=on,wait=off "$@" >qemu.out 2>&1 3>&- &
	pid=$!
	up() { kill -0 "$pid" && "$GUESTRAM" inspect --qmp qmp --json "$pid" >doc 2>err; }
	until_true 60 up || { cat qemu.out err; return 1; }
}

# expect STATUS COND...: of an inspect with these conditions; the document is in $output
expect() {
	local wanted=$1 conditions=()
	shift
	for condition in "$@"; do conditions+=(--expect "$condition"); done
	run --separate-stderr "$GUESTRAM" inspect --json "${conditions[@]}" vm-under-test
	echo "$status $stderr $(jq -c .expect <<<"$output")"
	[ "$status" -eq "$wanted" ] && check_schema inspect <<<"$output"
}

@test "memfd of huge pages, shared" {
	take_pages 32
	start -M q35 -m 64M -machine memory-backend=r \
		-object memory-backend-memfd,id=r,size=64M,hugetlb=on,hugetlbsize=2M,prealloc=on,share=on
	expect 0 "2M>=100%" "huge=64M" "4K<=0%" "locked>=100%" "touched=100%" "node0>=100%"
	jq -e '.regions[0].shared and .regions[0].hugetlb' <<<"$output"
	expect 1 "2M>=100%" "1G>=1%"
	jq -e '[.expect[] | [.condition, .met, .got_bytes]]
		== [["2M>=100%", true, 67108864], ["1G>=1%", false, 0]]' <<<"$output"
	jq -e '.qmp.memory_devices == [{id: "r", size_bytes: 67108864, share: true, prealloc: true,
		policy: "default", host_nodes: []}] and .qmp.kvm == false
		and .stage2_state == "no-kvm" and .stage2 == null' doc
	check_schema inspect <doc
}

@test "a file on hugetlbfs, mapped privately" {
	take_pages 32
	mkdir huge
	mount -t hugetlbfs -o pagesize=2M none huge && mounted=$PWD/huge
	start -M pc -m 64M -machine memory-backend=r \
		-object memory-backend-file,id=r,size=64M,mem-path=huge,prealloc=on,share=off
	expect 0 "2M>=100%"
	jq -e '.regions[0].shared == false and .regions[0].path != null' <<<"$output"
	expect 1 "4K>=1%"
}

@test "transparent huge pages: all of it, and none" {
	grep -qE '\[(always|madvise)\]' /sys/kernel/mm/transparent_hugepage/enabled ||
		must_run "transparent huge pages are off"
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-ram,id=r,size=64M,prealloc=on
	expect 0 "huge>=90%" "touched>=100%"
	expect 1 "locked>=1%"
	kill "$pid" && wait "$pid" || true
	grep -q '\[always\]' /sys/kernel/mm/transparent_hugepage/enabled && return
	start -M q35,mem-merge=off -m 64M -machine memory-backend=r \
		-object memory-backend-memfd,id=r,size=64M,prealloc=on,share=on
	expect 1 "huge>=1%"
	expect 0 "4K>=100%"
}

@test "memory that nobody touched is not there, whatever its pages would be" {
	start -M q35 -m 128M -machine memory-backend=r -object memory-backend-memfd,id=r,size=128M,share=on
	expect 1 "touched>=50%"
	expect 0 "touched<50%"
}

@test "a private mapping of an ordinary file" {
	truncate -s 64M ram
	start -M q35 -m 64M -machine memory-backend=r \
		-object memory-backend-file,id=r,size=64M,mem-path=ram,prealloc=on,share=off
	expect 0 "4K>=100%" "2M=0%"
	jq -e '[.findings[].code] | index("GR313")' <<<"$output"
}

@test "two cells on two kinds of memory: each its own region, and RAM is both" {
	take_pages 32
	start -M q35 -m 128M \
		-object memory-backend-memfd,id=a,size=64M,hugetlb=on,hugetlbsize=2M,prealloc=on,share=on \
		-object memory-backend-memfd,id=b,size=64M,prealloc=on,share=on \
		-numa node,memdev=a -numa node,memdev=b
	expect 1 "2M>=51%" "4K>=51%"
	expect 0 "2M>=50%" "4K>=50%"
	# Cells of one size: only QEMU can say which is which.
	jq -e '[.regions[].guest_physical_source] == [null, null]' <<<"$output"
	jq -e '[.regions[].guest_physical_source] == ["qmp", "qmp"]
		and ([.regions[].guest_physical[].guest_start] | sort == [1048576, 67108864])' doc
}

@test "two cells on 1 GiB and 2 MiB pages" {
	[ -w $POOL1G ] || skip "may: no 1 GiB pages here"
	take_pages 32
	local before
	before=$(cat $POOL1G)
	echo $((before + 1)) >$POOL1G
	[ "$(cat $POOL1G)" -eq $((before + 1)) ] || skip "may: no range of 1 GiB is free here"
	gigantic=1
	start -M q35 -m 1088M \
		-object memory-backend-memfd,id=a,size=1G,hugetlb=on,hugetlbsize=1G,prealloc=on,share=on \
		-object memory-backend-memfd,id=b,size=64M,hugetlb=on,hugetlbsize=2M,prealloc=on,share=on \
		-numa node,memdev=a -numa node,memdev=b
	expect 0 "1G>=1G" "2M>=64M" "huge>=100%"
	expect 1 "1G>=95%" "2M>=6%"
	# Cells of different sizes: derived as QEMU says. The first MiB costs the only 1 GiB page.
	[ "$(jq -c '[.regions[] | [.guest_physical, .stage2_at_most]]' doc)" = \
		"$(jq -c '[.regions[] | [.guest_physical, .stage2_at_most]]' <<<"$output")" ]
	jq -e '[.regions[] | select(.kernel_page_bytes == 1073741824)][0]
		| .alignment_bytes == 1073741824 and .guest_physical_source == "qmp"
		and ([.stage2_at_most[] | .bytes] == [1023 * 1048576 - 1048576, 0])' doc
}

# capture COUNT_4K COUNT_2M COUNT_1G: the files of $pid in ./root, as if it had a VM of KVM's
capture() {
	local file dir=root/proc/$pid
	rm -rf root
	mkdir -p "$dir/fd" "root/sys/kernel/debug/kvm/$pid-11" root/sys/kernel/mm/hugepages \
		root/sys/kernel/mm/transparent_hugepage root/sys/devices/system/node
	cp "/proc/$pid/"{stat,cmdline,smaps,numa_maps,status,comm} "$dir"
	ln -s "$(readlink "/proc/$pid/exe")" "$dir/exe"
	ln -s anon_inode:kvm-vm "$dir/fd/11"
	cp /proc/meminfo root/proc
	for file in /sys/kernel/mm/hugepages/hugepages-*; do
		mkdir "root$file"
		cp "$file/"{nr,free,resv,surplus,nr_overcommit}_hugepages "root$file"
	done
	cp /sys/kernel/mm/transparent_hugepage/{enabled,shmem_enabled,hpage_pmd_size} \
		root/sys/kernel/mm/transparent_hugepage
	for file in 4k 2m 1g; do
		echo "$1" >"root/sys/kernel/debug/kvm/$pid-11/pages_$file"
		shift
	done
}

@test "KVM's counts, as debugfs has them: beside the host's pages, and judged" {
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-ram,id=r,size=64M,prealloc=on
	"$GUESTRAM" inspect --json --expect "huge>=100%" "$pid" >/dev/null ||
		must_run "transparent huge pages are off"
	capture 256 31 0
	run -0 --separate-stderr "$GUESTRAM" inspect --json --root root "$pid"
	jq -e '.stage2 == {pages_4k: 256, pages_2m: 31, pages_1g: 0} and .stage2_state == "counted"
		and .stage2_source == "debugfs" and ([.findings[].code] | index("GR322") | not)' <<<"$output"
	run -0 "$GUESTRAM" inspect --root root "$pid"
	[[ "$output" == *"256 pages of 4 KiB, 31 of 2 MiB, 0 of 1 GiB"* ]]
	capture 16384 0 0
	run -0 --separate-stderr "$GUESTRAM" inspect --json --root root "$pid"
	jq -e '[.findings[] | select(.code == "GR322") | .message | contains("0.0 %")] == [true]' <<<"$output"
	capture 0 0 0
	run -0 --separate-stderr "$GUESTRAM" inspect --json --root root "$pid"
	jq -e '.stage2 == null and .stage2_state == "all-zero"
		and ([.findings[].code] | index("GR312"))' <<<"$output"
	rm -r root/sys/kernel/debug
	run -0 --separate-stderr "$GUESTRAM" inspect --json --root root "$pid"
	jq -e '.stage2 == null and .stage2_state == "hidden"' <<<"$output"
	run "$GUESTRAM" inspect --root root --collapse "$pid"
	[ "$status" -eq 2 ]
}

@test "guest addresses: what QEMU says is what was derived; the first MiB costs a huge page" {
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-ram,id=r,size=64M
	"$GUESTRAM" inspect --json "$pid" >derived
	jq -e '.regions[0] | .guest_physical_source == "derived" and .alignment_bytes >= 2097152' derived
	jq -e '.regions[0].guest_physical_source == "qmp"' doc
	[ "$(jq -c '.regions[0] | [.guest_physical, .stage2_at_most]' doc)" = \
		"$(jq -c '.regions[0] | [.guest_physical, .stage2_at_most]' derived)" ]
	jq -e '[.regions[0].stage2_at_most[] | select(.page_size_bytes == 2097152) | .bytes]
		== [62 * 1048576]' doc
}

@test "RAM of 4 GiB is cut below 4 GiB, by QEMU and by us alike" {
	for machine in pc q35; do
		rm -f qmp
		start -M "$machine" -m 4G -machine memory-backend=r \
			-object memory-backend-ram,id=r,size=4G,reserve=off
		"$GUESTRAM" inspect --json "$pid" >derived
		[ "$(jq -c '[.regions[] | [.guest_physical, .stage2_at_most]]' doc)" = \
			"$(jq -c '[.regions[] | [.guest_physical, .stage2_at_most]]' derived)" ]
		jq -e '.regions[0].guest_physical | length == 2 and .[1].guest_start == 4294967296' doc
		kill "$pid" && wait "$pid" || true
	done
}

@test "a memory device that was plugged: its place, from QEMU alone" {
	take_pages 64
	start -M q35 -m 64M,slots=1,maxmem=1G -machine memory-backend=r \
		-object memory-backend-ram,id=r,size=64M -device pc-dimm,memdev=d \
		-object memory-backend-memfd,id=d,size=128M,hugetlb=on,hugetlbsize=2M,share=on
	jq -e '[.regions[] | select(.size_bytes == 134217728)][0]
		| .guest_physical_source == "qmp" and .guest_physical[0].size_bytes == 134217728
		and (.stage2_at_most[0] | .bytes == 134217728)' doc
}

@test "a size in whole huge pages is no alignment: shared memory that QEMU maps anywhere" {
	# QEMU aligns a memfd to its page size, 4 KiB, so most of the time the guest's 2 MiB lie askew.
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-memfd,id=r,size=64M,share=on
	jq -e '.regions[0] | .guest_physical[0] as $p | .stage2_at_most[0].bytes ==
		(if ($p.host_start - $p.guest_start) % 2097152 == 0 then 62 * 1048576 else 0 end)
		and (.alignment_bytes == (if .start % 2097152 == 0 then 2097152 else 4096 end))' doc
}

@test "a migration that runs: pages are tracked; one that is over: they are not" {
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-ram,id=r,size=64M,prealloc=on
	jq -e '.qmp.dirty_log == false' doc
	# A receiver that never reads keeps it running.
	mkfifo drain
	exec {drain}<>drain
	qmp '{"execute":"migrate","arguments":{"uri":"exec:cat > drain"}}'
	active() {
		"$GUESTRAM" inspect --qmp qmp --json "$pid" | jq -e '.qmp.dirty_log' >/dev/null
	}
	until_true 30 active
	"$GUESTRAM" inspect --qmp qmp --json "$pid" | jq -e '[.findings[].code] | index("GR320")'
	qmp '{"execute":"migrate_cancel"}'
	exec {drain}>&-
	over() { ! active; }
	until_true 30 over
}

qmp() { # COMMAND: one, over the same monitor
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect("qmp")
f = s.makefile("rw")
f.readline()
for command in ("{\"execute\":\"qmp_capabilities\"}", sys.argv[1]):
    f.write(command + "\n")
    f.flush()
    while "event" in (line := f.readline()):
        pass
    assert "return" in line, line' "$1"
}

@test "a monitor that is taken: who has it, and what to do" {
	start -M q35 -m 64M
	python3 -c '
import socket, time
s = socket.socket(socket.AF_UNIX)
s.connect("qmp")
s.recv(100)
print("mine", flush=True)
time.sleep(60)' >taken 3>&- &
	local client=$!
	until_true 30 grep -q mine taken
	run --separate-stderr "$GUESTRAM" inspect --qmp qmp "$pid"
	kill "$client"
	[ "$status" -eq 3 ] && [ -z "$output" ]
	[[ "$stderr" == *"no answer within two seconds"*"one client at a time"*libvirt* ]]
}

@test "a socket of another process, of no process, and none" {
	start -M q35 -m 64M
	"$BATS_FILE_TMPDIR/bin/holder_socket" other '{"QMP": {}}' >ready 3>&- &
	local other=$!
	until_true 30 grep -q ready ready
	run --separate-stderr "$GUESTRAM" inspect --qmp other "$pid"
	kill "$other"
	[ "$status" -eq 2 ] && [[ "$stderr" == *"belongs to process $other, not to process $pid"* ]]
	run --separate-stderr "$GUESTRAM" inspect --qmp other "$pid"
	[ "$status" -eq 3 ] && [[ "$stderr" == *"Connection refused"* ]]
	run --separate-stderr "$GUESTRAM" inspect --qmp nowhere "$pid"
	[ "$status" -eq 3 ] && [[ "$stderr" == *"No such file"* ]]
	run --separate-stderr "$GUESTRAM" inspect --qmp "$(printf 'x%.0s' {1..200})" "$pid"
	[ "$status" -eq 2 ]
}

@test "what listens and speaks no QMP is refused, whatever it says" {
	local n=0 text
	for text in 'SSH-2.0-OpenSSH' '[1]' '{"return": {}}' '{"QMP": {"version": {"qemu": {}}}}' \
		'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2}}}}
{"error": {"class": "no"}}' "$(printf '{"a":%.0s' {1..100})" ''; do
		n=$((n + 1))
		"$BATS_FILE_TMPDIR/bin/holder_socket" "s$n" "$text" >"ready$n" 3>&- &
		pid=$!
		until_true 30 grep -q ready "ready$n"
		run --separate-stderr timeout 20 "$GUESTRAM" inspect --qmp "s$n" "$pid"
		echo "$n: $status $stderr"
		kill "$pid"
		wait "$pid" || true
		pid=
		[ "$status" -eq 3 ] && [ -z "$output" ]
	done
}

@test "--watch: a view, then a line a look; ends with the VM, as the last look was" {
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-ram,id=r,size=64M,prealloc=on
	"$GUESTRAM" inspect --watch 1 "$pid" >lines 3>&- &
	local watcher=$!
	more() { [ "$(grep -c '^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]  RAM 64 MiB' lines)" -ge 2 ]; }
	until_true 60 more
	kill "$pid" && wait "$pid" || true
	pid=
	wait "$watcher" # exit 0
	[ "$(grep -c '^Name:' lines)" -eq 1 ]
}

@test "--watch --json: a document a line; --expect ends it at the first look that fails" {
	start -M q35 -m 64M -machine memory-backend=r -object memory-backend-memfd,id=r,size=64M,share=on
	run --separate-stderr timeout 60 "$GUESTRAM" inspect --json --watch 1 --expect "2M>=1%" "$pid"
	[ "$status" -eq 1 ] && [ "${#lines[@]}" -eq 1 ]
	check_schema inspect <<<"$output"
	"$GUESTRAM" inspect --json --watch 1 --expect "1G<=0%" "$pid" >docs 3>&- &
	local watcher=$! status=0
	more() { [ "$(wc -l <docs)" -ge 3 ]; }
	until_true 60 more
	kill -TERM "$watcher"
	wait "$watcher" || status=$?
	[ "$status" -eq 0 ]
	jq -es 'length >= 3 and all(.expect[0].met)' docs
}

@test "--all: a row per VM, and 1 if a condition fails for any" {
	# In a pid namespace of their own: other VMs of this machine are not our business.
	cat >all.sh <<-'SH'
		for n in 1 2; do
			"$QEMU" -name "vm-$n" -accel tcg -S -display none -nodefaults -qmp unix:qmp$n,server=on,wait=off \
				-M q35 -m 64M -machine memory-backend=r -object memory-backend-memfd,id=r,size=64M,share=on &
			pids[n]=$!
		done
		for n in 1 2; do
			for _ in $(seq 600); do
				"$GUESTRAM" inspect --qmp qmp$n "${pids[n]}" >/dev/null 2>&1 && break
				sleep 0.1
			done
		done
		"$GUESTRAM" inspect --json --all >all; echo $? >status
		"$GUESTRAM" inspect --all >table; echo $? >>status
		"$GUESTRAM" inspect --all --expect "touched<=100%" >/dev/null; echo $? >>status
		"$GUESTRAM" inspect --all --expect "1G>=100%" >failed; echo $? >>status
		kill "${pids[@]}"
		wait
		"$GUESTRAM" inspect --all >none; echo $? >>status
	SH
	export QEMU GUESTRAM
	timeout -k 5 120 unshare --pid --fork --mount-proc bash all.sh 3>&- || must_run "no pid namespaces"
	[ "$(paste -sd ' ' status)" = "0 0 0 1 0" ]
	check_schema inspect <all
	jq -e '.hidden_processes == 0 and .unreadable == [] and [.vms[] | [.name, .ram_bytes]]
		== [["vm-1", 67108864], ["vm-2", 67108864]]' all
	[ "$(grep -c '^vm-[12] .* qemu 64 MiB' table)" -eq 2 ]
	[ "$(grep -c '1G>=100% *no' failed)" -eq 2 ]
	grep -q "no VM runs here" none
}

@test "junk: exit 2 with an example; nothing else is looked at" {
	for condition in "" 2M "2M>=" "2M>=99" "2M>=101%" "thp>=99%" "node>=1%" ">=1%"; do
		run --separate-stderr "$GUESTRAM" inspect --expect "$condition" 1
		[ "$status" -eq 2 ] && [ -z "$output" ]
		[[ "$stderr" == *hint:*2M\>=99%* ]]
	done
	for seconds in 0 3601 1.5 -1 x ""; do
		run "$GUESTRAM" inspect "--watch=$seconds" 1
		[ "$status" -eq 2 ]
	done
	run "$GUESTRAM" inspect --all 1
	[ "$status" -eq 2 ]
	run "$GUESTRAM" inspect --root "$BATS_TEST_TMPDIR" --qmp x 1
	[ "$status" -eq 2 ]
}
