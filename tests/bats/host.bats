#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# guestram host: on captured machines its answers are compared with the golden files beside them
# (GUESTRAM_REGEN=1 writes those anew: look at the diff), on this machine with what cat says.
# Nothing here changes the host.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	GUESTRAM=${GUESTRAM:-build/guestram}
	case $GUESTRAM in */*) GUESTRAM=$(realpath "$GUESTRAM") ;; esac
}

# needs COMMAND...: skips without it, or fails where nothing may be skipped
needs() {
	"$@" >/dev/null 2>&1 && return
	[ -z "${GUESTRAM_MUST_RUN:-}" ] || { echo "this needs: $*"; return 1; }
	skip "this needs: $*"
}

fixtures() {
	for json in tests/fixtures/*/proc/meminfo; do
		echo "${json%/proc/meminfo}"
	done
}

valid() {
	python3 -W ignore -c '
import json, sys, jsonschema
jsonschema.validate(json.load(sys.stdin), json.load(open("schemas/host.schema.json")))'
}

# field EXPRESSION: prints a field of the document d on the standard input
field() {
	python3 -c "import json,sys; d=json.load(sys.stdin); print($1)"
}

@test "golden answers of every captured machine" {
	bad=0
	for dir in $(fixtures); do
		"$GUESTRAM" host --root "$dir" --json >"$BATS_TEST_TMPDIR/host.json"
		"$GUESTRAM" host --root "$dir" >"$BATS_TEST_TMPDIR/host.txt"
		for file in host.json host.txt; do
			[ -z "${GUESTRAM_REGEN:-}" ] || cp "$BATS_TEST_TMPDIR/$file" "$dir/$file"
			diff -u "$dir/$file" "$BATS_TEST_TMPDIR/$file" || bad=1
		done
	done
	[ "$bad" = 0 ]
}

@test "captured machines: JSON is valid, tables fit 80 columns" {
	needs python3 -c 'import jsonschema'
	for dir in $(fixtures); do
		"$GUESTRAM" host --root "$dir" --json | valid
		"$GUESTRAM" host --root "$dir" | awk -v d="$dir" 'length > 80 { print d ": " $0; bad = 1 }
			END { exit bad }'
	done
}

@test "answers about a capture do not depend on who asks" {
	needs setpriv --reuid=65534 --clear-groups true
	# bats keeps its own directories to itself
	public=$(mktemp -d)
	cp -r tests/fixtures "$GUESTRAM" "$public"
	chmod -R a+rX "$public"
	bad=0
	for dir in $(fixtures); do
		"$GUESTRAM" host --root "$dir" --json >"$BATS_TEST_TMPDIR/root.json"
		(cd / && setpriv --reuid=65534 --clear-groups "$public/${GUESTRAM##*/}" host \
			--root "$public/fixtures/${dir##*/}" --json) >"$BATS_TEST_TMPDIR/nobody.json" || bad=1
		diff "$BATS_TEST_TMPDIR/root.json" "$BATS_TEST_TMPDIR/nobody.json" || bad=1
	done
	rm -rf "$public"
	[ "$bad" = 0 ]
}

@test "this machine: JSON is valid, stderr is empty" {
	needs python3 -c 'import jsonschema'
	"$GUESTRAM" host --json 2>"$BATS_TEST_TMPDIR/err" | valid
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "this machine: pools and settings are what sysfs says" {
	"$GUESTRAM" host --json >"$BATS_TEST_TMPDIR/host.json"
	for dir in /sys/kernel/mm/hugepages/hugepages-*kB; do
		[ -d "$dir" ] || continue
		kb=${dir##*hugepages-}
		kb=${kb%kB}
		run field "[p['total'] for p in d['pools'] if p['page_size_bytes'] == $kb * 1024]" \
			<"$BATS_TEST_TMPDIR/host.json"
		[ "$output" = "[$(cat "$dir/nr_hugepages")]" ]
	done
	run field "len(d['nodes'])" <"$BATS_TEST_TMPDIR/host.json"
	[ ! -d /sys/devices/system/node ] ||
		[ "$output" = "$(printf '%s\n' /sys/devices/system/node/node[0-9]* | wc -l)" ]
	if [ -r /sys/kernel/mm/transparent_hugepage/enabled ]; then
		run field "d['thp']['enabled']" <"$BATS_TEST_TMPDIR/host.json"
		grep -qF "[$output]" /sys/kernel/mm/transparent_hugepage/enabled
	fi
}

@test "one memory node: what is available is the kernel's own figure" {
	[ "$(cat /sys/devices/system/node/has_memory 2>/dev/null || echo 0)" = 0 ] ||
		skip "this machine has more than one memory node"
	run bash -c '"$1" host --json' - "$GUESTRAM"
	[ "$(field "d['nodes'][0]['available_bytes_estimate'] == d['memory']['available_bytes']" \
		<<<"$output")" = True ]
	[ "$(field "d['nodes'][0]['total_bytes'] <= d['memory']['total_bytes']" <<<"$output")" = True ]
}

@test "a capture of this machine reads like the machine" {
	tools/capture-host "$BATS_TEST_TMPDIR/c.tar.gz"
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/c.tar.gz")" -lt 61440 ]
	mkdir "$BATS_TEST_TMPDIR/c"
	tar -xzf "$BATS_TEST_TMPDIR/c.tar.gz" -C "$BATS_TEST_TMPDIR/c"
	stable="*[d['kernel']['release'], d['kernel']['architecture'], d['kernel']['base_page_bytes'],
		d['kernel']['cpus_online'], d['memory']['total_bytes'], d['memory']['nodes_allowed'],
		d['thp'], d['kvm']['module'], [n['id'] for n in d['nodes']],
		[(p['page_size_bytes'], p['overcommit']) for p in d['pools']],
		[m['page_size_bytes'] for m in d['mounts']], [z['name'] for z in d['zones']],
		[(l['file'], l['limit_bytes'], l['nodes']) for l in d['cgroup_limits']],
		[f for f in d['features'] if '(' not in f['source']]], sep='\\n'"
	"$GUESTRAM" host --json | field "$stable" >"$BATS_TEST_TMPDIR/host"
	"$GUESTRAM" host --json --root "$BATS_TEST_TMPDIR/c" | field "$stable" >"$BATS_TEST_TMPDIR/capture"
	diff "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/capture"
}

@test "a capture tells nobody's names" {
	tools/capture-host -d "$BATS_TEST_TMPDIR/c"
	for secret in "$(cat /proc/sys/kernel/random/boot_id)" "$(cat /etc/machine-id 2>/dev/null)" \
		"$(awk -F: '{ print $3 }' /proc/self/cgroup | tr '/' '\n' | awk 'length > 6' | head -1)"; do
		if [ "$secret" ]; then
			run grep -rlF -e "$secret" "$BATS_TEST_TMPDIR/c"
			[ "$status" -eq 1 ]
		fi
	done
	run grep ' /home/[^u]' "$BATS_TEST_TMPDIR/c/proc/self/mountinfo"
	[ "$status" -eq 1 ]
}

@test "captures with busybox alone" {
	needs busybox true
	mkdir "$BATS_TEST_TMPDIR/bin"
	busybox --install -s "$BATS_TEST_TMPDIR/bin"
	PATH=$BATS_TEST_TMPDIR/bin busybox sh tools/capture-host -d "$BATS_TEST_TMPDIR/c"
	"$GUESTRAM" host --root "$BATS_TEST_TMPDIR/c" >/dev/null
}

@test "refuses words and an empty root" {
	run "$GUESTRAM" host everything
	[ "$status" -eq 2 ]
	mkdir "$BATS_TEST_TMPDIR/empty"
	run "$GUESTRAM" host --root "$BATS_TEST_TMPDIR/empty"
	[ "$status" -eq 4 ]
	[[ "$output" == *"empty/proc/meminfo"* ]]
}
