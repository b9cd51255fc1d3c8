#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes of 3 GiB: leases that lend their idle pages. Who asks for more than
# the node has gets them; pages in use stay, and so do those of leases that do not lend. After each
# story every pool of every node is as it was. Prints one line a story; exits 1 if one is wrong.
bad=0

pool() { cat "/sys/devices/system/node/node$1/hugepages/hugepages-$2kB/nr_hugepages"; }
surplus() { cat /sys/devices/system/node/node*/hugepages/hugepages-*/surplus_hugepages | sort -u; }
# 2 MiB pages of node 0 and 1, 1 GiB pages of node 0 and 1
state() { echo "$(pool 0 2048) $(pool 1 2048) $(pool 0 1048576) $(pool 1 1048576)"; }
guestram() {
	/bin/guestram "$@" >/root/out 2>/root/err
	status=$?
}
# the number behind a key of the lease in its file: only win has one grant
lease() { sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" "/run/guestram/leases/$1.json"; }
story() { # NAME CONDITION...
	name=$1
	shift
	if "$@"; then
		echo "ok: $name: exit $status, $(state)"
	else
		echo "WRONG: $name: exit $status, $(state): $*"
		sed 's/^/  /' /root/err /root/out
		cat /run/guestram/leases/*.json
		bad=1
	fi
}
all_of() { # CONDITION: words of a test, read after the variables are set
	sh -c "$1"
}

start=$(state)
echo "start: $start"

# More than is left beside a lease that does not lend: refused, nothing changed.
guestram reserve win -m 1600M -p 2M --node 1 --keep-free 64M
story "reserved" [ "$status $(pool 1 2048)" = "0 800" ]
guestram reserve vm -m 2G -p 2M --node 1 --keep-free 64M --timeout 20
story "without consent" [ "$status $(pool 1 2048)" = "3 800" ]
guestram release win

# The same with consent: as many as were missing, and no more than that.
guestram reserve win -m 1600M -p 2M --node 1 --keep-free 64M --lend
guestram reserve vm -m 2G -p 2M --node 1 --keep-free 64M --timeout 60 --json
lent=$(lease win lent_pages)
story "lent" all_of "[ $status = 0 ] && [ $lent -gt 100 ] && [ $lent -lt 800 ] &&
	[ $(lease win pages) = $((800 - lent)) ] && [ $(pool 1 2048) = $((1024 + 800 - lent)) ] &&
	[ $(pool 0 2048) = 0 ] && [ $(surplus) = 0 ]"
story "said" grep -q "lease win lent $lent pages of 2 MiB on node 1" /root/out
guestram list
story "listed" grep -q "$((800 - lent)) x 2 MiB on node 1, $lent lent" /root/out
guestram release vm
story "the lender stays short" [ "$(pool 1 2048)" = $((800 - lent)) ]

# What its VM has is not lent: then there is not enough, and what was lent comes back.
guestram release win
guestram reserve win -m 1600M -p 2M --node 1 --keep-free 64M --lend
/bin/holder 1 700 2M >/dev/null 2>&1 &
holder=$!
n=0
while [ "$(cat /sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages)" -gt 100 ] &&
	[ $n -lt 100 ]; do
	sleep 0.1
	n=$((n + 1))
done
guestram reserve vm -m 2G -p 2M --node 1 --keep-free 64M --timeout 20 --json
story "pages in use stay" all_of "[ $status = 3 ] && [ $(pool 1 2048) = 800 ] && [ $(surplus) = 0 ] &&
	[ $(lease win pages) = 800 ] && [ $(lease win lent_pages) = 0 ]"
kill $holder
wait $holder 2>/dev/null
guestram release win
story "released" [ "$(state)" = "$start" ]

# A larger page of the node helps as well: as memory.
guestram reserve big -m 1G -p 1G --node 0 --keep-free 64M --timeout 60 --lend
if [ $status = 0 ]; then
	guestram reserve vm -m 2200M -p 2M --node 0 --keep-free 64M --timeout 60 --json
	story "a larger page" [ "$status $(state)" = "0 1100 0 0 0" ]
	guestram release vm
	guestram release big
	story "a larger page, released" [ "$(state)" = "$start" ]
else
	echo "ok: no page of 1 GiB to be had here"
	echo "ok: so it is not lent"
fi
[ $bad = 0 ]
