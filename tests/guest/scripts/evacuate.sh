#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest whose memory above 3 GiB is ZONE_MOVABLE, half full of pages that can move: gigantic
# pages never come out of that zone, unless its blocks go offline and come back as the kernel's own.
# Other owners' pages stay untouched, a kill in between leaves no block offline, and in the end every
# block is where it was. Prints one line a story; exits 1 if one is wrong.
blocks=/sys/devices/system/memory
pools=/sys/kernel/mm/hugepages
bad=0

movable() { cat $blocks/memory*/valid_zones | grep -c '^Movable'; }
offline() { cat $blocks/memory*/state | grep -c -v '^online'; }
large() { cat $pools/hugepages-1048576kB/nr_hugepages; }
small() { cat $pools/hugepages-2048kB/nr_hugepages; }
check() { # STORY CONDITION
	if eval "$2"; then
		echo "ok: $1: $(large) x 1 GiB, $(small) x 2 MiB, $(movable) blocks movable, $(offline) offline"
	else
		echo "WRONG: $1: $(large) x 1 GiB, $(small) x 2 MiB, $(movable) blocks movable, $(offline) offline"
		cat /root/err /root/out
		bad=1
	fi
}
# A lent block in which the kernel has put something of its own meanwhile cannot return yet: its note
# stays, and it is tried again.
returned() {
	noted=$(ls /run/guestram/blocks 2>/dev/null | wc -l)
	[ "$(movable)" -ge $((before - 2)) ] && [ $(($(movable) + noted)) = "$before" ] &&
		[ "$(offline)" = 0 ]
}
guestram() {
	/bin/guestram "$@" >/root/out 2>/root/err
	status=$?
}

/bin/fragment movable 4600 2 >/root/fragment &
until grep -q ready /root/fragment; do sleep 0.2; done
echo 300 >$pools/hugepages-2048kB/nr_hugepages
other=$(small)
before=$(movable)
check "the start" '[ $before -gt 30 ] && [ $other = 300 ] && [ "$(offline)" = 0 ]'

guestram reserve vm -m 4G -p 1G --partial --keep-free 128M --json
plain=$(large)
check "without consent" '[ $plain -lt 4 ] && [ "$(movable)" = $before ]'
[ "$plain" = 0 ] || guestram release vm

guestram reserve vm -m 4G -p 1G --partial --keep-free 128M --timeout 90 --allow evacuate --json
check "with consent" '[ "$(large)" -gt $plain ] && [ "$(small)" = $other ] && [ "$(offline)" = 0 ] &&
	[ "$(movable)" -lt $before ] && grep -q "memory blocks were offline" /root/out'
guestram release vm
for i in 1 2 3 4 5; do
	returned && break
	sleep 1
	guestram recover
done
check "given back" 'returned && [ "$(large)" = 0 ] && [ "$(small)" = $other ]'

# Killed at some moment of it, again and again: whatever was offline comes back.
killed=0
for tenths in 3 6 9 13 17 22; do
	/bin/guestram reserve vm -m 4G -p 1G --partial --keep-free 128M --timeout 90 --allow evacuate \
		--json >/root/out 2>/root/err &
	pid=$!
	sleep "$(echo $tenths | sed 's/\(.*\)\(.\)/\1.\2/; s/^\./0./')"
	kill -9 $pid 2>/dev/null && killed=$((killed + 1))
	wait $pid 2>/dev/null
	[ "$(offline)" = 0 ] || echo "offline when killed: $(offline)"
	for i in 1 2 3 4 5; do
		guestram recover
		guestram release vm
		returned && break
		sleep 1
	done
	check "killed after $tenths tenths" 'returned && [ "$(large)" = 0 ] &&
		[ "$(small)" = $other ]'
done
[ $killed -ge 4 ] || { echo "WRONG: only $killed were killed in time"; bad=1; }
[ $bad = 0 ]
