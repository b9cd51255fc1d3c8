#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# What `make install` installs: everything in its place, units that systemd understands and that are
# shut in, a manual page that man can show.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=120

setup_file() {
	DESTDIR=$BATS_FILE_TMPDIR meson install -C "$TESTS/../build" --no-rebuild >/dev/null
	prefix=$(meson introspect --buildoptions "$TESTS/../build" |
		python3 -c 'import json, sys; print([o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"][0])')
	export INSTALLED=$BATS_FILE_TMPDIR$prefix PREFIX_DIR=$prefix
}

@test "files are where they belong" {
	[ -x "$INSTALLED/bin/guestram" ]
	[ -f "$INSTALLED/share/man/man1/guestram.1" ]
	[ -f "$INSTALLED/share/man/man3/libguestram.3" ]
	[ -f "$INSTALLED/share/man/man5/guestram.conf.5" ]
	[ -f "$INSTALLED/share/man/man7/guestram-doctor.7" ]
	[ -f "$INSTALLED/share/man/man8/guestram-libvirt-hook.8" ]
	[ -x "$INSTALLED/libexec/guestram-libvirt-hook" ]
	[ -f "$INSTALLED/share/doc/guestram/guestram.conf" ]
	[ -f "$INSTALLED/share/bash-completion/completions/guestram" ]
	grep -q "^ExecStart=$PREFIX_DIR/bin/guestram recover$" "$INSTALLED/lib/systemd/system/guestram-recover.service"
}

@test "the library is found by pkg-config, linked and run from there" {
	pc=$(find "$INSTALLED" -name guestram.pc)
	[ -f "$INSTALLED/include/guestram.h" ]
	PKG_CONFIG_PATH=$(dirname "$pc") PKG_CONFIG_SYSROOT_DIR=${INSTALLED%"$PREFIX_DIR"} \
		pkg-config --cflags --libs guestram >"$BATS_TEST_TMPDIR/flags"
	# shellcheck disable=SC2046
	cc -std=c99 "$TESTS/../examples/hold-memory.c" -o "$BATS_TEST_TMPDIR/hold-memory" \
		$(cat "$BATS_TEST_TMPDIR/flags")
	LD_LIBRARY_PATH=$(dirname "$(dirname "$pc")") ldd "$BATS_TEST_TMPDIR/hold-memory" |
		grep -q "libguestram.so.0 => $INSTALLED"
}

@test "systemd understands the units, and the service is shut in" {
	command -v systemd-analyze >/dev/null || must_run "no systemd-analyze"
	mkdir "$BATS_TEST_TMPDIR/units"
	cp "$INSTALLED"/lib/systemd/system/* "$BATS_TEST_TMPDIR/units"
	sed -i 's|^ExecStart=.*|ExecStart=/bin/true|; /^Documentation/d' "$BATS_TEST_TMPDIR/units"/*.service
	sed -i '/^Documentation/d' "$BATS_TEST_TMPDIR/units"/*.timer
	run --separate-stderr systemd-analyze verify "$BATS_TEST_TMPDIR/units"/guestram-recover.service "$BATS_TEST_TMPDIR/units"/guestram-recover.timer
	echo "$stderr"
	[ "$status" -eq 0 ]
	[ -z "$(echo "$stderr" | grep guestram)" ]
	systemd-analyze security --offline=yes --threshold=60 "$BATS_TEST_TMPDIR/units/guestram-recover.service"
}

@test "the manual page is one" {
	command -v man >/dev/null || must_run "no man"
	MANWIDTH=80 man -l "$INSTALLED/share/man/man1/guestram.1" >"$BATS_TEST_TMPDIR/page"
	grep -q "EXIT STATUS" "$BATS_TEST_TMPDIR/page"
}
