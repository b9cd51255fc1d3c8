#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes: the model of the kernel's counts against the kernel (that the
# comparison can fail is seen with a wrong model first), and then what it found: a node with more
# surplus than pages, beside which a per-node write of a count takes all memory.
# /bin/model_check, /bin/guestram and /bin/holder are in the guest. Arguments: for model_check.
size=hugepages-2048kB
global=/sys/kernel/mm/hugepages/$size
bad=0

state() {
	for node in 0 1; do
		dir=/sys/devices/system/node/node$node/hugepages/$size
		printf '%s/%s/%s ' "$(cat $dir/nr_hugepages)" "$(cat $dir/free_hugepages)" \
			"$(cat $dir/surplus_hugepages)"
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
bound() { # NODE COUNT: the host's persistent count, by that node
	/bin/holder --bind "$1" -- sh -c "echo $2 >$global/nr_hugepages_mempolicy"
}
guestram() {
	/bin/guestram "$@" >/root/out 2>/root/err || {
		echo "WRONG: guestram $*: exit $?"
		cat /root/err
		bad=1
	}
}

for wrong in --lie --flip-min-count --flip-node-arithmetic; do
	/bin/model_check $wrong 1 --sequences 100 --lazy 1
	status=$?
	[ $status = 1 ] || { echo "WRONG: with $wrong, exit $status"; bad=1; }
done
/bin/model_check "$@" || bad=1

expect "start" "0/0/0 0/0/0"
for node in 0 1; do
	echo 10 >/sys/devices/system/node/node$node/hugepages/$size/nr_hugepages
done
: >/root/holder.out # what an earlier one said does not count
/bin/holder 0 10 2M >/root/holder.out &
holder=$!
while ! grep -q ready /root/holder.out; do sleep 0.1; done
bound 0 10
bound 1 0
bound 0 10
kill $holder
wait $holder 2>/dev/null
expect "free pages that are surplus" "10/10/0 10/10/10"
bound 1 2
expect "surplus without pages" "10/10/0 2/2/10"
guestram reserve vm -m 40M --node 0 --keep-free 64M
expect "20 on node 0" "30/30/0 2/2/10"
guestram release vm
expect "given back" "10/10/0 2/2/10"
# A growth on that node makes it straight again.
guestram reserve vm -m 40M --node 1 --keep-free 64M
expect "20 on node 1" "10/10/0 22/22/0"
guestram release vm
expect "given back" "10/10/0 2/2/0"
echo 0 >$global/nr_hugepages
expect "end" "0/0/0 0/0/0"
exit $bad
