#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes, booted with hugepages=0:40,1:24: whose pages are whose on each
# node, as list and doctor say it, with real processes bound to nodes. /bin/guestram, /bin/holder
# and /bin/keeper are in the guest. Prints one line a story; exits 1 if one is wrong.
size=hugepages-2048kB
bad=0 holders=''
# The console is a terminal: no progress among the lines.
exec 2>/root/err

node_file() { echo "/sys/devices/system/node/node$1/hugepages/$size/$2"; }
hold() { # NODE PAGES
	: >/root/holder.out # what an earlier one said does not count
	/bin/holder "$1" "$2" 2M >/root/holder.out &
	holders="$holders $!"
	last=$!
	while ! grep -q ready /root/holder.out; do sleep 0.1; done
}
drop() {
	for pid in $holders; do
		kill "$pid"
		wait "$pid" 2>/dev/null
	done
	holders=''
}
# row NODE: total, leases, declared, boot, other, free, surplus of its 2 MiB pool
row() {
	/bin/guestram list | sed 's/, / /g' | awk -v node="$1" '$1 == 2 && $2 == "MiB" && $3 == node {
		printf "%s %s %s %s %s %s %s", $4, $5, $6, $7, $8, $9, $10 }'
}
expect() { # STORY NODE-0 NODE-1 CODES
	now="$(row 0) | $(row 1)"
	codes=$(/bin/guestram doctor --ledger | sed -n 's/^Code: *//p' | sort | tr '\n' ' ')
	if [ "$now" = "$2 | $3" ] && [ "$codes" = "$4" ]; then
		echo "ok: $1: $now: $codes"
	else
		echo "WRONG: $1: $now: $codes"
		echo "should be: $2 | $3: $4"
		/bin/guestram doctor --ledger
		bad=1
	fi
}
says() { # TEXT
	/bin/guestram doctor --ledger --json | grep -q "$1" || {
		echo "WRONG: doctor does not say $1"
		/bin/guestram doctor --ledger --json
		bad=1
	}
}

expect "as it was booted" "40 0 0 40 0 40 0" "24 0 0 24 0 24 0" ""
/bin/guestram reserve --external ovs -m 20M -p 2M --node 1 >/dev/null
expect "declared on node 1" "40 0 0 40 0 40 0" "24 0 10 14 0 24 0" ""
/bin/guestram reserve vm -m 16M -p 2M --node 1 >/dev/null
expect "a lease beside it" "40 0 0 40 0 40 0" "32 8 10 14 0 32 0" ""
/bin/guestram plan -m 30M -p 2M --node 1 -b static >/dev/null && {
	echo "WRONG: 14 free pages of node 1 are nobody's, and 15 could be planned"
	bad=1
}
/bin/guestram plan -m 28M -p 2M --node 1 -b static >/dev/null || {
	echo "WRONG: 14 pages of node 1 are free for anybody"
	bad=1
}
echo 50 >"$(node_file 0 nr_hugepages)"
expect "somebody adds pages to node 0" "50 0 0 40 10 50 0" "32 8 10 14 0 32 0" "GR501 "
hold 0 10
expect "and somebody uses them" "50 0 0 40 10 40 0" "32 8 10 14 0 32 0" "GR502 "
says "pid $last (holder) 10"
drop
echo 40 >"$(node_file 0 nr_hugepages)"
echo 26 >"$(node_file 1 nr_hugepages)"
# 6 of 32 are gone: the lease has its own first, then the declared owner; the boot's are fewer.
expect "somebody lowers node 1" "40 0 0 40 0 40 0" "26 8 10 8 0 26 0" ""
echo 16 >"$(node_file 1 nr_hugepages)"
expect "and again" "40 0 0 40 0 40 0" "16 8 10 0 0 16 0" "GR504 "
echo 6 >"$(node_file 1 nr_hugepages)"
expect "and again" "40 0 0 40 0 40 0" "6 8 10 0 0 6 0" "GR503 GR504 "
echo 32 >"$(node_file 1 nr_hugepages)"
/bin/guestram release vm >/dev/null
/bin/guestram release ovs >/dev/null
# A descriptor under way in a socket: nobody has these, on whichever node they are.
/bin/keeper flight 4 >/root/keeper.out &
last=$!
while ! grep -q ready /root/keeper.out; do sleep 0.1; done
codes=$(/bin/guestram doctor --ledger | sed -n 's/^Code: *//p' | tr '\n' ' ')
case $codes in
*GR510*) echo "ok: nobody has them: $codes" ;;
*) echo "WRONG: nobody has them: $codes" && bad=1 ;;
esac
kill $last
wait $last 2>/dev/null
# Declared on any node: each node leaves what the other one lacks.
/bin/guestram reserve --external spdk -m 100M -p 2M >/dev/null
/bin/guestram plan -m 28M -p 2M --node 0 -b static >/dev/null || {
	echo "WRONG: 14 of node 0 may go"
	bad=1
}
/bin/guestram plan -m 30M -p 2M --node 0 -b static >/dev/null && {
	echo "WRONG: 15 of node 0 may not go"
	bad=1
}
expect "declared on any node" "40 0 40 0 0 40 0" "24 0 10 14 0 24 0" ""
[ $bad = 0 ] || cat /root/err
exit $bad
