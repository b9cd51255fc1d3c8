#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The ways to get huge pages that are compared: contender.sh NAME PAGE-KIB PAGES.
# shellcheck source=bench/lab/program.sh
. /lab/program
name=$1 kib=$2 pages=$3
pool=/sys/kernel/mm/hugepages/hugepages-${kib}kB/nr_hugepages
have() { cat "$pool"; }
# Until as many rounds in a row brought nothing
until_stuck() { # ROUNDS COMMAND
	stuck=0
	while [ "$(have)" -lt "$pages" ] && [ $stuck -lt "$1" ]; do
		before=$(have)
		$2
		echo "$pages" >"$pool"
		if [ "$(have)" -gt "$before" ]; then stuck=0; else stuck=$((stuck + 1)); fi
	done
}
compact() { echo 1 >/proc/sys/vm/compact_memory; }
everything() {
	for node in /sys/devices/system/node/node[0-9]*/compact; do echo 1 >"$node"; done
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache"; done
	[ "$(awk '/^SwapFree/ { print $2 }' /proc/meminfo)" = 0 ] ||
		echo "$((pages * kib / 4))K" >/sys/fs/cgroup/memory.reclaim
	compact
} 2>/dev/null

case $name in
plain) echo "$pages" >"$pool" ;;
rewrite) until_stuck 3 : ;;
compact-loop)
	# The hook that everybody copies tries a thousand times; 60 s are allowed here.
	end=$(($(date +%s) + 60)) i=0
	while [ "$(have)" -lt "$pages" ] && [ $i -lt 1000 ] && [ "$(date +%s)" -lt $end ]; do
		compact
		echo "$pages" >"$pool"
		i=$((i + 1))
	done
	;;
drop-caches)
	sync
	echo 3 >/proc/sys/vm/drop_caches
	compact
	echo "$pages" >"$pool"
	;;
hugeadm) program hugeadm --pool-pages-min "${kib}K:$pages" --hard ;;
proxmox)
	set -- /sys/devices/system/node/node[0-9]*
	for node; do
		file=$node/hugepages/hugepages-${kib}kB
		need=$((pages / $#))
		free=$(cat "$file/free_hugepages")
		[ "$free" -ge $need ] || echo $(($(cat "$file/nr_hugepages") + need - free)) >"$file/nr_hugepages"
	done
	;;
guestram | guestram-most)
	[ $name = guestram ] || pages=$(awk -v k="$kib" '$1 == "MemTotal:" { print int($2 / k) }' /proc/meminfo)
	program guestram reserve lab -m "$((pages * kib / 1024))M" -p "${kib}K" --partial --keep-free $KEEP_FREE \
		--json $GUESTRAM_OPTIONS >/lab/report
	;;
exhaustive)
	echo "$pages" >"$pool"
	until_stuck 3 everything
	;;
*) exit 2 ;;
esac
