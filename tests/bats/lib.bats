#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# The library for VMMs, as a VMM's author has it: compiled against with pkg-config, run on the real
# kernel, killed; and what its file shows to a linker.

bats_require_minimum_version 1.5.0
load common
BATS_TEST_TIMEOUT=120

setup_file() {
	BUILD=$(realpath "$(dirname "$GUESTRAM")")
	export BUILD
	export PKG_CONFIG_PATH=$BUILD/meson-uninstalled LD_LIBRARY_PATH=$BUILD
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_FILE_TMPDIR/bin"
	compile -std=c99 -pedantic "$TESTS/../examples/hold-memory.c" -o "$BATS_FILE_TMPDIR/bin/hold-memory"
	compile -std=gnu17 -D_GNU_SOURCE -pthread "$TESTS/helpers/lib_use.c" -o "$BATS_FILE_TMPDIR/bin/lib_use"
}

# compile ARGS...: with the flags that pkg-config gives
compile() {
	# shellcheck disable=SC2046,SC2086
	${CC:-cc} ${CFLAGS:-} -Wall -Wextra -Wshadow -Werror "$@" $(pkg-config --cflags --libs guestram)
}

setup() {
	[ "$(id -u)" -ne 0 ] || lock_pools
	PATH=$BATS_FILE_TMPDIR/bin:$PATH
	before=$(pools)
	holder=
}

teardown() {
	if [ "$holder" ]; then
		kill -KILL "$holder" 2>/dev/null || true
		wait "$holder" 2>/dev/null || true
	fi
	[ "$(id -u)" -ne 0 ] || "$GUESTRAM" recover >/dev/null
	[ "$(pools)" = "$before" ]
}

# no words of the library's own
quiet() {
	run --separate-stderr "$@"
	echo "$output$stderr"
	[ "$status" -eq 0 ]
	[ -z "$output$stderr" ]
}

@test "the example: proven and given back, nothing left" {
	must_root
	run --separate-stderr hold-memory </dev/null
	echo "$output$stderr"
	[ "$status" -eq 0 ]
	[ "$output" = "64 MiB of 64 MiB on 2 MiB pages" ]
	[ -z "$stderr" ]
	[ "$(pools)" = "$before" ]
	[ "$("$GUESTRAM" list --json | json leases)" = "[]" ]
}

@test "killed while it holds memory: its pages come home" {
	must_root
	mkfifo "$BATS_TEST_TMPDIR/in"
	hold-memory <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" &
	holder=$!
	exec 4>"$BATS_TEST_TMPDIR/in"
	until_true 20 grep -q "64 MiB of 64 MiB" "$BATS_TEST_TMPDIR/out"
	[ "$("$GUESTRAM" list --json | json leases 0 name)" = hold-memory ]
	[ "$("$GUESTRAM" list --json | json leases 0 state)" = owned ]
	[ "$("$GUESTRAM" list --json | json leases 0 owner_pid)" = "$holder" ]
	"$GUESTRAM" recover >/dev/null # it lives: nothing is taken from it
	quiet lib_use busy
	[ "$(pools)" != "$before" ]
	kill -KILL "$holder"
	wait "$holder" || true
	exec 4>&-
	[ "$(pools)" != "$before" ]
	"$GUESTRAM" recover --json | check_schema recover
	[ "$(pools)" = "$before" ]
	[ "$("$GUESTRAM" list --json | json leases)" = "[]" ]
}

@test "structs older, newer and wrong" {
	quiet lib_use structs
}

@test "page sizes are those of sysfs" {
	run --separate-stderr lib_use sizes
	[ "$status" -eq 0 ]
	[ "$(grep -v default <<<"$output" | sort)" = "$(for dir in /sys/kernel/mm/hugepages/*; do
		size=${dir##*-}
		echo $((${size%kB} * 1024))
	done | sort)" ]
	[ "$(sed -n 's/ default//p' <<<"$output")" = "$(awk '/^Hugepagesize/ { print $2 * 1024 }' /proc/meminfo)" ]
}

@test "a captured host can be looked at, and nothing else" {
	capture=$(find "$TESTS/fixtures" -path '*/sys/kernel/mm/hugepages/hugepages-1048576kB' | head -1)
	run --separate-stderr lib_use sizes "${capture%/sys/kernel/mm/*}"
	[ "$status" -eq 0 ]
	grep -q '^1073741824$' <<<"$output"
	run --separate-stderr lib_use release "${capture%/sys/kernel/mm/*}"
	[ "$status" -eq 1 ]
	[[ "$output" == *"captured"* ]]
}

@test "base pages: with root and without, shared and not" {
	quiet lib_use plain
	[ "$(id -u)" -eq 0 ] || return 0
	cp "$BUILD"/libguestram.so.0 "$BATS_FILE_TMPDIR/bin" # whoever may not enter the build directory
	quiet env LD_LIBRARY_PATH="$BATS_FILE_TMPDIR/bin" \
		setpriv --reuid=65534 --regid=65534 --clear-groups "$BATS_FILE_TMPDIR/bin/lib_use" plain
}

@test "dynamic pages on a node, shared, populated later; refusals leave nothing" {
	must_root
	quiet lib_use later
}

@test "a child of fork() gives back nothing of its parent's" {
	must_root
	quiet lib_use child
}

@test "handles in several threads wait for each other" {
	must_root
	quiet lib_use threads
}

@test "what the library reserves the commands see, and the other way round" {
	must_root
	quiet lib_use reserve
	[ "$("$GUESTRAM" list --json | json leases 0 name)" = by-lib ]
	[ "$("$GUESTRAM" list --json | json leases 0 state)" = held ]
	quiet lib_use release
	"$GUESTRAM" reserve by-lib -m 8M -p 2M >/dev/null
	quiet lib_use release
}

@test "the header is C++" {
	cxx=$(command -v g++ || command -v clang++) || skip "may: no C++ compiler"
	echo '#include <guestram.h>' >"$BATS_TEST_TMPDIR/a.cc"
	# shellcheck disable=SC2046
	"$cxx" -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$BATS_TEST_TMPDIR/a.cc" \
		$(pkg-config --cflags guestram)
}

@test "one list of functions: the file's, the map's, the header's and the page's" {
	nm -D --defined-only "$BUILD/libguestram.so" | sed -n 's/.* T //p' | sort >"$BATS_TEST_TMPDIR/file"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/file")" -ge 16 ]
	[ -z "$(nm -D --defined-only "$BUILD/libguestram.so" | grep -v ' guestram_[a-z_]*@@GUESTRAM_0$' |
		grep -v ' A GUESTRAM_0$')" ]
	sed -n 's/^\tguestram_\(.*\);$/guestram_\1@@GUESTRAM_0/p' "$TESTS/../src/lib/libguestram.map" | sort |
		diff "$BATS_TEST_TMPDIR/file" -
	grep -o '^[a-z].*guestram_[a-z_]*(' "$TESTS/../include/guestram.h" | sed 's/.*\(guestram_[a-z_]*\)(/\1@@GUESTRAM_0/' |
		sort | diff "$BATS_TEST_TMPDIR/file" -
	grep -o '\*guestram_[a-z_]*\*()' "$TESTS/../man/libguestram.3.scd" | tr -d '*()' | sort -u |
		sed 's/$/@@GUESTRAM_0/' | diff "$BATS_TEST_TMPDIR/file" -
}

@test "no variable, no constructor, no way to print or to exit" {
	# What the compiler itself puts there is one flag and one entry of .init_array.
	[ -z "$(nm "$BUILD/libguestram.so" | awk '$2 ~ /^[BbD]$/' | grep -v ' completed\.')" ] ||
		nm "$BUILD/libguestram.so" | grep -q __asan_init
	[ -z "$(nm -D --undefined-only "$BUILD/libguestram.so" |
		grep -E ' (exit|_exit|abort|printf|puts|perror|err|warn|stdout|stderr|signal|sigaction|system|popen)@')" ]
}
