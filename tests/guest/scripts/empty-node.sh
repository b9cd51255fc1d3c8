#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with three nodes, of which node 1 has no memory: it is listed, nothing can be
# reserved there, and pages for any node come from the others.
pool=/sys/kernel/mm/hugepages/hugepages-2048kB
node=/sys/devices/system/node/node
bad=0

wrong() {
	echo "WRONG: $*"
	bad=1
}
grep -q 'MemTotal: *0 kB' "${node}1/meminfo" || wrong "node 1 has memory"
guestram host --json >/root/host.json || wrong "host: exit $?"
[ "$(grep -c '^      "id": ' /root/host.json)" = 3 ] || wrong "host does not list three nodes"
guestram reserve vm -m 40M --node 1 --keep-free 64M 2>/root/err >/dev/null
[ $? = 2 ] || wrong "reserve on node 1: not exit 2"
grep -q "node 1" /root/err || wrong "the message does not name node 1: $(cat /root/err)"
grep -q hint /root/err || wrong "no hint"
guestram reserve vm -m 40M --node 2 --keep-free 64M >/dev/null || wrong "reserve on node 2: exit $?"
[ "$(cat ${node}2/hugepages/hugepages-2048kB/nr_hugepages)" = 20 ] || wrong "not on node 2"
guestram reserve any -m 800M --keep-free 64M >/dev/null || wrong "reserve anywhere: exit $?"
[ "$(cat $pool/nr_hugepages)" = 420 ] || wrong "$(cat $pool/nr_hugepages) pages in the pool"
guestram release any >/dev/null || wrong "release: exit $?"
guestram release vm >/dev/null || wrong "release: exit $?"
[ "$(cat $pool/nr_hugepages)" = 0 ] || wrong "pages are left"
[ $bad = 0 ] && echo "ok: a node without memory"
exit $bad
