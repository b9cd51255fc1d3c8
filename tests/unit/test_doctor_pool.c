// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Too few pages, and why: each cause once where it is the one, with its numbers, and the causes
 * beside it that must not be blamed.
 */
#include "doctor_world.h"

#define MEMFD_16G                                                                                  \
	"qemu-system-x86_64 -m 16G -machine q35,memory-backend=ram0 -object "                      \
	"memory-backend-memfd,id=ram0,size=16G,hugetlb=on,hugetlbsize=2M,prealloc=on"
#define DOMAIN_16G                                                                                 \
	"<domain type='kvm'><name>win</name><memory unit='KiB'>16777216</memory>"                  \
	"<memoryBacking><hugepages/></memoryBacking>"                                              \
	"<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"

/* A hook that nothing runs: not "out of memory" (C01). */
static void hook_without_x(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	temp_root_put(dir, "etc/libvirt/hooks/qemu", "#!/bin/sh\n");
	a = ask(dir, XML, DOMAIN_16G, E01);
	expect_codes(&a, "GR102 GR101");
	expect(&a, "GR102", "/etc/libvirt/hooks/qemu has no x bit");
	expect(&a, "GR102", "chmod +x /etc/libvirt/hooks/qemu");
	expect(&a, "GR101", "need 8,192 pages of 2 MiB (16 GiB); total 0, free 0");
	expect(&a, "GR101", "echo 8192 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	finish(&a);
}

static void never_filled(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR101");
	expect(&a, "GR101", "neither the boot line nor sysctl");
	finish(&a);
	/* Without a description as well: that holds for any VM. */
	a = ask(dir, NOTHING, NULL, E01);
	expect_codes(&a, "GR101");
	finish(&a);
}

/* Two lines, and the first is not the reason (C18). */
static void red_herring(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	a = ask(dir, NOTHING, NULL,
		"Failed to create /var/cache/x for shader cache (Permission "
		"denied)---disabling.\n" E01 "\n");
	expect_codes(&a, "GR101");
	assert_int_equal(a.log.other_count, 1);
	assert_non_null(strstr(a.log.others[0].why, "graphics"));
	finish(&a);
}

static void too_small(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 8000, 8000);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR103");
	expect(&a, "GR103", "8000 of the 8192");
	expect(&a, "GR103", "echo 8192 >");
	finish(&a);
}

/* The arithmetic of a delta: what others have stays, what is surplus is not written (C04). */
static void in_use(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 10000, 0, .surplus = 1000);
	temp_root_put(dir, "proc/500/status", "Name:\tqemu\nHugetlbPages:\t20480000 kB\n");
	temp_root_put(dir, "proc/500/stat",
		      "500 (qemu-kvm) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR104");
	expect(&a, "GR104", "10000 pages held by pid 500 (qemu-kvm)");
	expect(&a, "GR104", "echo 17192 >");
	finish(&a);
	/* Nobody is asked for: still, nothing is free. */
	a = ask(dir, NOTHING, NULL, E01);
	expect_codes(&a, "GR104");
	finish(&a);
}

/* A vhost target keeps the file of a VM that was killed (C50). */
static void deleted_file(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	POOL(dir, SMALL, -1, 2048, 0);
	temp_root_put(dir, "proc/1723/status", "Name:\tvhost\nHugetlbPages:\t 4194304 kB\n");
	temp_root_put(dir, "proc/1723/stat",
		      "1723 (vhost) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 500 0 0\n");
	temp_root_link(dir, "proc/1723/fd/61", "/dev/hugepages/qemu_back_mem.X (deleted)");
	a = ask(dir, ARGV, "qemu-system-x86_64 -m 4G -mem-path /dev/hugepages -mem-prealloc", E01);
	expect(&a, "GR104", "2048 pages held by pid 1723 (vhost), file");
	expect(&a, "GR104", "deleted");
	expect(&a, "GR115", "exactly this VM's need");
	finish(&a);
}

static void promised(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 9000, 9000, .reserved = 4000);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR105");
	expect(&a, "GR105", "free 9000, reserved 4000, surplus 0: short 3192");
	finish(&a);
}

static void other_size(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, LARGE, -1, 16, 16);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR106 GR101");
	expect(&a, "GR106", "hugetlbsize=1G");
	finish(&a);
}

static void partial(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 10);
	temp_root_put(dir, "proc/cmdline", "quiet hugepages=8192\n");
	POOL(dir, SMALL, -1, 3000, 3000);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR107 GR103");
	expect(&a, "GR107", "3000 of 8192");
	expect(&a, "GR107", "20 more could be had at once");
	finish(&a);
}

/* No state of this host has so many gigantic pages. */
static void gigantic(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 60000, 6000);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 63G -machine memory-backend=m -object "
		"memory-backend-memfd,id=m,size=63G,hugetlb=on,hugetlbsize=1G,prealloc=on",
		E01);
	expect(&a, "GR108", "63 are lacking");
	finish(&a);
}

static void overcommit(void **state)
{
	struct temp_root *dir = *state;
	const char *text =
		"qemu-system-x86_64 -m 8G -machine memory-backend=m -object "
		"memory-backend-memfd,id=m,size=8G,hugetlb=on,hugetlbsize=2M,prealloc=on";
	struct answer a;

	/* C54: 3000 pages fit into 1500 blocks of 4 MiB. */
	put_host(dir, 40000, 1500);
	POOL(dir, SMALL, -1, 0, 0, .overcommit = 8192);
	a = ask(dir, ARGV, text, E01);
	expect_codes(&a, "GR114");
	expect(&a, "GR114", "allowed 8192, obtainable now about 3000");
	finish(&a);
	POOL(dir, SMALL, -1, 1000, 0, .overcommit = 1200, .surplus = 1000);
	a = ask(dir, ARGV, text, E01);
	expect(&a, "GR114", "allowed 200,");
	finish(&a);
	/* Enough of both: no reason to complain. */
	put_host(dir, 40000, 6000);
	POOL(dir, SMALL, -1, 0, 0, .overcommit = 8192);
	a = ask(dir, ARGV, text, NULL);
	expect_codes(&a, "");
	finish(&a);
}

/* A count that ran below zero is 0, and said (C85). */
static void underflow(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 4096, 4096);
	temp_root_put(dir, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages",
		      "18446744073709551608\n");
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect(&a, "GR116", "reads 18446744073709551608, total 4096, free 4096");
	expect(&a, "GR103", "reserved 0");
	finish(&a);
}

static void unit_slip(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	/* 16 GB are 7629.4 pages of 2 MiB. */
	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 7630, 7630);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR113 GR103");
	expect(&a, "GR113", "GB was taken for GiB");
	finish(&a);
}

/* Two pieces, each of which would fit. */
static void double_need(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 3000, 3000);
	a = ask(dir, ARGV,
		"qemu-system-x86_64 -m 8G -smp 2 -object "
		"memory-backend-memfd,id=a,size=4G,hugetlb=on,"
		"hugetlbsize=2M,prealloc=on -object memory-backend-memfd,id=b,size=4G,hugetlb=on,"
		"hugetlbsize=2M,prealloc=on -numa node,nodeid=0,memdev=a -numa "
		"node,nodeid=1,memdev=b",
		E01);
	expect_codes(&a, "GR112 GR103");
	expect(&a, "GR112", "object a: 2048; object b: 2048");
	finish(&a);
}

static void floor_is_kept(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 8000, 2000);
	a = ask(dir, ARGV, MEMFD_16G, NULL);
	expect(&a, "GR170", "below the floor");
	finish(&a);
}

/* Enough pages: the message is old. */
static void nothing_there_now(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 8192, 8192);
	temp_root_put(dir, "proc/self/cgroup", "0::/\n");
	put_mounts(dir, "");
	a = ask(dir, ARGV, MEMFD_16G, NULL);
	expect_codes(&a, "");
	finish(&a);
	a = ask(dir, ARGV, MEMFD_16G, E01);
	expect_codes(&a, "GR191");
	finish(&a);
	a = ask(dir, NOTHING, NULL, "qemu: ioctl(KVM_CREATE_VM) failed: 12 Cannot allocate memory");
	expect(&a, "GR191", "fragmented at that moment");
	finish(&a);
}

/* 2048 pages are needed, and the VMM starts with 2000 (C13). */
static void unreserved(void **state)
{
	struct temp_root *dir = *state;
	const char *text = "cloud-hypervisor --memory size=4096M,hugepages=on,hugepage_size=2M";
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 2000, 2000);
	a = ask(dir, ARGV, text, NULL);
	expect(&a, "GR103", "need 2,048 pages of 2 MiB (4 GiB); total 2000, free 2000");
	expect(&a, "GR103", "short 48");
	expect(&a, "GR152", "prefault=on");
	finish(&a);
	POOL(dir, SMALL, -1, 2048, 2048);
	a = ask(dir, ARGV,
		"cloud-hypervisor --memory "
		"size=4096M,hugepages=on,hugepage_size=2M,prefault=on",
		NULL);
	expect_none(&a, "GR152");
	finish(&a);
	a = ask(dir, NOTHING, NULL, "kernel: PID 5 killed due to inadequate hugepage pool");
	expect(&a, "GR191", "without being reserved");
	finish(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(hook_without_x), IN_TEMP_ROOT(never_filled),
		IN_TEMP_ROOT(red_herring),    IN_TEMP_ROOT(too_small),
		IN_TEMP_ROOT(in_use),	      IN_TEMP_ROOT(deleted_file),
		IN_TEMP_ROOT(promised),	      IN_TEMP_ROOT(other_size),
		IN_TEMP_ROOT(partial),	      IN_TEMP_ROOT(gigantic),
		IN_TEMP_ROOT(overcommit),     IN_TEMP_ROOT(underflow),
		IN_TEMP_ROOT(unit_slip),      IN_TEMP_ROOT(double_need),
		IN_TEMP_ROOT(floor_is_kept),  IN_TEMP_ROOT(nothing_there_now),
		IN_TEMP_ROOT(unreserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
