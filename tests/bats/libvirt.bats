#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# guestram libvirt: editing, checking and the hook's place without a daemon (--file, --root), and with
# a real libvirtd in name spaces of its own (tests/helpers/libvirt_host), whose domains are small TCG
# guests on the real pools.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=400

setup_file() {
	[ -x "$(dirname "$GUESTRAM")/guestram-libvirt" ] || must_run "built without libvirt's library"
	mkdir "$BATS_FILE_TMPDIR/cache"
	GUESTRAM=$(realpath "$GUESTRAM")
	export GUESTRAM LIBVIRT_HOST_CACHE=$BATS_FILE_TMPDIR/cache LIBVIRT_HOST_SECONDS=300
}

plain() { # [MIB]
	cat <<-END
	<domain type='kvm'>
	  <!-- my "own" words -->
	  <name>a</name>
	  <memory unit='MiB'>${1-64}</memory>
	  <vcpu>2</vcpu>
	  <os><type arch="x86_64" machine='q35'>hvm</type></os>
	</domain>
	END
}

must_have_libvirt() {
	command -v libvirtd >/dev/null || skip "libvirt is not installed"
	command -v virtlogd >/dev/null || skip "virtlogd is not installed"
	command -v qemu-system-x86_64 >/dev/null || skip "QEMU is not installed"
	must_root
}

# in_host: the commands on standard input, beside a libvirtd with our hook
in_host() {
	lock_pools
	{
		# shellcheck disable=SC2016
		echo '$GUESTRAM libvirt install-hook >/dev/null; daemon_restart'
		cat
	} >"$BATS_TEST_TMPDIR/commands"
	run --separate-stderr "$TESTS/helpers/libvirt_host" "$BATS_TEST_TMPDIR/commands" "$BATS_TEST_TMPDIR"
	echo "$output"
	echo "$stderr"
}

@test "enable and disable a file: nothing else is touched, and it comes back byte for byte" {
	cd "$BATS_TEST_TMPDIR"
	plain >a.xml
	cp a.xml first.xml
	chmod 640 a.xml
	"$GUESTRAM" libvirt enable --file a.xml --dry-run >difference
	cmp a.xml first.xml
	"$GUESTRAM" libvirt enable --file a.xml
	[ "$(stat -c %a a.xml)" = 640 ]
	run ! cmp -s a.xml first.xml
	# The difference that was shown is the one that was made, and every line of it is ours.
	sed '/^$/,$d' difference >lines
	{ echo "--- a"; echo "+++ b"; cat lines; } | patch -s -o patched.xml first.xml
	cmp patched.xml a.xml
	run ! grep -q '^-' lines
	cp a.xml second.xml
	"$GUESTRAM" libvirt enable --file a.xml | grep "nothing to change"
	cmp a.xml second.xml
	"$GUESTRAM" libvirt enable --file a.xml --backing thp
	run ! grep -q '<hugepages' a.xml
	"$GUESTRAM" libvirt disable --file a.xml
	cmp a.xml first.xml
}

@test "a file on standard input comes out edited" {
	plain | "$GUESTRAM" libvirt enable --file - >"$BATS_TEST_TMPDIR/b.xml"
	grep -q "<page size='2048' unit='KiB'/>" "$BATS_TEST_TMPDIR/b.xml"
	"$GUESTRAM" libvirt disable --file - <"$BATS_TEST_TMPDIR/b.xml" | cmp - <(plain)
}

@test "what libvirt or QEMU would refuse is refused before: exit 2, the file as it was" {
	cd "$BATS_TEST_TMPDIR"
	plain 63 >a.xml
	cp a.xml first.xml
	run -2 "$GUESTRAM" libvirt enable --file a.xml
	cmp a.xml first.xml
	plain >a.xml
	run -2 "$GUESTRAM" libvirt enable --file a.xml --page-size 2M@3
	run -2 "$GUESTRAM" libvirt enable --file a.xml --page-size 3M
	run -2 "$GUESTRAM" libvirt enable --file a.xml --node 99
	run -2 "$GUESTRAM" libvirt enable --file a.xml --backing fast
	run -2 "$GUESTRAM" libvirt enable a --file a.xml
	run -2 "$GUESTRAM" libvirt enable
	run -2 "$GUESTRAM" libvirt disable --file a.xml --backing thp
	run -2 "$GUESTRAM" libvirt dance
	# What starts and then hurts is told.
	sed 's|<vcpu>|<memtune><hard_limit unit="MiB">32</hard_limit></memtune><memoryBacking><locked/></memoryBacking><vcpu>|' a.xml >b.xml
	run -0 "$GUESTRAM" libvirt enable --file b.xml
	[[ $output == *warning*GR465* ]]
	cmp a.xml <(plain)
}

@test "documents have their schema" {
	cd "$BATS_TEST_TMPDIR"
	plain >a.xml
	"$GUESTRAM" libvirt enable --file a.xml --json | check_schema libvirt
	"$GUESTRAM" libvirt disable --file a.xml --json | check_schema libvirt
	"$GUESTRAM" libvirt check --file a.xml --json | check_schema libvirt
	mkdir -p root/etc/libvirt/hooks/qemu.d
	echo 'echo 0 > /proc/sys/vm/nr_hugepages' >root/etc/libvirt/hooks/qemu
	("$GUESTRAM" libvirt import --root root --json || true) | check_schema libvirt
	"$GUESTRAM" libvirt install-hook --root root --json | check_schema libvirt
	"$GUESTRAM" libvirt remove-hook --root root --json | check_schema libvirt
}

@test "the hook is a copy, once, and can be taken away" {
	local root=$BATS_TEST_TMPDIR/root hook
	hook=$root/etc/libvirt/hooks/qemu.d/guestram
	mkdir -p "$root/etc"
	run -3 "$GUESTRAM" libvirt install-hook --root "$root"
	mkdir "$root/etc/libvirt"
	(umask 077 && "$GUESTRAM" libvirt install-hook --root "$root" --dry-run)
	[ ! -e "$hook" ]
	(umask 027 && "$GUESTRAM" libvirt install-hook --root "$root")
	[ "$(stat -c %a "$hook")" = 755 ]
	[ ! -L "$hook" ]
	cmp "$hook" "$(dirname "$GUESTRAM")/guestram-libvirt-hook"
	"$GUESTRAM" libvirt install-hook --root "$root" | grep -q "Done: *nothing"
	echo old >"$hook"
	"$GUESTRAM" libvirt install-hook --root "$root" | grep -q "Before: *another version"
	cmp "$hook" "$(dirname "$GUESTRAM")/guestram-libvirt-hook"
	"$GUESTRAM" libvirt remove-hook --root "$root"
	[ ! -e "$hook" ]
	"$GUESTRAM" libvirt remove-hook --root "$root" | grep -q "Done: *nothing"
	[ -z "$(ls -A "$(dirname "$hook")")" ]
}

@test "import names what copied scripts do wrong, with file and line" {
	local root=$BATS_TEST_TMPDIR/root at
	at=$root/etc/libvirt/hooks/qemu.d/win/prepare/begin
	"$GUESTRAM" libvirt import --root "$root" 2>/dev/null || mkdir -p "$at" "${at%/prepare*}/release/end"
	cat >"$at/alloc.sh" <<-'END'
	#!/bin/bash
	# echo 3 > /proc/sys/vm/drop_caches is a comment
	HUGEPAGES="$(($MEMORY/$(($(grep Hugepagesize /proc/meminfo | awk '{print $2}')/1024))))"
	echo $HUGEPAGES > /proc/sys/vm/nr_hugepages
	ALLOC_PAGES=$(cat /proc/sys/vm/nr_hugepages)
	TRIES=0
	while (( $ALLOC_PAGES != $HUGEPAGES && $TRIES < 1000 ))
	do
	    echo 1 > /proc/sys/vm/compact_memory
	    echo $HUGEPAGES > /proc/sys/vm/nr_hugepages
	    let TRIES+=1
	done
	echo 3 | tee /proc/sys/vm/drop_caches
	virsh nodedev-detach pci_0000_01_00_0
	END
	echo 'sysctl -w vm.nr_hugepages=0' >"${at%/prepare*}/release/end/free.sh"
	run --separate-stderr -1 "$GUESTRAM" libvirt import --root "$root" --json
	check_schema libvirt <<<"$output"
	python3 - <<-END "$output"
	import json, sys
	got = [(f["file"].split("/")[-1], f["line"], f["code"]) for f in json.loads(sys.argv[1])["findings"]]
	assert got == [("alloc.sh", 4, "absolute-count"), ("alloc.sh", 9, "compaction-loop"),
	               ("alloc.sh", 10, "absolute-count"), ("alloc.sh", 13, "drop-caches"),
	               ("alloc.sh", 14, "calls-libvirt"), ("free.sh", 1, "zero-count")], got
	END
	rm -r "$root/etc/libvirt/hooks/qemu.d/win"
	"$GUESTRAM" libvirt import --root "$root"
}

@test "check foretells: here, and on the host of a capture" {
	cd "$BATS_TEST_TMPDIR"
	plain >a.xml
	"$GUESTRAM" libvirt enable --file a.xml >/dev/null
	run -0 "$GUESTRAM" libvirt check --file a.xml --root "$TESTS/fixtures/two-node-6.1"
	plain $((1 << 23)) >b.xml
	"$GUESTRAM" libvirt enable --file b.xml --page-size 2M >/dev/null
	run -1 "$GUESTRAM" libvirt check --file b.xml
	[[ $output == *"Would start: no"* ]]
	run -1 "$GUESTRAM" libvirt check --file b.xml --destination "$TESTS/fixtures/two-node-6.1"
	run -2 "$GUESTRAM" libvirt check --file a.xml --all
	# Without hook or policy pages have to be there; without a memfd a mount has to.
	run -0 "$GUESTRAM" libvirt check --file a.xml --root "$TESTS/fixtures/two-node-6.1" --json
	[[ $output == *'"no-hook"'* ]]
	plain >c.xml
	sed -i "s|<vcpu>|<memoryBacking><hugepages><page size='1' unit='GiB' nodeset='0'/></hugepages></memoryBacking><vcpu>|; s/64/1024/" c.xml
	cp -r "$TESTS/fixtures/two-node-6.1" host
	sed -i '/hugepages1G/d' host/proc/self/mountinfo
	run -1 "$GUESTRAM" libvirt check --file c.xml --root host
	echo "$output"
	[[ $output == *"no hugetlbfs for pages of 1 GiB is mounted"* ]]
	# What the policy would take instead is said.
	"$GUESTRAM" libvirt enable --file b.xml --page-size 2M --fallback thp >/dev/null
	run -1 "$GUESTRAM" libvirt check --file b.xml
	[[ $output == *"--backing thp"* ]]
}

@test "libvirt takes every domain that was edited, and puts it on huge pages" {
	local file name edited=0
	must_have_libvirt
	[ -d /sys/kernel/mm/hugepages/hugepages-1048576kB ] || skip "no 1 GiB pages here"
	mkdir "$BATS_TEST_TMPDIR/in"
	for file in "$TESTS"/fixtures/domain/*.argv; do # what libvirt took before
		name=$(basename "$file" .argv)
		"$GUESTRAM" libvirt enable --file - <"${file%.argv}.xml" \
			>"$BATS_TEST_TMPDIR/in/$name.xml" 2>"$BATS_TEST_TMPDIR/err" || {
			grep -q '^guestram: ' "$BATS_TEST_TMPDIR/err"
			rm "$BATS_TEST_TMPDIR/in/$name.xml"
			continue
		}
		edited=$((edited + 1))
	done
	[ "$edited" -gt 100 ]
	JUDGE_SECONDS=380 "$TESTS/helpers/libvirt_judge" "$BATS_TEST_TMPDIR/out" \
		"$BATS_TEST_TMPDIR"/in/*.xml
	run ! ls "$BATS_TEST_TMPDIR"/out/*.err
	[ "$(grep -l '"hugetlb":true' "$BATS_TEST_TMPDIR"/out/*.argv | wc -l)" -eq "$edited" ]
}

@test "enable, start, inspect, stop: the pages come and go" {
	must_have_libvirt
	in_host <<-'END'
	start=$(pool 2048)
	domain a >/mnt/a.xml
	vsh define /mnt/a.xml
	vsh dumpxml --inactive a >/mnt/before
	$GUESTRAM libvirt enable a
	$GUESTRAM libvirt enable a | grep "nothing to change"
	$GUESTRAM libvirt check a
	vsh start a
	[ "$(pool 2048)" -eq $((start + 32)) ]
	$GUESTRAM inspect a --expect '2M>=99%'
	$GUESTRAM libvirt list --json | tee "$1/list.json"
	$GUESTRAM libvirt check --all --json >"$1/check.json"
	# A destination is asked by its URI: there nothing lies free, and no hook is seen.
	fails $GUESTRAM libvirt check a --destination qemu:///system >"$1/destination"
	vsh managedsave a
	[ "$(pool 2048)" -eq "$start" ]
	$GUESTRAM libvirt disable a | tee /mnt/said
	grep "saved state" /mnt/said
	vsh dumpxml --inactive a | cmp - /mnt/before
	END
	[ "$status" -eq 0 ]
	grep -q "the destination has" "$BATS_TEST_TMPDIR/destination"
	check_schema libvirt <"$BATS_TEST_TMPDIR/list.json"
	check_schema libvirt <"$BATS_TEST_TMPDIR/check.json"
	[ "$(json domains 0 by_page_size 0 page_size_bytes <"$BATS_TEST_TMPDIR/list.json")" = 2097152 ]
}

@test "a start that cannot be is refused with the reason, and nothing is left" {
	must_have_libvirt
	in_host <<-'END'
	start=$(pool 2048)
	domain a 8388608 >/mnt/a.xml
	vsh define /mnt/a.xml
	$GUESTRAM libvirt enable a >/dev/null
	fails $GUESTRAM libvirt check a
	fails vsh start a 2>"$1/virsh"
	[ "$(pool 2048)" -eq "$start" ]
	[ -z "$(ls /run/guestram/leases)" ]
	END
	[ "$status" -eq 0 ]
	cat "$BATS_TEST_TMPDIR/virsh"
	grep -q "guestram.*: 8 TiB is more than" "$BATS_TEST_TMPDIR/virsh"
}

@test "pages that were reserved for it by name are its own" {
	must_have_libvirt
	in_host <<-'END'
	start=$(pool 2048)
	free=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)
	domain s $((64 + 2 * free)) >/mnt/s.xml
	vsh define /mnt/s.xml
	$GUESTRAM libvirt enable s --backing static >/dev/null
	fails $GUESTRAM libvirt check s
	fails vsh start s
	$GUESTRAM reserve s -m $((64 + 2 * free))
	$GUESTRAM libvirt check s
	vsh start s
	$GUESTRAM inspect s --expect '2M>=99%'
	vsh destroy s
	$GUESTRAM release s
	[ "$(pool 2048)" -eq "$start" ]
	END
	[ "$status" -eq 0 ]
}

@test "a name with blanks and semicolons, a transient domain, one undefined while it runs" {
	must_have_libvirt
	in_host <<-'END'
	start=$(pool 2048)
	domain 'x y;z' >/mnt/x.xml
	vsh define /mnt/x.xml
	$GUESTRAM libvirt enable 'x y;z' >/dev/null
	vsh start 'x y;z'
	domain t >/mnt/t.xml
	$GUESTRAM libvirt enable --file /mnt/t.xml >/dev/null
	vsh create /mnt/t.xml
	[ "$(pool 2048)" -eq $((start + 64)) ]
	fails $GUESTRAM libvirt disable t
	vsh undefine 'x y;z'
	vsh destroy 'x y;z'
	vsh destroy t
	[ "$(pool 2048)" -eq "$start" ]
	[ -z "$(ls /run/guestram/leases)" ]
	END
	[ "$status" -eq 0 ]
}

@test "two guest cells on pages of two sizes" {
	must_have_libvirt
	[ -d /sys/kernel/mm/hugepages/hugepages-1048576kB ] || skip "no 1 GiB pages here"
	in_host <<-'END'
	echo 1 >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
	had=$(pool 1048576)
	echo 0 >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
	[ "$had" -ge 1 ] || exit 77
	start=$(pool 2048)
	domain two 1088 "<cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/>
		<cell id='1' cpus='1' memory='1' unit='GiB'/></numa></cpu>" | sed 's/<vcpu>1/<vcpu>2/' >/mnt/two.xml
	vsh define /mnt/two.xml
	$GUESTRAM libvirt enable two --page-size 2M@0 --page-size 1G@1
	vsh start two
	[ "$(pool 2048)" -eq $((start + 32)) ]
	[ "$(pool 1048576)" -eq 1 ]
	vsh destroy two
	[ "$(pool 2048)" -eq "$start" ]
	[ "$(pool 1048576)" -eq 0 ]
	END
	[ "$status" -ne 77 ] || skip "no 1 GiB page is to be had now: memory is fragmented"
	[ "$status" -eq 0 ]
}

@test "attach-memory: pages for a DIMM, given back with the domain, or at once if it is refused" {
	must_have_libvirt
	in_host <<-'END'
	start=$(pool 2048)
	domain m 64 "<maxMemory slots='2' unit='MiB'>512</maxMemory><features><acpi/></features>
		<cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>" >/mnt/m.xml
	vsh define /mnt/m.xml
	$GUESTRAM libvirt enable m >/dev/null
	vsh start m
	echo "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>" >/mnt/dimm.xml
	echo "<memory model='dimm'><target><size unit='MiB'>128</size><node>7</node></target></memory>" >/mnt/bad.xml
	$GUESTRAM libvirt attach-memory m /mnt/dimm.xml --dry-run
	[ "$(pool 2048)" -eq $((start + 32)) ]
	$GUESTRAM libvirt attach-memory m /mnt/dimm.xml --json >"$1/attach.json"
	[ "$(pool 2048)" -eq $((start + 96)) ]
	$GUESTRAM inspect m --expect '2M>=99%'
	fails $GUESTRAM libvirt attach-memory m /mnt/bad.xml
	fails $GUESTRAM libvirt attach-memory m /mnt/m.xml
	[ "$(pool 2048)" -eq $((start + 96)) ]
	vsh destroy m
	$GUESTRAM recover
	[ "$(pool 2048)" -eq "$start" ]
	[ -z "$(ls /run/guestram/leases)" ]
	END
	[ "$status" -eq 0 ]
	check_schema libvirt <"$BATS_TEST_TMPDIR/attach.json"
}

@test "ten domains that start with the daemon" {
	must_have_libvirt
	in_host <<-'END'
	start=$(pool 2048)
	for i in 0 1 2 3 4 5 6 7 8 9; do
		domain d$i 32 >/mnt/d.xml
		vsh define /mnt/d.xml
		$GUESTRAM libvirt enable d$i >/dev/null
		vsh autostart d$i
	done
	daemon_stop
	rm -rf /run/libvirt/qemu/autostarted
	daemon_start
	ten_run() { [ "$(vsh list --name | grep -c ^d)" -eq 10 ]; }
	wait_for 60 ten_run
	[ "$(pool 2048)" -eq $((start + 160)) ]
	for i in 0 1 2 3 4 5 6 7 8 9; do vsh destroy d$i; done
	[ "$(pool 2048)" -eq "$start" ]
	END
	[ "$status" -eq 0 ]
}

@test "the hook that the daemon did not see when it started: a restart is asked for, once" {
	must_have_libvirt
	lock_pools
	run --separate-stderr "$TESTS/helpers/libvirt_host" - <<-'END'
	sleep 1.1
	$GUESTRAM libvirt install-hook --json | tee /mnt/first
	grep -q '"restart_needed": true' /mnt/first
	sleep 1.1
	daemon_restart
	$GUESTRAM libvirt install-hook --json | grep '"restart_needed": false'
	END
	echo "$output"
	echo "$stderr"
	[ "$status" -eq 0 ]
}
