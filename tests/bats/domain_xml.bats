#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Domains against the libvirt of this machine, whatever its version: it translates every fixture
# anew, and the unit test compares our reading with that. The stored answers are libvirt 9.0's.

load common

# A machine without libvirt is no failure: the stored answers are compared by the unit test anyway.
must_have_libvirt() {
	local why="libvirt is not installed: only its stored answers were compared"
	command -v libvirtd >/dev/null || skip "$why"
	command -v virsh >/dev/null || skip "$why"
	command -v qemu-system-x86_64 >/dev/null || skip "QEMU is not installed"
	[ "$(id -u)" -eq 0 ] || skip "needs root (a daemon in name spaces of its own)"
	[ -d /sys/kernel/mm/hugepages/hugepages-1048576kB ] || skip "no 1 GiB pages here"
}

@test "libvirt here makes of every domain what we read" {
	local unit
	must_have_libvirt
	unit=$(dirname "$GUESTRAM")/tests/test_domain_xml
	[ -x "$unit" ] || must_run "the unit tests are not built"
	mkdir "$BATS_TEST_TMPDIR/domain"
	JUDGE_SECONDS=600 "$TESTS/helpers/libvirt_judge" "$BATS_TEST_TMPDIR/domain" \
		"$TESTS"/fixtures/domain/*.xml
	cp "$TESTS"/fixtures/domain/*.xml "$BATS_TEST_TMPDIR/domain"
	run env GUESTRAM_FIXTURES="$BATS_TEST_TMPDIR" CMOCKA_MESSAGE_OUTPUT=TAP \
		"$unit"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"ok 1 - like_libvirt"* ]]
}

@test "a different answer of libvirt is noticed" {
	local unit
	unit=$(dirname "$GUESTRAM")/tests/test_domain_xml
	[ -x "$unit" ] || must_run "the unit tests are not built"
	cp -r "$TESTS/fixtures/domain" "$BATS_TEST_TMPDIR/domain"
	sed -i 's/"size":4294967296/"size":4294967297/' "$BATS_TEST_TMPDIR/domain/page-2m.argv"
	run env GUESTRAM_FIXTURES="$BATS_TEST_TMPDIR" "$unit"
	[ "$status" -ne 0 ]
	[[ $output == *"page-2m"* ]]
}
