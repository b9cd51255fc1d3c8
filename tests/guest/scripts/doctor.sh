#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# QEMU fails in this guest for causes that a machine in use may not be given: two nodes, one of them
# without pages; a pool that asks for more than there is memory; the strict rule of overcommit; a
# boot line with mistakes. Its words, and the kernel's, go into guestram doctor, and the code of the
# cause has to be the first; with the cause gone and the same words it must not be there. Prints
# "ok ROW CODE" for each check. Needs busybox, QEMU (which runs no firmware here) and guestram.
set -u

failed=0
P=/sys/kernel/mm/hugepages/hugepages-2048kB
NODES=/sys/devices/system/node
SIZE=hugepages/hugepages-2048kB
touch='preallocating memory failed: Bad address'
short='unable to map backing store for guest RAM: Cannot allocate memory'

wrong() {
	echo "WRONG: $1"
	cat /tmp/words /tmp/found 2>/dev/null
	failed=1
}

# dies PATTERN QEMU-ARGS...: it fails with that in /tmp/words
dies() {
	pattern=$1
	shift
	timeout 60 qemu-system-x86_64 -M none -display none "$@" >/tmp/words 2>&1 </dev/null
	grep -q "$pattern" /tmp/words || wrong "no '$pattern'"
}

# codes ARGS...
codes() {
	timeout 60 guestram doctor --json --log /tmp/words "$@" >/tmp/found
	sed -n 's/.*"code": *"\(GR[0-9]*\)".*/\1/p' /tmp/found | tr '\n' ' '
}

# first ROW CODE [QEMU-ARGS...]
first() {
	row=$1 code=$2
	shift 2
	found=$(codes ${1+-- qemu-system-x86_64 "$@"})
	case $found in
	"$code"*) echo "ok $row $code" ;;
	*) wrong "$row: $code wanted, found: $found" ;;
	esac
}

# never ROW CODE [QEMU-ARGS...]
never() {
	row=$1 code=$2
	shift 2
	found=$(codes ${1+-- qemu-system-x86_64 "$@"})
	case " $found" in
	*" $code"*) wrong "$row: $code in: $found" ;;
	*) echo "ok $row without $code" ;;
	esac
}

# The boot line names a size twice, and one that there is not (E22).
dmesg >/tmp/words
grep HugeTLB /tmp/words
first "E22 a" GR173
grep -v HugeTLB: /tmp/words >/tmp/others
mv /tmp/others /tmp/words
never "E22 a" GR173

# Bound to node 1, which has none (E02 a); 40 pages are free on node 0.
echo 40 >$NODES/node0/$SIZE/nr_hugepages
set -- -m 64M -machine memory-backend=a \
	-object memory-backend-memfd,id=a,size=64M,hugetlb=on,hugetlbsize=2M,prealloc=on,policy=bind,host-nodes=1
dies "$touch" "$@"
first "E02 a" GR117 "$@"
echo 40 >$NODES/node1/$SIZE/nr_hugepages
never "E02 a" GR117 "$@"

# A cpuset that hides the node with the pages (E01 h, which shows at the touch).
echo 0 >$NODES/node0/$SIZE/nr_hugepages
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/vm
echo 0 >/sys/fs/cgroup/vm/cpuset.mems
set -- -m 64M -machine memory-backend=a \
	-object memory-backend-memfd,id=a,size=64M,hugetlb=on,hugetlbsize=2M,prealloc=on
echo $$ >/sys/fs/cgroup/vm/cgroup.procs
dies "$short\|$touch" "$@"
first "E01 h" GR109 "$@"
echo $$ >/sys/fs/cgroup/cgroup.procs
never "E01 h" GR109 "$@"
echo 0 >$P/nr_hugepages

# A size that the host could have at boot only (E01 g).
set -- -m 8G -machine memory-backend=a \
	-object memory-backend-memfd,id=a,size=8G,hugetlb=on,hugetlbsize=1G
dies "$short" "$@"
first "E01 g" GR108 "$@"
set -- -m 64M -machine memory-backend=a \
	-object memory-backend-memfd,id=a,size=64M,hugetlb=on,hugetlbsize=2M
never "E01 g" GR108 "$@"

# More than there is: sysctl asked, and got a part (E01 f).
mkdir -p /etc
echo "vm.nr_hugepages = 100000" >/etc/sysctl.conf
echo 400 >$P/nr_hugepages
set -- -m 1G -machine memory-backend=a \
	-object memory-backend-memfd,id=a,size=1G,hugetlb=on,hugetlbsize=2M
dies "$short" "$@"
first "E01 f" GR107 "$@"
rm /etc/sysctl.conf
never "E01 f" GR107 "$@"
echo 0 >$P/nr_hugepages

# The strict rule of overcommit (E15 a).
set -- -m 6G
echo 2 >/proc/sys/vm/overcommit_memory
dies "cannot set up guest memory" "$@"
first "E15 a" GR161 "$@"
echo 0 >/proc/sys/vm/overcommit_memory
never "E15 a" GR161 "$@"

exit $failed
