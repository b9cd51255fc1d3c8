#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The ladder's rungs that need another machine than this one, in test guests: nodes that are a wish,
# smaller pages for large ones, demotion. The scripts in tests/guest/scripts are the tests.

bats_require_minimum_version 1.5.0
load common

BIN=$BATS_FILE_TMPDIR/bin

setup_file() {
	load common
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	cc -O2 -static -o "$BATS_FILE_TMPDIR/bin/holder" "$TESTS/guest/holder.c"
	cc -O2 -static -o "$BATS_FILE_TMPDIR/bin/eat" "$TESTS/guest/eat.c"
}

in_guest() { # LEAST-OKS ARG...
	local least=$1
	shift
	command -v qemu-system-x86_64 >/dev/null || must_run "no qemu-system-x86_64"
	run "$TESTS/guest/run" --timeout 400 --add "$GUESTRAM:/bin/guestram" --add "$BIN/holder:/bin/holder" \
		--add "$BIN/eat:/bin/eat" "$@"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok: ' <<<"$output")" -ge "$least" ]
	[[ $output != *WRONG* ]]
}

@test "wishes, fallback and demotion on Linux 6.1" {
	in_guest 10 --kernel 6.1 --nodes 2 --mem 7G --append "hugepagesz=1G hugepages=0:1,1:1" \
		"$TESTS/guest/scripts/ladder.sh"
}

@test "wishes, fallback and demotion on Linux 6.12" {
	in_guest 10 --kernel 6.12 --nodes 2 --mem 7G --append "hugepagesz=1G hugepages=0:1,1:1" \
		"$TESTS/guest/scripts/ladder.sh"
}

@test "idle pages that leases lend, on Linux 6.1" {
	in_guest 10 --kernel 6.1 --nodes 2 --mem 6G "$TESTS/guest/scripts/lend.sh"
}

@test "idle pages that leases lend, on Linux 6.12" {
	in_guest 10 --kernel 6.12 --nodes 2 --mem 6G "$TESTS/guest/scripts/lend.sh"
}
