#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# guestram.conf(5) and what the command line says and does beside the point: who reads the file, what
# a mistake in it costs, that options come after it; hints for mistyped words; the line of progress;
# an interrupted reservation. Takes 8 pages of 2 MiB at most, under the lock that all tests share.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=120

setup() {
	cd "$TESTS/.." || return 1
	GUESTRAM=$(realpath "$GUESTRAM")
	root=$BATS_TEST_TMPDIR/root
	conf=$root/etc/guestram/guestram.conf
	cp -r tests/fixtures/cloud-lazy-6.18 "$root"
	mkdir -p "${conf%/*}"
}

teardown() {
	[ -z "${open:-}" ] || rm -rf "$open"
	[ -z "${changes_pools:-}" ] && return
	[ ! -e /run/guestram/leases/bats-config.json ] || "$GUESTRAM" release bats-config >/dev/null
	[ -z "$made_run" ] || rm -rf /run/guestram
	[ "$(pools)" = "$before" ] || { echo "was: $before, is: $(pools)"; return 1; }
}

# For tests that change the pools of this machine: the lock, and what teardown puts right
take_pools() {
	must_root
	lock_pools
	[ -d /run/guestram ] || made_run=1
	before=$(pools)
	changes_pools=1
}

floor() { # ARGS...: what plan says that the kernel keeps
	"$GUESTRAM" plan --root "$root" -m 1G --json "$@" | json floor_bytes
}

keys() { # of the program's table
	sed -n 's/^\t{ "\([a-z]*\)", "\([a-z_]*\)", "*\([A-Za-z-]*\)"*, .*/\1 \2 \3/p' src/lease/config_keys.c
}

@test "no file: the defaults; with it: its floor; an option comes after it" {
	total=$(("$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' "$root/proc/meminfo")" * 1024))
	[ "$(floor)" -eq $((total / 20)) ]
	printf '[host]\nkeep_free = 3G\n' >"$conf"
	[ "$(floor)" -eq $((3 << 30)) ]
	[ "$(floor --keep-free 2G)" -eq $((2 << 30)) ]
	printf '[reserve]\ntimeout = 5\n' >"$conf"
	[ "$(floor)" -eq $((total / 20)) ]
}

obtainable() { # what host says that could join the pool of 2 MiB pages of node 0 with effort
	"$GUESTRAM" host --root "$root" --json | python3 -c '
import json, sys
print(*(p["obtainable_by_ladder"] for n in json.load(sys.stdin)["nodes"] if n["id"] == 0
        for p in n["pools"] if p["page_size_bytes"] == 2097152))'
}

@test "host leaves the kernel the floor of the file, as reserve does" {
	printf '[host]\nkeep_free = 3G\n' >"$conf"
	with_3g=$(obtainable)
	printf '[host]\nkeep_free = 5G\n' >"$conf"
	[ "$(obtainable)" -eq $((with_3g - 1024)) ]
	printf '[host]\nkeep_free = 500G\n' >"$conf"
	[ "$(obtainable)" -eq 0 ]
	printf '[host]\nkeep_free = much\n' >"$conf"
	run --separate-stderr "$GUESTRAM" host --root "$root"
	[ "$status" -eq 2 ]
	[[ "$stderr" == *"guestram.conf:2: keep_free"* ]]
}

@test "the floor of the file refuses" {
	printf '[host]\nkeep_free = 20G\n' >"$conf"
	run --separate-stderr "$GUESTRAM" plan --root "$root" -m 8G -b dynamic
	[ "$status" -eq 3 ]
	grep -q "floor of 20 GiB" <<<"$stderr"
	run --separate-stderr "$GUESTRAM" reserve x --root "$root" -m 8G
	[ "$status" -eq 3 ]
	grep -q "floor of 20 GiB" <<<"$stderr"
}

@test "a mistake: exit 2 with file, line, key and the nearest word, from every verb that reads it" {
	printf '# mine\n[reserve]\nmax_swaped = 1G\n' >"$conf"
	for verb in "plan -m 1G" "reserve x -m 1G" "run -m 1G" "run --print -- qemu-system-x86_64 -m 1G" \
		"plan -m 1G --json" "reserve x -m 1G --json"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$GUESTRAM" ${verb%% *} --root "$root" ${verb#* }
		[ "$status" -eq 2 ]
		[ -z "$output" ]
		[ "${stderr_lines[0]}" = "guestram: $conf:3: [reserve] has no key 'max_swaped'" ]
		[ "${stderr_lines[1]}" = "hint: did you mean 'max_swapped'? guestram.conf(5) describes the keys" ]
		[ "${#stderr_lines[@]}" -eq 2 ]
	done
}

@test "verbs that bring pages home, and list, do not read it" {
	echo "nonsense" >"$conf"
	mkdir -p "$root/run"
	"$GUESTRAM" list --root "$root" >/dev/null
	run --separate-stderr "$GUESTRAM" release nobody --root "$root"
	[ "$status" -ne 2 ]
	! grep -q guestram.conf <<<"$stderr"
	run --separate-stderr "$GUESTRAM" recover --root "$root"
	! grep -q guestram.conf <<<"$stderr"
}

@test "options of the budget: the same values as in the file, refused alike" {
	for arguments in "--timeout soon" "--timeout 0" "--max-cache-lost most" "--max-swapped all" \
		"--allow everything" "--allow demote,"; do
		for verb in "reserve x" run; do
			# shellcheck disable=SC2086
			run --separate-stderr "$GUESTRAM" $verb --root "$root" -m 1G $arguments
			[ "$status" -eq 2 ]
			[[ ${stderr_lines[0]} == "guestram: ${arguments%% *}: "* ]]
		done
	done
}

@test "every key is in the man page, in the example, and an option of reserve but for libvirt's" {
	[ "$(keys | wc -l)" -eq 7 ]
	keys | cut -d' ' -f2 | sort >"$BATS_TEST_TMPDIR/keys"
	sed -n 's/^\*\([a-z_]*\)\* = .*/\1/p' man/guestram.conf.5.scd | sort |
		diff "$BATS_TEST_TMPDIR/keys" -
	sed -n 's/^#\([a-z_]*\) = .*/\1/p' examples/guestram.conf | sort |
		diff "$BATS_TEST_TMPDIR/keys" -
	keys | while read -r section key option; do
		sed -n "/^# SECTION \[$section\]/,/^# /p" man/guestram.conf.5.scd | grep -q "^\*$key\* = "
		if [ "$section" = libvirt ]; then
			[ "$option" = NULL ]
			continue
		fi
		grep -A5 "^\*$key\* = " man/guestram.conf.5.scd | grep -q "ption \*--$option\*"
		"$GUESTRAM" reserve --help | grep -q -- "--$option "
	done
}

@test "the example: as it is it changes nothing, uncommented it is understood" {
	without=$(floor)
	cp examples/guestram.conf "$conf"
	[ "$(floor)" = "$without" ]
	sed -i 's/^#\([a-z_]* = \)/\1/' "$conf"
	[ "$(floor)" -eq $((4 << 30)) ]
	sed -n '/^```/,/^```/p' man/guestram.conf.5.scd | grep -v '^```' >"$conf"
	[ "$(floor)" -eq $((4 << 30)) ]
}

@test "the man page of the file can be made" {
	command -v scdoc >/dev/null || must_run "scdoc is not there"
	scdoc <man/guestram.conf.5.scd | grep -q '^\.SH SECURITY'
}

@test "a file that may not be read: exit 3, not the defaults" {
	must_root
	echo >"$conf"
	chmod 0600 "$conf"
	floor >/dev/null # root may
	# What bats makes nobody else may enter.
	open=$(mktemp -d /tmp/guestram-config-XXXXXX)
	chmod 755 "$open"
	mv "$root" "$open/root"
	install -m 755 "$GUESTRAM" "$open/guestram"
	conf=$open/root/etc/guestram/guestram.conf
	run --separate-stderr setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$open/guestram" plan --root "$open/root" -m 1G
	[ "$status" -eq 3 ]
	[ -z "$output" ]
	grep -q "cannot read $conf: Permission denied" <<<"$stderr"
	grep -q "0644" <<<"$stderr"
}

# On the host itself, in a mount namespace of our own with another /etc/guestram
with_conf() { # OWNER MODE COMMAND...
	local owner=$1 mode=$2
	shift 2
	mkdir -p "$BATS_TEST_TMPDIR/etc/guestram"
	printf '[host]\nkeep_free = 3G\n' >"$BATS_TEST_TMPDIR/etc/guestram/guestram.conf"
	chown "$owner" "$BATS_TEST_TMPDIR/etc/guestram/guestram.conf"
	chmod "$mode" "$BATS_TEST_TMPDIR/etc/guestram/guestram.conf"
	cp /etc/passwd /etc/group "$BATS_TEST_TMPDIR/etc/"
	# shellcheck disable=SC2016
	unshare --mount --propagation private sh -c 'mount --bind "$0" /etc && exec "$@"' \
		"$BATS_TEST_TMPDIR/etc" "$@"
}

@test "root on the host: only a file that nobody else can write" {
	must_root
	with_conf 0:0 0644 true || must_run "no mount namespace here"
	[ "$(with_conf 0:0 0644 "$GUESTRAM" plan -m 1G --json | json floor_bytes)" -eq $((3 << 30)) ]
	with_conf 0:0 0664 "$GUESTRAM" plan -m 1G >/dev/null # the group is root's
	for whose in "65534:0 0644" "0:65534 0664" "0:0 0646"; do
		# shellcheck disable=SC2086
		run --separate-stderr with_conf $whose "$GUESTRAM" plan -m 1G
		[ "$status" -eq 3 ]
		[[ ${stderr_lines[0]} == "guestram: /etc/guestram/guestram.conf may be changed by others than root"* ]]
		[[ ${stderr_lines[1]} == "hint: chown root:root"* ]]
	done
	# A plain user decides nothing by it.
	open=$(mktemp -d /tmp/guestram-config-XXXXXX)
	chmod 755 "$open"
	install -m 755 "$GUESTRAM" "$open/guestram"
	[ "$(with_conf 65534:0 0666 setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$open/guestram" plan -m 1G --json | json floor_bytes)" -eq $((3 << 30)) ]
}

@test "mistyped verbs and options: a hint with the nearest, nothing else changes" {
	run --separate-stderr "$GUESTRAM" resreve x -m 1G
	[ "$status" -eq 2 ] && [ -z "$output" ]
	[ "${stderr_lines[0]}" = "guestram: there is no verb 'resreve'" ]
	[ "${stderr_lines[1]}" = 'hint: did you mean `guestram reserve`? `guestram --help` lists the verbs' ]
	run --separate-stderr "$GUESTRAM" dance
	[ "$status" -eq 2 ]
	[ "${stderr_lines[1]}" = 'hint: `guestram --help` lists the verbs' ]
	run --separate-stderr "$GUESTRAM" plan --root "$root" --kepe-free=1G -m 1G
	[ "$status" -eq 2 ] && [ -z "$output" ]
	[ "${stderr_lines[0]}" = "guestram: there is no option '--kepe-free=1G'" ]
	[[ ${stderr_lines[1]} == 'hint: did you mean --keep-free? `guestram plan --help` '* ]]
	run --separate-stderr "$GUESTRAM" list --jsno
	[[ ${stderr_lines[1]} == 'hint: did you mean --json? '* ]]
	# Options of other verbs are not proposed.
	run --separate-stderr "$GUESTRAM" list --keepfree 1
	[ "$status" -eq 2 ]
	! grep -q "did you mean" <<<"$stderr"
}

@test "one page is a page" {
	"$GUESTRAM" plan --root "$root" -m 1G -p 1G -b dynamic | tr -s ' \n' ' ' |
		grep -q "1 page of 1 GiB is needed"
	"$GUESTRAM" plan --root "$root" -m 2G -p 1G -b dynamic | tr -s ' \n' ' ' |
		grep -q "2 pages of 1 GiB are needed"
	"$GUESTRAM" plan --root "$root" -m 2M --json | grep -q "1 block of 2 MiB is needed"
}

# A reservation whose first lease file takes 700 ms to be renamed: long enough for a line of progress
slow_reserve="strace -o /dev/null -e trace=rename,renameat,renameat2
	-e inject=rename,renameat,renameat2:delay_exit=700000:when=1"

@test "progress: a line on a terminal, wiped at the end; elsewhere nothing" {
	take_pools
	command -v strace >/dev/null && command -v script >/dev/null || must_run "no strace, no script"
	script -qec "$(echo $slow_reserve) $GUESTRAM reserve bats-config -m 16M -p 2M" /dev/null \
		</dev/null >"$BATS_TEST_TMPDIR/out" {lock_fd}>&-
	"$GUESTRAM" release bats-config >/dev/null
	python3 - "$BATS_TEST_TMPDIR/out" <<-'END'
		import sys
		text = open(sys.argv[1], newline="").read()
		print(repr(text))
		line, wiped = text.rindex("\rreserving: 100 %\x1b[K"), text.rindex("\r\x1b[K")
		assert line < wiped < text.index("Reserved")
		assert "reserving" not in text[wiped:]
	END
	# shellcheck disable=SC2086
	run --separate-stderr $slow_reserve "$GUESTRAM" reserve bats-config -m 16M -p 2M
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	! grep -q "reserving" <<<"$output"
}

# The reservation waits for guestram's lock, which somebody else keeps for longer than it waits.
interrupt() { # SIGNAL COMMAND...
	local signal=$1
	shift
	mkdir -p -m 0700 /run/guestram
	exec {held_fd}>>/run/guestram/lock
	flock "$held_fd"
	env --default-signal="$signal" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" \
		{held_fd}>&- {lock_fd}>&- 3>&- &
	pid=$!
	until_true 20 has_lock_open "$pid"
	kill -s "$signal" "$pid"
	until_true 20 has_ended "$pid"
	code=0
	wait "$pid" || code=$?
	! flock -n /run/guestram/lock true
	exec {held_fd}>&-
}

has_lock_open() { # PID
	[ "$(readlink "/proc/$1/exe")" = "$GUESTRAM" ] &&
		readlink "/proc/$1"/fd/* 2>/dev/null | grep -qx /run/guestram/lock
}

has_ended() { # PID
	! grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null
}

# (With pages taken: tests/unit/test_lease_interrupt.c)
@test "interrupted while waiting for the lock: exit 3 at once, and the hint says what became of the pages" {
	take_pools
	for signal in INT TERM HUP; do
		interrupt $signal "$GUESTRAM" reserve bats-config -m 16M -p 2M
		cat "$BATS_TEST_TMPDIR/err"
		[ "$code" -eq 3 ]
		grep -qx "guestram: interrupted while waiting for /run/guestram/lock" "$BATS_TEST_TMPDIR/err"
		grep -qx "hint: nothing was taken" "$BATS_TEST_TMPDIR/err"
		[ "$(pools)" = "$before" ]
		[ ! -e /run/guestram/leases/bats-config.json ]
	done
	interrupt INT "$GUESTRAM" run -b dynamic -m 16M -p 2M --name bats-config
	cat "$BATS_TEST_TMPDIR/err"
	[ "$code" -eq 3 ]
	grep -qx "hint: nothing was taken" "$BATS_TEST_TMPDIR/err"
}
