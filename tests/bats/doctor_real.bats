#!/usr/bin/env bats
# SPDX-License-Identifier: LGPL-2.1-or-later
# Failures made for real, by libvirt and QEMU on a host that tests/helpers/libvirt_world may break:
# their own words go into guestram doctor, with the domain or the command line, and the code of the
# cause has to be the first; with the cause taken away and the same words it must not be there.
# "E06 a" is cause a of row E06 in docs/doctor.md.

bats_require_minimum_version 1.5.0
load common

setup() {
	must_root
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	case $GUESTRAM in */*) GUESTRAM=$(realpath "$GUESTRAM") ;; esac
	export GUESTRAM
	command -v qemu-system-x86_64 >/dev/null || must_run "qemu-system-x86_64 is there"
	[ -d "$POOL2M" ] || must_run "there are pages of 2 MiB"
	before=
	cgroup=
	enabled=
}

teardown() {
	[ -z "$cgroup" ] || rmdir "$cgroup"
	[ -z "$enabled" ] || echo -hugetlb >"$enabled"
	[ -z "$before" ] || restore
}

# take_pools: the lock, and counts to come back to
take_pools() {
	lock_pools
	before=$(cat "$POOL2M/nr_hugepages" "$POOL2M/nr_overcommit_hugepages")
	[ "${before%%$'\n'*}" = 0 ] || must_run "the pool of 2 MiB is empty"
}

restore() {
	echo "${before%%$'\n'*}" >"$POOL2M/nr_hugepages"
	echo "${before##*$'\n'}" >"$POOL2M/nr_overcommit_hugepages"
}

# world: runs the script on standard input there; every check of it says ok, and their number is $1
world() {
	{ cat <<-'PRELUDE'
		p=/sys/kernel/mm/hugepages/hugepages-2048kB
		pool() { echo "$1" >$p/nr_hugepages; }
		memfd() { echo "memory-backend-memfd,id=${2-a},hugetlb=on,hugetlbsize=2M,size=$1"; }
		ask() { "$1" "$2" "$3" -- "${argv[@]}"; }
		short='unable to map backing store for guest RAM: Cannot allocate memory'
		touch='preallocating memory failed: Bad address'
		ram=(-m 64M -machine memory-backend=a -object)
	PRELUDE
	cat; } >"$BATS_TEST_TMPDIR/script"
	run "$TESTS/helpers/libvirt_world" "$BATS_TEST_TMPDIR/script"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok E' <<<"$output")" -eq "$1" ]
}

# a_cgroup: one with the hugetlb controller, in $cgroup
a_cgroup() {
	local top=/sys/fs/cgroup/unified
	[ -d $top ] || top=/sys/fs/cgroup
	grep -qw hugetlb $top/cgroup.controllers || must_run "version 2 has the hugetlb controller"
	if ! grep -qw hugetlb $top/cgroup.subtree_control; then
		echo +hugetlb >$top/cgroup.subtree_control
		enabled=$top/cgroup.subtree_control
	fi
	cgroup=$top/guestram-doctor-$$
	mkdir "$cgroup"
	export cgroup
}

needs_libvirt() {
	command -v libvirtd >/dev/null && command -v virsh >/dev/null || must_run "libvirtd is there"
}

@test "E06, E07: mounts that libvirt does not find" {
	needs_libvirt
	world 16 <<'END'
gone='Unable to find any usable hugetlbfs mount for'
none='hugetlbfs filesystem is not mounted or disabled by administrator config'
page() { ram "<hugepages><page size='$1' unit='KiB'/></hugepages>"; }

# E07: none at all, then one that came after the daemon.
start_daemon
domain "$(ram '<hugepages/>')"
refused "$none"
first "E07 a" GR130 --domain /mnt/d.xml
pages /mnt/2M pagesize=2M
never "E07 a" GR130 --domain /mnt/d.xml
refused "$none"
first "E07 b" GR131 --domain /mnt/d.xml
start_daemon
never "E07 b" GR131 --domain /mnt/d.xml

# E06: the mount has another size; sizes that this host does not have.
domain "$(page 1048576)"
refused "$gone 1048576 KiB"
first "E06 a" GR130 --domain /mnt/d.xml
pages /mnt/1G pagesize=1G
never "E06 a" GR130 --domain /mnt/d.xml
refused "$gone"
first "E06 b" GR131 --domain /mnt/d.xml
start_daemon
never "E06 b" GR131 --domain /mnt/d.xml
for size in 9 65536; do
	domain "$(page $size)"
	refused "$gone $size KiB"
	first "E06 d" GR133 --domain /mnt/d.xml
done
domain "$(page 2048)"
words=.
echo "none" >/mnt/words
never "E06 d" GR133 --domain /mnt/d.xml

# The list of qemu.conf: without this mount, empty, complete.
conf 'hugetlbfs_mount = [ "/mnt/1G" ]'
start_daemon
refused "$gone 2048 KiB"
first "E06 c" GR132 --domain /mnt/d.xml
conf 'hugetlbfs_mount = [ ]'
start_daemon
refused "$none"
first "E07 c" GR132 --domain /mnt/d.xml
conf 'hugetlbfs_mount = [ "/mnt/1G", "/mnt/2M" ]'
start_daemon
never "E07 c" GR132 --domain /mnt/d.xml

# One empty name: this libvirt does not come up.
conf 'hugetlbfs_mount = ""'
if ! start_daemon >/dev/null && grep -q "cannot determine filesystem for ''" /var/log/libvirt/daemon; then
	cp /var/log/libvirt/daemon /mnt/words
	words='cannot determine filesystem'
	first "E07 d" GR132
else
	echo "ok E07 d is not tried: this libvirt takes an empty name"
fi

# Mounted without a size, it is the default one's.
conf
umount /mnt/2M /mnt/1G
pages /mnt/default rw
start_daemon
domain "$(page 1048576)"
refused "$gone 1048576 KiB"
first "E06 f" GR130 --domain /mnt/d.xml
END
}

@test "E06 g: a mount that the daemon's name space lacks" {
	needs_libvirt
	world 2 <<'END'
pages /mnt/1G pagesize=1G
start_daemon unshare -m --propagation private
pages /mnt/2M pagesize=2M
domain "$(ram "<hugepages><page size='2' unit='MiB'/></hugepages>")"
refused 'Unable to find any usable hugetlbfs mount for 2048 KiB'
first "E06 g" GR135 --domain /mnt/d.xml
start_daemon
never "E06 g" GR135 --domain /mnt/d.xml
END
}

@test "E05, E08, E09, E28: what a domain may not say" {
	needs_libvirt
	world 32 <<'END'
pages /mnt/2M pagesize=2M
start_daemon
# wrong ROW CODE PATTERN HEAD [DEVICES]: refused, and explained alone (ALONE) and with the domain
wrong() {
	domain "$4" "${5-}"
	refused "$3"
	first "$1" "$alone"
	first "$1" "$2" --domain /mnt/d.xml
}
# right ROW CODE HEAD [DEVICES]: a correct domain, and the words are those of the one before
right() {
	domain "$3" "${4-}"
	never "$1" "$2" --domain /mnt/d.xml
	never "$1" "$alone" --domain /mnt/d.xml
}

alone=GR126
tune() { echo "<numatune><memory mode='strict' nodeset='$1'/></numatune>"; }
wrong "E05 a" GR126 'NUMA node 7 is unavailable' "$(ram "")$(tune 7)"
right "E05 a" GR126 "$(ram "")$(tune 0)"
max="<maxMemory slots='4' unit='MiB'>512</maxMemory>"
one="$(ram "" 64)$max<cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'/></numa></cpu>"
device() { echo "<memory model='$1'><target><size unit='MiB'>$2</size>$3</target></memory>"; }
wrong "E05 b" GR448 "can't add memory backend for guest node '5'" "$one" \
	"$(device dimm 32 '<node>5</node>')"

page() { ram "<hugepages><page size='2' unit='MiB' $1/></hugepages>"; }
alone=GR156
wrong "E08 a" GR440 'hugepages: node 1 not found' "$(page "nodeset='1'")"
wrong "E08 b" GR436 "hugepage size can't be zero" "$(ram "<hugepages><page size='0'/></hugepages>")"
wrong "E08 c" GR438 'two master hugepages detected' \
	"$(ram "<hugepages><page size='2' unit='MiB'/><page size='1' unit='GiB'/></hugepages>")"
right "E08 c" GR438 "$(page "")"
alone=GR157
wrong "E09 a" GR442 'not allowed with memory allocation ondemand' \
	"$(ram "<hugepages/><allocation mode='ondemand'/>")"
wrong "E09 b" GR441 'not allowed with anonymous memory source' \
	"$(ram "<hugepages/><source type='anonymous'/>")"
right "E09 b" GR441 "$(ram "<hugepages/><source type='memfd'/>")"

alone=GR154
node='<node>0</node>'
wrong "E28 a" GR446 "memory device when domain 'maxMemory' is not defined" "${one/$max/}" \
	"$(device dimm 32 "$node")"
wrong "E28 b" "GR44[78]" 'At least one numa node has to be configured' "$(ram "" 64)$max" \
	"$(device dimm 32 "$node")"
wrong "E28 c" GR448 'target NUMA node needs to be specified' "$one" "$(device dimm 32 "")"
virtio() { device virtio-mem 32 "$node<block unit='KiB'>$1</block><requested unit='KiB'>$2</requested>"; }
wrong "E28 e" GR448 'block size too small, must be at least' "$one" "$(virtio 64 0)"
wrong "E28 f" GR448 'requested size must be an integer multiple' "$one" "$(virtio 2048 3072)"
right "E28 f" GR448 "$one" "$(virtio 2048 4096)"
END
}

@test "E01: too few pages, and why" {
	take_pools
	world 24 <<'END'
pages /mnt/2M pagesize=2M
pages /mnt/small pagesize=2M,size=32M
qemu "${ram[@]}" "$(memfd 64M)"

# Never filled, too small, the count of a slip of units, overcommit, and enough.
dies "$short"
ask first "E01 a" GR101
pool 20
ask never "E01 a" GR101
dies "$short"
ask first "E01 b" GR103
pool 30
dies "$short"
ask first "E01 l" GR113
pool 0
echo 16 >$p/nr_overcommit_hugepages
dies "$short"
ask first "E01 m" GR114
echo 0 >$p/nr_overcommit_hugepages
pool 40
for code in GR103 GR113 GR114; do
	ask never "E01 b" $code
done
runs
end_vm

# In use, the VM's own need, promised.
qemu "${ram[@]}" "$(memfd 64M),prealloc=on"
runs
dies "$short"
ask first "E01 c" GR104
end_vm
ask never "E01 c" GR104
pool 32
qemu -m 32M -machine memory-backend=a -object "$(memfd 32M),prealloc=on"
runs
qemu "${ram[@]}" "$(memfd 64M)"
dies "$short"
ask first "E01 n" "*GR115"
end_vm
ask never "E01 n" GR115
pool 40
runs
dies "$short"
ask first "E01 d" GR105
end_vm
ask never "E01 d" GR105

# A limited mount, two pieces, another size.
file() { echo "memory-backend-file,id=a,size=64M,share=on,mem-path=$1"; }
qemu "${ram[@]}" "$(file /mnt/small)"
dies "$short"
ask first "E01 j" GR111
qemu "${ram[@]}" "$(file /mnt/2M)"
ask never "E01 j" GR111
runs
end_vm
qemu -m 128M -object "$(memfd 64M)" -object "$(memfd 64M b)" -numa node,memdev=a -numa node,memdev=b
dies "$short"
ask first "E01 k" GR112
pool 64
ask never "E01 k" GR112
pool 512
qemu -m 1G -machine memory-backend=a -object \
	memory-backend-memfd,id=a,hugetlb=on,hugetlbsize=1G,size=1G
dies "$short"
ask first "E01 e" GR106
pool 0
ask never "E01 e" GR106

# The hook without its x bit, and a boot that asked for more.
qemu "${ram[@]}" "$(memfd 64M)"
printf '#!/bin/sh\n' >/etc/libvirt/hooks/qemu
dies "$short"
ask first "E01 a" GR102
chmod +x /etc/libvirt/hooks/qemu
ask never "E01 a" GR102
mkdir -p /mnt/sysctl /etc/sysctl.d
mount --bind /mnt/sysctl /etc/sysctl.d
echo vm.nr_hugepages=64 >/mnt/sysctl/pages.conf
pool 16
dies "$short"
ask first "E01 f" GR107
rm /mnt/sysctl/pages.conf
ask never "E01 f" GR107
END
}

@test "E01 i, E02 b, E17: limits of the hugetlb controller, and pages that were not reserved" {
	take_pools
	a_cgroup
	world 10 <<'END'
pool 40
printf '#!/bin/sh\necho $$ >%s/cgroup.procs\nexec "$@"\n' "$cgroup" >/mnt/confine
chmod +x /mnt/confine
within=(/mnt/confine)
echo 32M >"$cgroup/hugetlb.2MB.rsvd.max"
qemu "${ram[@]}" "$(memfd 64M)"
dies "$short" /mnt/confine
ask first "E01 i" GR110
echo max >"$cgroup/hugetlb.2MB.rsvd.max"
ask never "E01 i" GR110
echo 2M >"$cgroup/hugetlb.2MB.max"
qemu "${ram[@]}" "$(memfd 64M),prealloc=on"
dies "$touch" /mnt/confine
ask first "E02 b" GR118
STOPPED= qemu "${ram[@]}" "$(memfd 64M)"
dies "Bus error" /mnt/confine bash -c '"$@"; exit $?' sh
ask first "E17 b" GR118
echo max >"$cgroup/hugetlb.2MB.max"
ask never "E17 b" GR118
runs /mnt/confine
end_vm
pool 0
STOPPED= qemu "${ram[@]}" "$(memfd 64M),reserve=off"
dies "Bus error" bash -c '"$@"; exit $?' sh
ask first "E17 a" GR152
STOPPED= qemu "${ram[@]}" "$(memfd 64M)"
ask never "E17 a" GR152
ask first "E17 a" GR101
pool 40
ask never "E17 a" GR101
runs
ask never "E17 a" GR152
end_vm
END
}

@test "E03, E04, E10 to E16: refused binding, paths, sizes and limits" {
	take_pools
	helper refuse
	export refuse=$BATS_FILE_TMPDIR/bin/refuse
	world 20 <<'END'
file() { echo "memory-backend-file,id=a,size=$2,share=on,mem-path=$1"; }
pages /mnt/2M pagesize=2M,mode=0700
pool 40

# A filter against mbind(): seen from inside, and on a VM that runs under it.
bind='cannot bind memory to host NUMA nodes'
qemu "${ram[@]}" memory-backend-ram,id=a,size=64M,policy=bind,host-nodes=0
dies "$bind: Operation not permitted" "$refuse" mbind
within=("$refuse" mbind)
ask first "E03 a" GR124
within=()
ask never "E03 a" GR124
qemu "${ram[@]}" memory-backend-ram,id=a,size=64M
runs "$refuse" mbind
first "E03 a" GR124 --pid "$vm"
end_vm
runs
never "E03 a" GR124 --pid "$vm"
end_vm
qemu -m 33M -machine memory-backend=a -object "$(file /mnt/2M 33M),policy=bind,host-nodes=0"
dies "$bind: Invalid argument"
ask first "E04 a" GR150
qemu -m 34M -machine memory-backend=a -object "$(file /mnt/2M 34M),policy=bind,host-nodes=0"
ask never "E04 a" GR150
runs
end_vm

# Paths: not for this user, absent, no hugetlbfs.
qemu "${ram[@]}" "$(file /mnt/2M 64M)"
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
dies "can't open backing store /mnt/2M for guest RAM: Permission denied" "${nobody[@]}"
ask first "E10 a" GR136
chmod 1777 /mnt/2M
ask never "E10 a" GR136
runs "${nobody[@]}"
end_vm
qemu -m 64M -mem-path /mnt/none/x
dies "can't open backing store /mnt/none/x for guest RAM: No such file or directory"
ask first "E11 b" GR140
mkdir /mnt/none
echo >/mnt/none/x
ask never "E11 b" GR140
mkdir /mnt/hugepages
qemu -m 64M -mem-path /mnt/hugepages
runs
echo >/mnt/words
words=.
first "E12 a" "GR139 GR141" --pid "$vm"
end_vm
pages /mnt/hugepages pagesize=2M
runs
never "E12 a" GR141 --pid "$vm"
end_vm

# Sizes.
qemu -m 3M -machine memory-backend=a -object "$(memfd 3M)"
dies "failed to resize memfd to 3145728: Invalid argument"
ask first "E13 a" GR406
qemu -m 4M -machine memory-backend=a -object "$(memfd 4M)"
ask never "E13 a" GR406
qemu -m 64M -machine memory-backend=a -object \
	memory-backend-memfd,id=a,hugetlb=on,hugetlbsize=4M,size=64M
dies "failed to create memfd with flags 0x[0-9a-f]*: No such device"
ask first "E13 b" GR133
qemu -m 1M -mem-path /mnt/2M
dies "memory size 0x100000 must be equal to or larger than page size 0x200000"
ask first "E14 a" GR151
qemu -m 2M -mem-path /mnt/2M
words=.
echo >/mnt/words
ask never "E14 a" GR151

# Limits of the process, and of the kernel itself: there only the words are real.
limit=(prlimit --as=2000000000)
qemu -m 4G
dies "cannot set up guest memory 'pc.ram': Cannot allocate memory" "${limit[@]}"
within=("${limit[@]}")
ask first "E15 b" GR162
within=()
ask never "E15 b" GR162
[ -c /dev/kvm ] || { echo "ok E16 a is not tried: no /dev/kvm" && exit 0; }
qemu -m 64M -accel kvm
dies "ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory" "$refuse" kvm
ask first "E16 a" "GR1[69][41]"
END
}

@test "E10 b: what libvirt's QEMU may not enter" {
	needs_libvirt
	world 4 <<'END'
export QEMU_USER=libvirt-qemu
conf
domain "$(ram '<hugepages/>')"
# Of the mount itself nothing is said beforehand: libvirt lets everybody pass there before a start.
pages /mnt/2M pagesize=2M,mode=0700
echo >/mnt/words
never "E10 a" GR136 --domain /mnt/d.xml
start_daemon
refused "unable to map backing store for guest RAM: Cannot allocate memory"
never "E10 a" GR136 --domain /mnt/d.xml
umount /mnt/2M
# A daemon under a strict umask makes directories that nobody else may enter.
pages /mnt/2M pagesize=2M,mode=1777
umask 077
start_daemon
umask 022
refused "can't open backing store /mnt/2M/libvirt/qemu/.* Permission denied"
first "E10 b" GR137 --domain /mnt/d.xml
chmod a+x /mnt/2M/libvirt /mnt/2M/libvirt/qemu
never "E10 b" GR137 --domain /mnt/d.xml
END
}

@test "E01 a by libvirt, from the log that it keeps" {
	needs_libvirt
	take_pools
	world 3 <<'END'
pages /mnt/2M pagesize=2M
start_daemon
domain "$(ram "<hugepages/>")"
refused "$short"
first "E01 a" GR101
first "E01 a" GR101 --domain /mnt/d.xml
pool 16
never "E01 a" GR101 --domain /mnt/d.xml
starts
END
}

@test "E21, E25, E29: hooks, postcopy and virsh allocpages" {
	needs_libvirt
	take_pools
	world 7 <<'END'
words=.
bash -c "echo '' >$p/nr_hugepages" >/mnt/words 2>&1 || :
first "E21 a" GR172
bash -c 'echo $(($MEMORY / 2048))' >/mnt/words 2>&1 || :
first "E21 b" GR172

# Between page sizes of 4 KiB and 2 MiB.
tell() { python3 -c '
import socket, sys, time
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
for command in sys.argv[2:]:
    monitor.sendall(command.encode() + b"\n")
    time.sleep(0.3)' "$@"; }
pool 40
qemu "${ram[@]}" "$(memfd 64M)" -monitor unix:/mnt/to,server,nowait -incoming unix:/mnt/way
"${argv[@]}" >/mnt/words 2>&1 </dev/null &
to=$!
qemu "${ram[@]}" memory-backend-ram,id=a,size=64M -monitor unix:/mnt/from,server,nowait
runs
tell /mnt/to "migrate_set_capability postcopy-ram on"
tell /mnt/from "migrate_set_capability postcopy-ram on" "migrate -d unix:/mnt/way"
timeout 30 tail --pid $to -f /dev/null
words="Postcopy needs matching RAM page sizes"
grep -q "$words" /mnt/words
first "E25 a" GR158
end_vm

# The words are libvirt's; the pool that cannot grow is a file that rounds down what is written.
start_daemon
virsh -r -c qemu:///system allocpages --pagesize 2M --pagecount 1 >/mnt/words 2>&1 || :
words="read only access prevents virNodeAllocPages"
grep -q "$words" /mnt/words
first "E29 b" GR175
group=/sys/fs/cgroup/memory/guestram-doctor-$$
mkdir $group || { echo "ok E29 a is not tried: no memory controller of version 1" && exit 0; }
of_node=/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages
mount --bind $group/memory.limit_in_bytes $of_node
vsh allocpages --pagesize 2M --pagecount 10000 --cellno 0 >/mnt/words 2>&1 || :
umount $of_node
rmdir $group
words="Unable to allocate 10000 pages. Allocated only 8192"
grep -q "$words" /mnt/words
first "E29 a" GR175
echo >/mnt/words
for row in "E29 a" "E21 a"; do
	never "$row" GR17
done
END
}

@test "E01 f, g, h, E02 a, E15 a, E22 a: in a test guest, whose memory may all be taken" {
	run "$TESTS/guest/run" --kernel 6.1 --nodes 2 --mem 2G --timeout 280 \
		--append "hugepagesz=2M hugepages=8 hugepagesz=2M hugepages=4 hugepagesz=3M hugepages=1" \
		--add "$GUESTRAM:/bin/guestram" \
		--add "$(command -v qemu-system-x86_64):/bin/qemu-system-x86_64" \
		"$TESTS/guest/scripts/doctor.sh"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok E' <<<"$output")" -eq 12 ]
}
