#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes: leases beside surplus pages of another tool on each node and
# beside another owner's pool. After each story every node has to have exactly the persistent
# pages that it had before, and nothing on a free list that belongs to nobody.
# /bin/guestram and /bin/holder are in the guest. Prints one line a story; exits 1 if one is wrong.
size=hugepages-2048kB
global=/sys/kernel/mm/hugepages/$size
bad=0 holders=''

node_file() { echo "/sys/devices/system/node/node$1/hugepages/$size/$2"; }
read_node() { cat "$(node_file "$1" "$2")"; }
persistent() { echo $(($(read_node "$1" nr_hugepages) - $(read_node "$1" surplus_hugepages))); }
# node 0: total/free/surplus, node 1 likewise
state() {
	for node in 0 1; do
		printf '%s/%s/%s ' "$(read_node $node nr_hugepages)" "$(read_node $node free_hugepages)" \
			"$(read_node $node surplus_hugepages)"
	done
}
expect() { # STORY WANTED
	now=$(state)
	if [ "$now" = "$2 " ]; then
		echo "ok: $1: $now"
	else
		echo "WRONG: $1: $now, should be $2"
		bad=1
	fi
}
hold() { # NODE PAGES
	: >/root/holder.out # what an earlier one said does not count
	/bin/holder "$1" "$2" 2M >/root/holder.out &
	holders="$holders $!"
	while ! grep -q ready /root/holder.out; do sleep 0.1; done
}
drop_holders() {
	for pid in $holders; do
		kill "$pid"
		wait "$pid" 2>/dev/null
	done
	holders=''
}
# Another tool's hand-over: its pages become surplus. Only while the pools are otherwise empty.
hand_over() { # PAGES-ON-0 PAGES-ON-1
	for node in 0 1; do
		pages=$1
		shift
		[ "$pages" = 0 ] && continue
		echo "$pages" >"$(node_file $node nr_hugepages)"
		hold $node "$pages"
	done
	# The mempolicy file, bound, is exact on every kernel; the global 0 makes all of it surplus.
	echo 0 >$global/nr_hugepages
}
guestram() {
	/bin/guestram "$@" >/root/out 2>/root/err || {
		echo "WRONG: guestram $*: exit $?"
		cat /root/err
		bad=1
	}
}

expect "start" "0/0/0 0/0/0"
guestram reserve vm -m 40M --node 1 --keep-free 64M
expect "reserved on node 1" "0/0/0 20/20/0"
guestram release vm
expect "released" "0/0/0 0/0/0"

for story in "50 0" "0 80" "50 80"; do
	# shellcheck disable=SC2086
	set -- $story
	hand_over "$1" "$2"
	expect "surplus $story" "$1/0/$1 $2/0/$2"
	for node in 0 1; do
		guestram reserve vm -m 40M --node $node --keep-free 64M
		if [ $node = 0 ]; then
			expect "surplus $story, 20 on node 0" "$(($1 + 20))/20/0 $2/0/$2"
		else
			expect "surplus $story, 20 on node 1" "$1/0/$1 $(($2 + 20))/20/0"
		fi
		guestram release vm
		expect "surplus $story, given back" "$1/0/$1 $2/0/$2"
	done
	# A VM uses the pages while the lease is given back.
	guestram reserve vm -m 40M --node 1 --keep-free 64M
	hold 1 20
	guestram release vm
	expect "surplus $story, given back in use" "$1/0/$1 $(($2 + 20))/0/$(($2 + 20))"
	drop_holders
	expect "surplus $story, all gone" "0/0/0 0/0/0"
done

# Another owner's pool on node 0: 64 pages, all in use, then half of them, beside surplus on node 1.
hand_over 0 80
echo 80 >$global/nr_hugepages # makes the 80 persistent again, so that node 0 can be set exactly
echo 64 >"$(node_file 0 nr_hugepages)"
hold 0 64
/bin/holder --bind 1 -- sh -c "echo 64 >$global/nr_hugepages_mempolicy"
expect "pool of 64 on node 0, surplus on node 1" "64/0/0 80/0/80"
guestram reserve vm -m 60M --node 0 --keep-free 64M
expect "30 beside them" "94/30/0 80/0/80"
guestram release vm
expect "given back" "64/0/0 80/0/80"
guestram reserve vm -m 60M --node 1 --keep-free 64M
guestram reserve vm2 -m 60M --node 0 --keep-free 64M
guestram release vm
guestram release vm2
expect "two leases given back" "64/0/0 80/0/80"
drop_holders
expect "everybody gone" "64/64/0 0/0/0"
guestram reserve vm -m 60M --node 0 --keep-free 64M
guestram release vm
expect "beside free pages" "64/64/0 0/0/0"
[ "$(persistent 0) $(persistent 1)" = "64 0" ] || bad=1
# shellcheck disable=SC2012
left=$(ls /run/guestram/leases | wc -l)
[ "$left" = 0 ] || { echo "WRONG: $left leases left"; bad=1; }
exit $bad
