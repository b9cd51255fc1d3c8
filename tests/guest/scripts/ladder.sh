#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes of 3.5 GiB and two 1 GiB pages reserved at boot: nodes that are a wish,
# less than all, smaller pages in place of large ones, and large ones cut up and made again. After each
# story every pool of every node is as it was. Prints one line a story; exits 1 if one is wrong.
bad=0

pool() { cat "/sys/devices/system/node/node$1/hugepages/hugepages-$2kB/nr_hugepages"; }
# 2 MiB pages of node 0 and 1, 1 GiB pages of node 0 and 1
state() { echo "$(pool 0 2048) $(pool 1 2048) $(pool 0 1048576) $(pool 1 1048576)"; }
check() { # STORY EXIT WANTED
	if [ "$status $(state)" = "$2 $3" ]; then
		echo "ok: $1: $3"
	else
		echo "WRONG: $1: exit $status, $(state), should be exit $2, $3"
		sed 's/^/  /' /root/err
		bad=1
	fi
}
guestram() {
	/bin/guestram "$@" >/root/out 2>/root/err
	status=$?
}
rung() { grep -o '"name":"[a-z-]*"' /root/out | sort -u | tr '\n' ' '; }

start=$(state)
echo "start: $start"
[ "$(pool 0 1048576)$(pool 1 1048576)" = 11 ] || { echo "WRONG: no 1 GiB page on each node"; exit 1; }

# More than node 1 can give: strict is refused and leaves nothing, preferred takes the rest of node 0.
guestram reserve vm -m 2700M -p 2M --node 1 --keep-free 64M
check "strict" 3 "$start"
guestram reserve vm -m 2700M -p 2M --node 1 --preferred --keep-free 64M --json
[ "$status" = 0 ] && [ "$(pool 1 2048)" -gt 700 ] && [ $(($(pool 0 2048) + $(pool 1 2048))) = 1350 ] &&
	echo "ok: preferred: $(state)" || { echo "WRONG: preferred: exit $status, $(state)"; cat /root/err; bad=1; }
guestram release vm
check "preferred, released" 0 "$start"

# Less than all is kept, and said.
guestram reserve vm -m 2700M -p 2M --node 1 --partial --keep-free 64M --json
[ "$status" = 1 ] && [ "$(pool 1 2048)" -gt 700 ] && grep -q '"short_pages": *[1-9]' /root/out &&
	echo "ok: partial: $(state)" || { echo "WRONG: partial: exit $status, $(state)"; cat /root/err; bad=1; }
guestram release vm
check "partial, released" 0 "$start"

# What 1 GiB pages cannot give comes in 2 MiB pages of the same lease.
guestram reserve vm -m 4G -p 1G --fallback 2M --keep-free 64M --timeout 40 --json
ones=$(($(pool 0 1048576) + $(pool 1 1048576) - 2))
twos=$(($(pool 0 2048) + $(pool 1 2048)))
if [ "$status" = 0 ] && [ $((ones * 512 + twos)) = 2048 ] && [ $twos -gt 0 ]; then
	echo "ok: fallback: $ones x 1 GiB and $twos x 2 MiB"
else
	echo "WRONG: fallback: exit $status, $ones x 1 GiB and $twos x 2 MiB"
	cat /root/err
	bad=1
fi
guestram release vm
check "fallback, released" 0 "$start"

# Node 0 full of memory that cannot move away: only the boot page can help, with consent.
/bin/holder --bind 0 -- /bin/eat 2050 &
eater=$!
while ! [ -e /root/eaten ]; do sleep 0.2; done
guestram reserve vm -m 900M -p 2M --node 0 --keep-free 64M --timeout 20 --max-swapped 1
check "no demotion without consent" 3 "$start"
guestram reserve vm -m 900M -p 2M --node 0 --keep-free 64M --timeout 20 --allow demote --json
[ "$status" = 0 ] && [ "$(pool 0 1048576)" = 0 ] && [ "$(pool 0 2048)" -ge 512 ] &&
	grep -q '"demote"' /root/out && echo "ok: demoted: $(state)" ||
	{ echo "WRONG: demote: exit $status, $(state)"; cat /root/err /root/out; bad=1; }
guestram release vm
check "demoted, made again" 0 "$start"
kill $eater
[ $bad = 0 ]
