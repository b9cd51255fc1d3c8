// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Everything between a VM and pages that are there: mounts, owners, nodes, cgroups, the shape of
 * the request, limits of memory, and devices passed through.
 */
#include "doctor_world.h"

#define DOMAIN(memory, backing, more)                                                              \
	"<domain type='kvm'><name>d</name><memory unit='MiB'>" memory                              \
	"</memory><memoryBacking>" backing "</memoryBacking>" more                                 \
	"<os><type arch='x86_64' machine='q35'>hvm</type></os>"                                    \
	"</domain>"
#define E06(kib) "error: internal error: Unable to find any usable hugetlbfs mount for " kib " KiB"
#define E10                                                                                        \
	"qemu-system-x86_64: can't open backing store /dev/hugepages/libvirt/qemu/1-d for guest "  \
	"RAM: Permission denied"
#define E15 "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory"

/* Only the default size is mounted, and a page of 1 GiB is asked for (C20). */
static void no_mount(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	POOL(dir, LARGE, -1, 16, 16);
	a = ask(dir, XML, DOMAIN("4096", "<hugepages><page size='1' unit='GiB'/></hugepages>", ""),
		E06("1048576"));
	expect_codes(&a, "GR130");
	expect(&a, "GR130", "16 of that size are free");
	expect(&a, "GR130", "Options=pagesize=1G");
	expect(&a, "GR130", "<source type='memfd'/>");
	expect(&a, "GR130", "/dev/hugepages has pages of 2 MiB");
	finish(&a);
	a = ask(dir, NOTHING, NULL, E06("1048576"));
	expect_codes(&a, "GR130");
	finish(&a);
	/* memfd needs none. */
	a = ask(dir, XML,
		DOMAIN("4096",
		       "<hugepages><page size='1' unit='GiB'/></hugepages>"
		       "<source type='memfd'/>",
		       ""),
		NULL);
	expect_none(&a, "GR130");
	finish(&a);
}

/* A GUI wrote the VM's memory as page size (C88). */
static void no_page_size(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	a = ask(dir, XML,
		DOMAIN("4096", "<hugepages><page size='4194304' unit='KiB'/></hugepages>", ""),
		E06("4194304"));
	expect(&a, "GR133", "4 GiB is not a page size");
	expect(&a, "GR133", "it is the VM's memory");
	expect_none(&a, "GR130");
	finish(&a);
	a = ask(dir, NOTHING, NULL, E06("9"));
	expect_codes(&a, "GR133");
	finish(&a);
}

static void mounted_late(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M MOUNT_1G);
	put_daemon(dir, MOUNT_2M MOUNT_1G);
	put_directory(dir, "dev/hugepages/libvirt/qemu/x", 0755);
	put_directory(dir, "dev/hugepages1G/x", 0755);
	a = ask(dir, NOTHING, NULL, E06("1048576"));
	expect_codes(&a, "GR131");
	expect(&a, "GR131", "virtqemud (pid 77) started before /dev/hugepages1G was mounted");
	finish(&a);
	/* What it made shows that it knows the other one. */
	a = ask(dir, NOTHING, NULL, E06("2048"));
	expect_codes(&a, "GR190");
	finish(&a);
	put_daemon(dir, MOUNT_2M);
	a = ask(dir, NOTHING, NULL, E06("1048576"));
	expect(&a, "GR135", "lacks /dev/hugepages1G");
	finish(&a);
}

static void disabled(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	temp_root_put(dir, "etc/libvirt/qemu.conf",
		      "# hugetlbfs_mount = \"/x\"\nhugetlbfs_mount = \"\"\n");
	a = ask(dir, NOTHING, NULL,
		"error: hugetlbfs filesystem is not mounted or disabled by administrator config");
	expect(&a, "GR132", "switched off");
	finish(&a);
	temp_root_put(dir, "etc/libvirt/qemu.conf",
		      "hugetlbfs_mount = [\n \"/mnt/other\", # x\n]\n");
	a = ask(dir, NOTHING, NULL, E06("2048"));
	expect(&a, "GR132", "add \"/dev/hugepages\"");
	finish(&a);
	/* A file that is broken is not one that says nothing. */
	temp_root_put(dir, "etc/libvirt/qemu.conf", "hugetlbfs_mount = [ \"/mnt\n");
	a = ask(dir, NOTHING, NULL, E06("2048"));
	expect(&a, "GR191", "which is malformed");
	finish(&a);
}

static void quota(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(
		dir,
		"30 20 0:30 / /dev/hugepages rw - hugetlbfs none rw,pagesize=2M,size=1073741824\n");
	POOL(dir, SMALL, -1, 4096, 4096);
	a = ask(dir, ARGV, "qemu-system-x86_64 -m 2G -mem-path /dev/hugepages -mem-prealloc", E01);
	expect_codes(&a, "GR111");
	finish(&a);
}

static void forbidden_mount(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	temp_root_put(dir, "etc/passwd",
		      "root:x:0:0::/:/bin/sh\nlibvirt-qemu:x:64055:104::/:/no\n");
	temp_root_put(dir, "etc/group", "kvm:x:104:\nhuge:x:999:libvirt-qemu,x\n");
	put_directory(dir, "dev/hugepages/libvirt/qemu/x", 0755);
	put_directory(dir, "dev/hugepages", 0700);
	a = ask(dir, NOTHING, NULL, E10);
	expect_codes(&a, "GR136");
	expect(&a, "GR136", "libvirt-qemu, may not enter /dev/hugepages");
	expect(&a, "GR136", "mode 0700");
	finish(&a);
	/* Asked before a start: only by who uses the mount. */
	POOL(dir, SMALL, -1, 2048, 2048);
	a = ask(dir, XML, DOMAIN("4096", "<hugepages/>", ""), NULL);
	expect_none(&a, "GR136"); /* libvirt lets everybody pass there before a start */
	finish(&a);
	put_directory(dir, "dev/hugepages/libvirt", 0750);
	a = ask(dir, XML, DOMAIN("4096", "<hugepages/>", ""), NULL);
	expect(&a, "GR137", "chmod a+x /dev/hugepages/libvirt /dev/hugepages/libvirt/qemu");
	finish(&a);
	a = ask(dir, XML, DOMAIN("4096", "<hugepages/><source type='memfd'/>", ""), NULL);
	expect_none(&a, "GR137");
	finish(&a);
	put_directory(dir, "dev/hugepages", 0755);
	put_directory(dir, "dev/hugepages/libvirt", 0750);
	a = ask(dir, NOTHING, NULL, E10);
	expect_codes(&a, "GR137");
	finish(&a);
	put_directory(dir, "dev/hugepages/libvirt", 0755);
	a = ask(dir, NOTHING, NULL, E10);
	expect_codes(&a, "GR190");
	finish(&a);
	temp_root_put(dir, "sys/fs/selinux/enforce", "1");
	a = ask(dir, NOTHING, NULL, E10);
	expect(&a, "GR191", "hugetlbfs_t");
	finish(&a);
}

/* Not a hugetlbfs; one is mounted elsewhere (C25). */
static void not_hugetlbfs(void **state)
{
	struct temp_root *dir = *state;
	const char *argv = "qemu-system-x86_64 -m 2G -mem-path /dev/hugepages";
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, "30 20 0:30 / /mnt/huge rw - hugetlbfs none rw,pagesize=2M\n");
	put_directory(dir, "dev/hugepages/x", 0755);
	a = ask(dir, NOTHING, NULL,
		"qemu: can't open backing store /dev/hugepages for guest RAM: Is a directory");
	expect_codes(&a, "GR139");
	expect(&a, "GR139", "/dev/hugepages is not a hugetlbfs");
	expect(&a, "GR139", "one is mounted at /mnt/huge");
	finish(&a);
	a = ask(dir, ARGV, argv, NULL);
	expect_codes(&a, "GR139 GR141");
	finish(&a);
	a = ask(dir, NOTHING, NULL,
		"qemu: can't open backing store /dev/none/x for guest RAM: No such file or "
		"directory");
	expect_codes(&a, "GR140");
	finish(&a);
	a = ask(dir, NOTHING, NULL, "qemu: Warning: path not on HugeTLBFS: /srv/x");
	expect_codes(&a, "GR141");
	finish(&a);
}

/* Node 1 lacks what node 0 has (C09). */
static void node_short(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	temp_root_put(dir, "sys/devices/system/node/node1/meminfo",
		      "Node 1 MemTotal: 33554432 kB\nNode 1 MemFree: 20000000 kB\n");
	POOL(dir, SMALL, -1, 2048, 2048);
	POOL(dir, SMALL, 0, 1290, 1290);
	POOL(dir, SMALL, 1, 758, 758);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 2048M -machine memory-backend=cell0 -object "
		"memory-backend-memfd,id=cell0,size=2048M,hugetlb=on,hugetlbsize=2M,prealloc=on,"
		"policy=bind,host-nodes=1",
		"qemu: qemu_prealloc_mem: preallocating memory failed: Bad address");
	expect_codes(&a, "GR117");
	expect(&a, "GR117", "node 1 is short of 266 pages of 2 MiB (has 758 free, need 1024)");
	expect(&a, "GR117", "2048 free in all would be enough");
	expect(&a, "GR117", "preallocating memory failed: Bad address");
	expect(&a, "GR117", "echo 1024 > /sys/devices/system/node/node0");
	expect(&a, "GR117", "echo 1024 > /sys/devices/system/node/node1");
	expect(&a, "GR117", "policy=preferred");
	finish(&a);
}

static void bad_node(void **state)
{
	struct temp_root *dir = *state;
	const char *argv = "qemu-system-x86_64 -m 2G -machine memory-backend=a -object "
			   "memory-backend-ram,id=a,size=2G,policy=bind,host-nodes=7";
	struct answer a;

	put_host(dir, 25600, 6000);
	a = ask(dir, ARGV, argv, "qemu: cannot bind memory to host NUMA nodes: Invalid argument");
	expect(&a, "GR126", "host node 7");
	finish(&a);
	a = ask(dir, NOTHING, NULL, "error: internal error: NUMA node 7 is unavailable");
	expect_codes(&a, "GR126");
	finish(&a);
}

static void put_process(struct temp_root *dir, const char *argv, const char *cgroup)
{
	put_host(dir, 25600, 6000);
	put_mounts(dir, "");
	temp_root_put(dir, "proc/900/stat",
		      "900 (qemu-system-x86) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
	temp_root_put(dir, "proc/900/cmdline", argv);
	temp_root_put(dir, "proc/900/cgroup", cgroup);
	temp_root_put(dir, "proc/900/status",
		      "Name:\tqemu\nSeccomp:\t2\nCapEff:\t0000000000000000\n");
	temp_root_put(
		dir, "proc/900/limits",
		"Limit                     Soft Limit           Hard Limit           Units\n"
		"Max locked memory         8388608              8388608              bytes\n"
		"Max address space         1073741824           unlimited            bytes\n");
}

/* cmdline files have NULs, which a test's text has not: one word does for QEMU's default. */
#define PLAIN "/usr/bin/qemu-system-x86_64"

/* The pool is fine, a cgroup allows nothing (C14). */
static void fault_limit(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, "");
	POOL(dir, SMALL, -1, 2048, 2048);
	temp_root_put(dir, "proc/self/cgroup", "0::/a/b\n");
	temp_root_put(dir, "sys/fs/cgroup/a/b/hugetlb.2MB.max", "0\n");
	temp_root_put(dir, "sys/fs/cgroup/a/b/hugetlb.2MB.current", "0\n");
	temp_root_put(dir, "sys/fs/cgroup/a/hugetlb.2MB.max", "max\n");
	a = ask(dir, ARGV,
		"cloud-hypervisor --memory size=4G,hugepages=on,hugepage_size=2M,prefault=on",
		"Bus error (core dumped)");
	expect_codes(&a, "GR118");
	expect(&a, "GR118", "cgroup /a/b allows 0 MiB of 2 MiB pages");
	expect(&a, "GR118", "the pool is fine");
	finish(&a);
	temp_root_put(dir, "sys/fs/cgroup/a/hugetlb.2MB.rsvd.max", "1073741824\n");
	a = ask(dir, ARGV,
		"cloud-hypervisor --memory size=4G,hugepages=on,hugepage_size=2M,prefault=on", E01);
	expect(&a, "GR110", "cgroup /a allows 1024 MiB");
	finish(&a);
}

/* A domain starts in machine.slice, whoever asks. */
static void machine_slice(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	POOL(dir, SMALL, -1, 2048, 2048);
	temp_root_put(dir, "sys/fs/cgroup/machine.slice/hugetlb.2MB.rsvd.max", "2097152\n");
	a = ask(dir, XML, DOMAIN("4096", "<hugepages/>", ""), E01);
	expect(&a, "GR110", "cgroup /machine.slice allows 2 MiB");
	finish(&a);
}

static void cpuset(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, "");
	temp_root_put(dir, "sys/devices/system/node/node1/meminfo",
		      "Node 1 MemTotal: 33554432 kB\nNode 1 MemFree: 20000000 kB\n");
	POOL(dir, SMALL, -1, 2048, 2048);
	POOL(dir, SMALL, 0, 1000, 1000);
	POOL(dir, SMALL, 1, 1048, 1048);
	temp_root_put(dir, "proc/self/cgroup", "0::/c\n");
	temp_root_put(dir, "sys/fs/cgroup/c/cpuset.mems.effective", "0\n");
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 4G -machine memory-backend=m -object "
		"memory-backend-memfd,id=m,size=4G,hugetlb=on,hugetlbsize=2M,prealloc=on",
		E01);
	expect(&a, "GR109", "allows nodes 0 only, and they are short of 1048 pages");
	finish(&a);
}

static void mbind_refused(void **state)
{
	struct temp_root *dir = *state;
	const char *message =
		"qemu: cannot bind memory to host NUMA nodes: Operation not permitted";
	struct answer a;

	put_process(dir, PLAIN, "0::/\n");
	a = ask(dir, PID, "900", message);
	expect(&a, "GR124", "Seccomp 2, no CAP_SYS_NICE");
	finish(&a);
	a = ask(dir, NOTHING, NULL, message);
	expect(&a, "GR191", "/proc/PID/status");
	finish(&a);
}

static void misaligned(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	/* C57 */
	put_host(dir, 25600, 6000);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 2047M -machine memory-backend=m -object "
		"memory-backend-memfd,id=m,size=2047M,hugetlb=on,hugetlbsize=2M",
		"qemu: failed to resize memfd to 2146435072: Invalid argument");
	expect(&a, "GR406", "2046M");
	expect(&a, "GR406", "2G");
	finish(&a);
	a = ask(dir, NOTHING, NULL, "qemu: failed to resize memfd to 2146435072: Invalid argument");
	expect_codes(&a, "GR150");
	expect(&a, "GR150", "2046M or 2G");
	finish(&a);
	a = ask(dir, NOTHING, NULL,
		"qemu: memory size 0x100000 must be equal to or larger than page size 0x200000");
	expect(&a, "GR151", "1 MiB, is less than one page of 2 MiB");
	finish(&a);
	/* A file is rounded up. */
	put_mounts(dir, MOUNT_2M);
	POOL(dir, SMALL, -1, 64, 64);
	a = ask(dir, ARGV, "qemu-system-x86_64 -m 3M -mem-path /dev/hugepages", NULL);
	expect(&a, "GR153", "takes 2 pages and wastes 1 MiB");
	expect_codes(&a, "");
	finish(&a);
}

/* Whatever the readers of a description note is passed on. */
static void notes(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	/* C49 */
	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	POOL(dir, SMALL, -1, 4096, 4096);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 3840M -object memory-backend-file,id=m0,size=768M,"
		"mem-path=/dev/hugepages,share=on -object memory-backend-ram,id=m1,size=3G "
		"-numa node,nodeid=0,memdev=m0 -numa node,nodeid=1,memdev=m1 "
		"-chardev socket,id=c,path=/tmp/s -netdev vhost-user,id=n,chardev=c",
		NULL);
	expect(&a, "GR421", "m1 (3 GiB)");
	finish(&a);
	/* C48 */
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 4G -machine memory-backend=m -object "
		"memory-backend-file,id=m,size=4G,mem-path=/dev/hugepages "
		"-device vfio-pci,host=01:00.0",
		NULL);
	expect(&a, "GR422", "twice the pages");
	finish(&a);
}

static void balloon(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 4096, 4096);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 4G -machine memory-backend=m -object "
		"memory-backend-memfd,id=m,size=4G,hugetlb=on,hugetlbsize=2M "
		"-device virtio-balloon,free-page-reporting=on",
		NULL);
	expect(&a, "GR155", "gives little back");
	finish(&a);
	a = ask(dir, NOTHING, NULL,
		"qemu: warning: Balloon used with backing page size > 4kiB, this may not be "
		"reliable");
	expect_codes(&a, "GR155");
	finish(&a);
}

static void commit(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 60000, 6000);
	put_mounts(dir, "");
	temp_root_put(dir, "proc/self/cgroup", "0::/\n");
	temp_root_put(dir, "proc/sys/vm/overcommit_memory", "2\n");
	a = ask(dir, ARGV, PLAIN " -m 32G", E15);
	expect_codes(&a, "GR161");
	expect(&a, "GR161", "CommitLimit 32 GiB, Committed_AS 1 GiB");
	finish(&a);
	temp_root_put(dir, "proc/sys/vm/overcommit_memory", "0\n");
	a = ask(dir, ARGV, PLAIN " -m 60G", E15);
	expect_codes(&a, "GR163");
	finish(&a);
	temp_root_put(dir, "sys/fs/cgroup/memory.max", "1073741824\n");
	a = ask(dir, ARGV, PLAIN " -m 4G", E15);
	expect(&a, "GR123", "memory.max is 1 GiB, the VM has 4 GiB");
	finish(&a);
	put_process(dir, PLAIN, "0::/x\n");
	temp_root_put(dir, "proc/900/limits",
		      "Max address space         1048576    unlimited   bytes\n");
	a = ask(dir, PID, "900", E15);
	expect(&a, "GR162", "Max address space 1 MiB");
	finish(&a);
}

static void contiguous(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 4000, 0);
	a = ask(dir, NOTHING, NULL, "ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory");
	expect_codes(&a, "GR164");
	expect(&a, "GR164", "0 free blocks of order 5");
	finish(&a);
}

static void poison(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 4000, 1000);
	temp_root_put(dir, "proc/meminfo",
		      "MemTotal: 8388608 kB\nMemFree: 4000000 kB\nMemAvailable: "
		      "4000000 kB\nHugepagesize: 2048 kB\nHardwareCorrupted: 4 kB\n");
	a = ask(dir, NOTHING, NULL, "error: kvm run failed Bad address");
	expect(&a, "GR165", "HardwareCorrupted 4 KiB");
	finish(&a);
}

/* Shared without a source: a file on a disk, which cannot be pinned (C61). */
static void unpinnable(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	a = ask(dir, XML,
		DOMAIN("4096", "<access mode='shared'/>",
		       "<devices><hostdev mode='subsystem' type='pci' "
		       "managed='yes'><source><address "
		       "domain='0' bus='1' slot='0' function='0'/></source></hostdev></devices>"
		       "<cpu><numa><cell id='0' cpus='0' memory='4194304' unit='KiB' "
		       "memAccess='shared'/></numa></cpu><vcpu>1</vcpu>"),
		"qemu: VFIO_MAP_DMA failed: Bad address");
	expect(&a, "GR166", "file-backed RAM cannot be pinned");
	expect(&a, "GR166", "add <source type='memfd'/>");
	finish(&a);
	a = ask(dir, NOTHING, NULL,
		"qemu: vfio_dma_map(0x1, 0x0, 0x80000000, 0x7f) = -14 (Bad address)");
	expect(&a, "GR191", "cannot be pinned");
	finish(&a);
}

static void memlock(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_process(dir, PLAIN, "0::/\n");
	a = ask(dir, PID, "900", "qemu: VFIO_MAP_DMA failed: Cannot allocate memory");
	expect_codes(&a, "GR167");
	expect(&a, "GR167", "Max locked memory 8 MiB, guest RAM 128 MiB");
	finish(&a);
	a = ask(dir, NOTHING, NULL,
		"kernel: vfio_pin_pages_remote: RLIMIT_MEMLOCK (65536) exceeded");
	expect(&a, "GR167", "64 KiB, as the message says");
	finish(&a);
	a = ask(dir, XML,
		DOMAIN("4096", "<source type='memfd'/>",
		       "<memtune><hard_limit unit='GiB'>4</hard_limit>"
		       "</memtune>"),
		"qemu: VFIO_MAP_DMA failed: Cannot allocate memory");
	expect(&a, "GR167", "hard_limit 4 GiB, memory 4 GiB");
	finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(no_mount),	     IN_TEMP_ROOT(no_page_size),
		IN_TEMP_ROOT(mounted_late),  IN_TEMP_ROOT(disabled),
		IN_TEMP_ROOT(quota),	     IN_TEMP_ROOT(forbidden_mount),
		IN_TEMP_ROOT(not_hugetlbfs), IN_TEMP_ROOT(node_short),
		IN_TEMP_ROOT(bad_node),	     IN_TEMP_ROOT(fault_limit),
		IN_TEMP_ROOT(machine_slice), IN_TEMP_ROOT(cpuset),
		IN_TEMP_ROOT(mbind_refused), IN_TEMP_ROOT(misaligned),
		IN_TEMP_ROOT(notes),	     IN_TEMP_ROOT(balloon),
		IN_TEMP_ROOT(commit),	     IN_TEMP_ROOT(contiguous),
		IN_TEMP_ROOT(poison),	     IN_TEMP_ROOT(unpinnable),
		IN_TEMP_ROOT(memlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
