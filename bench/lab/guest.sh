#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Runs in the guest of the lab: brings the memory into one state, says so, and waits for a line. That is
# the moment at which the guest is saved. Whoever restores it sends the line; then the tools come from
# the first disk, past the page cache, and do what the line says.
#   guest.sh STATE
state=$1
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
part() { echo $(($(free_mib) * $1 / 100)); } # percent of what is free
clean() { dd if=/dev/vdb of=/dev/null bs=1M count="$1" 2>/dev/null; }
dirty() {
	echo 90 >/proc/sys/vm/dirty_ratio
	echo 90 >/proc/sys/vm/dirty_background_ratio
	echo 360000 >/proc/sys/vm/dirty_expire_centisecs
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	dd if=/dev/zero of=/dev/vdb bs=1M count="$1" seek=4096 conv=notrunc 2>/dev/null
}

# The cache of a device goes with its last opener.
exec 9<>/dev/vdb
case $state in
fresh) ;;
clean-cache) clean $(($(free_mib) - 40)) ;;
dirty-cache) dirty "$(part 40)" && clean $(($(free_mib) - 60)) ;;
movable-holes) hold movable $(($(free_mib) - 220)) 4 ;;
slab) hold names 1000000 && clean $(($(free_mib) - 60)) ;;
unmovable-sparse) hold unmovable $(($(free_mib) - 100)) 400 7 && hold movable $(($(free_mib) - 220)) 4 ;;
unmovable-dense) hold unmovable $(($(free_mib) - 100)) 1600 7 && hold movable $(($(free_mib) - 220)) 4 ;;
locked) hold locked $(($(free_mib) - 220)) 4 ;;
everything)
	mkswap /dev/vdc >/dev/null && swapon /dev/vdc || bad swap
	hold names 300000
	hold unmovable $(($(free_mib) - 100)) 400 7
	hold locked "$(part 20)" 4
	hold movable "$(part 60)" 4
	dirty "$(part 20)"
	clean $(($(free_mib) - 60))
	;;
*) bad "no such state: $state" ;;
esac
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
