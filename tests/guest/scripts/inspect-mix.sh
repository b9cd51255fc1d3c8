#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# In a test guest with two nodes, a page of 1 GiB, pages of 2 MiB and a disk to swap to: memory that
# /bin/mixer makes, as /bin/look sees it. Folios are read from this kernel's own flags; nodes from
# numa_maps, and by frame number once more. Prints "ok: NAME" for each mix that is equal to the
# byte; exits 1 if one is not. The argument is the disk.
bad=0
THP=/sys/kernel/mm/transparent_hugepage

check() { # NAME...
	rm -f /tmp/hold && mkfifo /tmp/hold
	/bin/mixer "$@" </tmp/hold >/tmp/mixes 2>/tmp/why &
	pid=$!
	exec 7>/tmp/hold
	tries=0
	until grep -q '^ready' /tmp/mixes; do
		if ! kill -0 $pid 2>/dev/null || [ $((tries += 1)) -gt 300 ]; then
			echo "WRONG: $*: $(cat /tmp/why)"
			bad=1
			exec 7>&-
			return
		fi
		sleep 0.1
	done
	/bin/look --exact $pid >/tmp/looked 2>&1
	while read -r name want; do
		if [ "$name" = ready ]; then
			continue
		elif grep -qFx -- "$want" /tmp/looked; then
			echo "ok: $name"
		else
			echo "WRONG: $name: $want"
			grep "^${want%% *} " /tmp/looked
			bad=1
		fi
	done </tmp/mixes
	for line in 'nodes add up: yes' 'oracles: agree'; do
		grep -qx "$line" /tmp/looked || { echo "WRONG: $*: $(tail -n 2 /tmp/looked)" && bad=1; }
	done
	exec 7>&-
	wait $pid
}

mkswap "$1" >/dev/null && swapon "$1" || { echo "WRONG: no swap on $1" && bad=1; }
check base sparse zero private-file
check thp mixed thp-torn
check shmem shmem-thp shmem-askew twice
check locked locked-twice
check hugetlb hugetlb-twice hugetlb-anonymous
check hugetlb-1g
check swapped swapped-shmem
if [ -w $THP/hugepages-64kB/enabled ]; then
	echo madvise >$THP/hugepages-64kB/enabled
	check mthp
fi
exit $bad
