#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Evacuation of ZONE_MOVABLE for pages of 1 GiB, in test guests with two kernels, one node and two:
# tests/guest/scripts/evacuate.sh is the test, this only boots it.

bats_require_minimum_version 1.5.0
load common

setup_file() {
	load common
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	cc -O2 -static -o "$BATS_FILE_TMPDIR/bin/holder" "$TESTS/guest/holder.c"
	cc -O2 -static -o "$BATS_FILE_TMPDIR/bin/fragment" "$TESTS/../bench/lab/fragment.c"
}

evacuate() { # KERNEL NODES MEM NODE
	local bin=$BATS_FILE_TMPDIR/bin strace
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	strace=$(command -v strace) || must_run "no strace"
	run "$TESTS/guest/run" --timeout 500 --kernel "$1" --nodes "$2" --mem "$3" \
		--append "kernelcore=4G" --add "$GUESTRAM:/bin/guestram" --add "$bin/holder:/bin/holder" \
		--add "$bin/fragment:/bin/fragment" --add "$strace:/bin/strace" \
		--qemu -drive --qemu driver=null-co,size=4G,read-zeroes=on,if=none,id=zeros \
		--qemu -device --qemu nvme,drive=zeros,serial=zeros \
		"$TESTS/guest/scripts/evacuate.sh" "$4"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -eq 13 ]
	[[ $output != *WRONG* ]]
}

@test "ranges of ZONE_MOVABLE are lent for pages of 1 GiB, and returned, on Linux 6.12" {
	evacuate 6.12 1 9G 0
}

@test "the same on the second of two nodes, on Linux 6.1" {
	evacuate 6.1 2 10G 1
}
