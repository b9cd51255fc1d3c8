#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The survey of page flags on this guest's kernel, judged by what is known of the memory: shared
# memory that was just written, huge pages that were just taken, and in the end by the kernel
# itself, which has to hand out as many pages as were predicted. Prints "ok: ..." for each check.
# Needs busybox and guestram.
set -u

failed=0
MIB=1048576
POOLS=/sys/devices/system/node
SIZE=hugepages/hugepages-2048kB

ok() {
	echo "ok: $1"
}

wrong() {
	echo "WRONG: $1"
	failed=1
}

# near WHAT GOT WANT SLACK, in MiB
near() {
	difference=$(($2 - $3))
	if [ ${difference#-} -le "$4" ]; then
		ok "$1: $2 MiB, should be about $3"
	else
		wrong "$1: $2 MiB, should be about $3"
	fi
}

survey() {
	guestram host --survey --json >/tmp/host.json || wrong "guestram host: exit $?"
}

# content KEY: of all nodes together, in MiB
content() {
	awk -v key="\"$1\":" -v mib=$MIB '
		/"content":/ { inside = 1 }
		inside && $1 == key { sum += $2 }
		/}/ { inside = 0 }
		END { printf "%d\n", sum / mib }' /tmp/host.json
}

# pool NODE KEY: a figure of the node's 2 MiB pool
pool() {
	awk -v node="$1" -v key="\"$2\":" '
		/"page_size_bytes":/ { size = $2 + 0 }
		/"node":/ { at = $2 + 0 }
		size == 2097152 && at == node && $1 == key { print $2 + 0; exit }' /tmp/host.json
}

meminfo() {
	awk -v key="$1:" '$1 == key { printf "%d\n", $2 / 1024 }' /proc/meminfo
}

uname -r
mkdir -p /dev/shm /tmp
mount -o remount,mpol=interleave /dev/shm || wrong "/dev/shm cannot be spread over the nodes"
sleep 1
survey
near "free memory" "$(content free_bytes)" "$(meminfo MemFree)" 8
near "slab" "$(content slab_bytes)" "$(meminfo Slab)" 4
near "page tables" "$(content page_table_bytes)" "$(meminfo PageTables)" 1
near "huge pages" "$(content huge_bytes)" 0 0
before=$(content anonymous_bytes)

dd if=/dev/zero of=/dev/shm/data bs=1M count=300 2>/dev/null
survey
near "shared memory" "$(($(content anonymous_bytes) - before))" 300 4
near "free memory after it" "$(content free_bytes)" "$(meminfo MemFree)" 8

echo 40 >$POOLS/node1/$SIZE/nr_hugepages
survey
near "huge pages of 2 MiB" "$(content huge_bytes)" 80 0
[ "$(pool 1 huge)" = 40 ] && ok "40 ranges of node 1 hold them" ||
	wrong "$(pool 1 huge) ranges of node 1 hold 40 huge pages"
[ "$(pool 0 huge)" = 0 ] || wrong "node 0 has huge pages"
echo 0 >$POOLS/node1/$SIZE/nr_hugepages
rm /dev/shm/data

# Every second MiB of two thirds of the memory: nothing of it lies ready, all of it can be moved.
files=$(($(meminfo MemFree) * 2 / 3))
i=0
while [ $i -lt $files ]; do
	dd if=/dev/zero of=/dev/shm/$i bs=1M count=1 2>/dev/null || break
	i=$((i + 1))
done
i=0
while [ $i -lt $files ]; do
	rm -f /dev/shm/$i
	i=$((i + 2))
done
survey
for node in 0 1; do
	now=$(pool $node obtainable_now)
	want=$(pool $node obtainable_by_ladder)
	[ "$(grep -c '"prediction": "survey"' /tmp/host.json)" -ge 2 ] || wrong "it is an estimate"
	[ "$want" -ge $((now * 9 / 8)) ] ||
		wrong "node $node: $now pages at once, $want predicted: no test of a prediction"
	for try in 1 2 3; do
		echo "$want" >$POOLS/node$node/$SIZE/nr_hugepages
		echo 1 >$POOLS/node$node/compact
	done
	got=$(cat $POOLS/node$node/$SIZE/nr_hugepages)
	if [ "$got" -ge $((want * 9 / 10)) ]; then
		ok "node $node: $now pages at once, $want predicted, $got obtained"
	else
		wrong "node $node: $now pages at once, $want predicted, $got obtained"
	fi
done
exit $failed
