# SPDX-License-Identifier: LGPL-2.1-or-later
# What the tests on the real kernel share: the program, helpers compiled once, pools as they are, and
# words for what must not be skipped.

TESTS=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
export GUESTRAM=${GUESTRAM:-$TESTS/../build/guestram}
POOL2M=/sys/kernel/mm/hugepages/hugepages-2048kB

# must_root: these tests change pools
must_root() {
	[ "$(id -u)" -eq 0 ] || must_run "needs root"
}

# lock_pools: from here to the end of the test nobody else's test changes pools or the ledger
lock_pools() {
	exec {lock_fd}>>"${GUESTRAM_TEST_LOCK:-/run/lock/guestram-test.lock}"
	flock "$lock_fd"
}

# must_run WHY: a skip, which is a failure where everything has to run
must_run() {
	if [ "${GUESTRAM_MUST_RUN:-}" = 1 ]; then
		echo "has to run here, but: $1"
		return 1
	fi
	skip "$1"
}

# helper NAME [AS [OPTION]]: compiles tests/helpers/NAME.c into the file's temporary directory
helper() {
	mkdir -p "$BATS_FILE_TMPDIR/bin"
	cc -D_GNU_SOURCE -O2 -pthread ${3:+"$3"} -o "$BATS_FILE_TMPDIR/bin/${2:-$1}" \
		"$TESTS/helpers/$1.c"
}

pools() {
	cat /sys/kernel/mm/hugepages/hugepages-*/nr_hugepages \
		/sys/kernel/mm/hugepages/hugepages-*/surplus_hugepages \
		/sys/devices/system/node/node*/hugepages/hugepages-*/nr_hugepages \
		/sys/devices/system/node/node*/hugepages/hugepages-*/surplus_hugepages
}

# json KEY...: the value at a path in the JSON on standard input ("leases 0 name")
json() {
	python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1:]:
    value = value[int(key)] if isinstance(value, list) else value[key]
print(json.dumps(value) if not isinstance(value, str) else value)' "$@"
}

# check_schema NAME: the JSON on standard input against schemas/NAME.schema.json
check_schema() {
	python3 "$TESTS/schema.py" "$TESTS/../schemas/$1.schema.json"
}

# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.02
	done
}
