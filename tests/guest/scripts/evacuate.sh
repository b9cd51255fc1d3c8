#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest in which part of each node is ZONE_MOVABLE, half full of page cache and anonymous
# memory: gigantic pages never come out of that zone, unless its blocks go offline and come back as
# the kernel's own. Other owners' pages stay untouched, a kill anywhere in between leaves no block
# offline after recovery, and blocks return to their zone when the pages are given back. Prints one
# line a story; exits 1 if one is wrong. /dev/nvme0n1 is a device to read page cache from; the
# argument is the node to use.
node=$1
memory=/sys/devices/system/memory
pools=/sys/devices/system/node/node$node/hugepages
cache_mib=1500 anon_mib=2400 # of which half stays
bad=0

movable() { cat $memory/memory*/valid_zones | grep -c '^Movable'; }
offline() { cat $memory/memory*/state | grep -c -v '^online'; }
large() { cat "$pools/hugepages-1048576kB/nr_hugepages"; }
small() { cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages; }
notes() { ls /run/guestram/blocks 2>/dev/null | wc -l; }
cached() { awk '/^(Buffers|Cached):/ { n += $2 } END { print int(n / 1024) }' /proc/meminfo; }
check() { # STORY CONDITION
	verdict=ok
	eval "$2" || { verdict=WRONG && bad=1; }
	echo "$verdict: $1: $(large) x 1 GiB, $(small) x 2 MiB, $(movable) blocks movable," \
		"$(offline) offline, $(notes) noted, $(cached) MiB cached"
	[ $verdict = ok ] || cat /root/err /root/out
}
guestram() {
	/bin/guestram "$@" >/root/out 2>/root/err
	status=$?
}
reserve() { # ARG...
	guestram reserve vm -m 4G -p 1G --node "$node" --partial --keep-free 128M --timeout 90 \
		--max-cache-lost 1M --json "$@"
}
# Blocks in which the kernel has put something of its own meanwhile cannot return yet: their notes
# stay. All others are where they were.
returned() {
	[ $(($(movable) + $(notes))) = "$before" ] && [ "$(notes)" -le 4 ] && [ "$(offline)" = 0 ] &&
		[ "$(large)" = 0 ] && [ "$(small)" = 300 ]
}
settle() {
	for i in 1 2 3 4 5; do
		guestram recover
		guestram release vm
		returned && return
		sleep 1
	done
}

echo 300 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
exec 9</dev/nvme0n1 # page cache of a device goes when nobody has it open
dd if=/dev/nvme0n1 of=/dev/null bs=1M count=$cache_mib 2>/dev/null
/bin/holder --bind "$node" -- /bin/fragment movable $anon_mib 2 >/root/fragment &
until grep -q ready /root/fragment; do sleep 0.2; done
before=$(movable)
check "the start" '[ $before -gt 20 ] && returned'

reserve
plain=$(large)
check "without consent" '[ "$(movable)" = $before ]'
[ "$plain" = 0 ] || guestram release vm
reserve --allow drop-caches
dropped=$(large)
check "caches may be dropped" '[ "$(movable)" = $before ]'
[ "$dropped" = 0 ] || guestram release vm
[ "$dropped" -ge "$plain" ] || dropped=$plain

dd if=/dev/nvme0n1 of=/dev/null bs=1M count=$cache_mib 2>/dev/null
was_cached=$(cached)
reserve --allow evacuate
check "blocks may go offline" '[ "$(large)" -gt $dropped ] && [ "$(small)" = 300 ] &&
	[ "$(offline)" = 0 ] && [ "$(movable)" -lt $before ] &&
	[ "$(cached)" -gt $((was_cached - 300)) ]'
sed -n '/"evacuate"/,/"note"/ s/.*"\(elapsed_ns\|note\)": *\(.*\)/    \1: \2/p' /root/out
guestram release vm
for i in 1 2 3; do
	returned && break
	sleep 1
	guestram recover
done
check "given back" returned

# Killed at its n-th call of one kind: while the kernel moves a block, before and after a note is
# written, before and after one is dropped.
killed=0
for point in wait4:2 wait4:30 wait4:70 wait4:110 renameat:2 renameat:6 renameat:9 unlinkat:1; do
	/bin/strace -qq -o /root/strace -e trace="${point%:*}" \
		-e inject="${point%:*}:signal=KILL:when=${point#*:}" \
		/bin/guestram reserve vm -m 4G -p 1G --node "$node" --partial --keep-free 128M \
		--timeout 90 --max-cache-lost 1M --json --allow evacuate >/root/out 2>/root/err
	[ $? -lt 128 ] || killed=$((killed + 1))
	left="$(offline) offline, $(notes) noted"
	settle
	check "killed at $point with $left" returned
done
[ $killed -ge 5 ] || { echo "WRONG: only $killed were killed in time"; bad=1; }
[ $bad = 0 ]
