#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest of the lab: brings the memory into one state, says so, and waits for a line. That is
# the moment at which the guest is saved. Whoever restores it sends the line; then the tools come from
# the first disk, past the page cache, and do what the line says.
#   guest.sh STATE PAGE-SIZE
state=$1 size=$2
bad() { echo "LAB-FAILED $*"; sleep 1; exit 1; }
kib() { awk -v k="$1:" '$1 == k { print $2 }' /proc/meminfo; }
free_mib() { echo $(($(kib MemFree) / 1024)); }

# fragment KIND MIB ARGS...: in the background, until it holds its state
holders=0
hold() {
	holders=$((holders + 1))
	/bin/fragment "$@" >/root/held.$holders 2>&1 &
	until grep -q ready /root/held.$holders; do
		kill -0 $! 2>/dev/null || bad "fragment $*: $(cat /root/held.$holders)"
		sleep 0.2
	done
}
# pick FOR-2M FOR-1G: what depends on the size of the ranges that are spoilt
pick() { if [ "$size" = 1G ]; then echo "$2"; else echo "$1"; fi; }
# all FOR-2M FOR-1G: what is free, but for so many MiB; a larger guest keeps more of it for itself
all() { echo $(($(free_mib) - $(pick "$1" "$2"))); }
part() { echo $(($(free_mib) * $1 / 100)); } # percent of what is free
clean() { dd if=/dev/vdb of=/dev/null bs=1M count="$1" 2>/dev/null; }
dirty() {
	echo 90 >/proc/sys/vm/dirty_ratio
	echo 90 >/proc/sys/vm/dirty_background_ratio
	echo 360000 >/proc/sys/vm/dirty_expire_centisecs
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	dd if=/dev/zero of=/dev/vdb bs=1M count="$1" seek=4096 conv=notrunc 2>/dev/null
}

# The kernel reclaims what is made here before it is ready, unless it keeps little for itself.
kept=$(cat /proc/sys/vm/min_free_kbytes) boost=$(cat /proc/sys/vm/watermark_boost_factor)
echo 8192 >/proc/sys/vm/min_free_kbytes
echo 0 >/proc/sys/vm/watermark_boost_factor
# The cache of a device goes with its last opener.
exec 9<>/dev/vdb
case $state in
fresh) ;;
clean-cache) clean "$(all 40 120)" ;;
dirty-cache) dirty "$(part 40)" && clean "$(all 60 160)" ;;
movable-holes) hold movable "$(all 220 500)" 4 ;;
slab) hold names "$(pick 600000 1200000)" "$(all 40 80)" && clean "$(all 60 160)" ;;
unmovable-sparse) hold unmovable "$(all 60 120)" "$(pick 400 4)" 7 && hold movable "$(all 220 500)" 4 ;;
unmovable-dense) hold unmovable "$(all 60 120)" "$(pick 1600 12)" 7 && hold movable "$(all 220 500)" 4 ;;
locked) hold locked "$(all 220 500)" 4 ;;
everything)
	mkswap /dev/vdc >/dev/null && swapon /dev/vdc || bad swap
	hold names 300000 "$(all 40 80)"
	hold unmovable "$(all 60 120)" "$(pick 400 4)" 7
	hold locked "$(part 20)" 4
	hold movable "$(part 60)" 4
	dirty "$(part 20)"
	clean "$(all 60 160)"
	;;
*) bad "no such state: $state" ;;
esac
echo "$kept" >/proc/sys/vm/min_free_kbytes
echo "$boost" >/proc/sys/vm/watermark_boost_factor
sleep 2 # what the last program freed comes home
echo "LAB-READY $(kib MemTotal) $(kib MemAvailable)"
read -r line </dev/console
mkdir -p /lab
mount -t tmpfs lab /lab
dd if=/dev/vda iflag=direct bs=1M 2>/dev/null | tar -x -C /lab || bad tools
echo "LAB-BEGIN"
# shellcheck disable=SC2086 # words
/lab/probe $line 2>/lab/err
echo "LAB-END"
