// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host without a question, and messages that mean one thing: each finding once with its cause
 * there, and a clean host without any.
 */
#include "doctor_world.h"
#include "doctor/messages.h"

static struct answer look(struct temp_root *dir)
{
	return ask(dir, NOTHING, NULL, NULL);
}

static void clean_host(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	a = look(dir);
	expect_codes(&a, "");
	finish(&a);
}

/* 120 x 1 GiB of 125 GiB, 76 MiB left (C34). */
static void below_floor(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 76, 0);
	temp_root_put(dir, "proc/meminfo",
		      "MemTotal: 131072000 kB\nMemFree: 50000 kB\nMemAvailable: 77824 kB\n"
		      "Hugepagesize: 2048 kB\nHugetlb: 125829120 kB\n");
	POOL(dir, LARGE, -1, 120, 0);
	a = look(dir);
	expect(&a, "GR230", "76 MiB available, below the floor of 6,400 MiB");
	expect(&a, "GR230", "MemTotal 125 GiB, of which huge pages have 120 GiB");
	finish(&a);
}

/* 48, 48 and 15 GiB reserved, 32, 16 and 11 used (C77). */
static void stranded(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	temp_root_put(dir, "proc/meminfo",
		      "MemTotal: 134217728 kB\nMemFree: 26214400 kB\n"
		      "MemAvailable: 26214400 kB\nHugepagesize: 2048 kB\n");
	POOL(dir, SMALL, -1, 24576, 8192);
	POOL(dir, "32768kB", -1, 1536, 1024);
	POOL(dir, LARGE, -1, 15, 4);
	a = look(dir);
	expect(&a, "GR231", "52 GiB lie in pools");
	expect(&a, "GR231",
	       "16 GiB: 8192 free pages of 2 MiB; 32 GiB: 1024 free pages of 32 MiB; "
	       "4 GiB: 4 free pages of 1 GiB");
	finish(&a);
}

/* 200 x 2 MiB and 2 x 1 GiB are 2506752 kB (C78). */
static void identity(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	temp_root_put(dir, "proc/meminfo",
		      "MemTotal: 67108864 kB\nMemFree: 26214400 kB\n"
		      "MemAvailable: 26214400 kB\nHugepagesize: 2048 kB\nHugetlb: 2506752 kB\n");
	POOL(dir, SMALL, -1, 200, 0);
	POOL(dir, LARGE, -1, 2, 0);
	a = look(dir);
	expect_none(&a, "GR232");
	finish(&a);
	POOL(dir, LARGE, -1, 1, 0);
	a = look(dir);
	expect(&a, "GR232", "pools add up to 1458176 kB, Hugetlb says 2506752 kB");
	finish(&a);
}

static void hook_mode(void **state)
{
	struct temp_root *dir = *state;
	char full[512];
	struct answer a;

	put_host(dir, 25600, 6000);
	temp_root_put(dir, "etc/libvirt/hooks/qemu.d/10-pages", "#!/bin/sh\n");
	a = look(dir);
	expect(&a, "GR233", "/etc/libvirt/hooks/qemu.d/10-pages has no x bit");
	finish(&a);
	temp_root_path(dir, "etc/libvirt/hooks/qemu.d/10-pages", full, sizeof(full));
	chmod(full, 0755);
	a = look(dir);
	expect_none(&a, "GR233");
	finish(&a);
}

static void mounts(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_mounts(dir, MOUNT_2M);
	POOL(dir, SMALL, -1, 8, 8);
	POOL(dir, LARGE, -1, 2, 2);
	put_daemon(dir, MOUNT_2M);
	put_directory(dir, "dev/hugepages/x", 0755);
	a = look(dir);
	expect(&a, "GR234", "pages of 1 GiB and no hugetlbfs mount");
	expect(&a, "GR235", "does not know the mount /dev/hugepages");
	finish(&a);
	put_directory(dir, "dev/hugepages/libvirt/qemu/x", 0755);
	a = look(dir);
	expect_none(&a, "GR235");
	finish(&a);
}

/* 14 were asked for, 13 are there (C33); and words that count for nothing (C29). */
static void boot(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	temp_root_put(dir, "proc/cmdline", "hugepagesz=1G hugepages=14\n");
	POOL(dir, LARGE, -1, 13, 0);
	a = look(dir);
	expect(&a, "GR236", "asked 14, got 13 pages of 1 GiB");
	expect_none(&a, "GR237");
	finish(&a);
	temp_root_put(dir, "proc/cmdline",
		      "hugepagesz=1G hugepagesz=2M hugepages=24 hugepages=768\n");
	POOL(dir, SMALL, -1, 24, 0);
	a = look(dir);
	expect_none(&a, "GR236");
	expect(&a, "GR237", "hugepages=768: a second count for the same size");
	finish(&a);
}

/* C74 */
static void thp(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	temp_root_put(dir, "sys/kernel/mm/transparent_hugepage/defrag",
		      "[always] defer defer+madvise madvise never\n");
	temp_root_put(dir, "proc/vmstat",
		      "compact_stall 100000\ncompact_fail 90000\ncompact_success 10000\n");
	a = look(dir);
	expect(&a, "GR238", "compact_stall 100000, compact_fail 90000, compact_success 10000");
	expect(&a, "GR238", "echo defer+madvise");
	finish(&a);
	temp_root_put(dir, "sys/kernel/mm/transparent_hugepage/defrag",
		      "always defer [defer+madvise] madvise never\n");
	a = look(dir);
	expect_none(&a, "GR238");
	finish(&a);
}

/* C75, C54: said, and no reason for an exit code. */
static void told(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 1500);
	temp_root_put(dir, "sys/module/kvm/parameters/nx_huge_pages", "Y\n");
	POOL(dir, SMALL, -1, 0, 0, .overcommit = 8192);
	a = look(dir);
	expect_codes(&a, "");
	expect(&a, "GR239", "nx_huge_pages of the module kvm is Y");
	expect(&a, "GR240", "allowed 8192, obtainable now about 3000");
	finish(&a);
}

/* A count that ran below zero comes from the ledger's side (C85), surplus is explained (C80). */
static void ledger(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	POOL(dir, SMALL, -1, 4096, 0, .surplus = 4096);
	POOL(dir, SMALL, 0, 4096, 0, .surplus = 4096);
	temp_root_put(dir, "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages",
		      "18446744073709551608\n");
	a = look(dir);
	expect(&a, "GR508", "18446744073709551608");
	expect(&a, "GR505", "surplus");
	finish(&a);
}

/* Leases that this user may not read are not leases that are absent. */
static void forbidden_ledger(void **state)
{
	struct temp_root *dir = *state;
	bool root = geteuid() == 0;
	struct answer a;

	put_host(dir, 25600, 6000);
	put_directory(dir, "run/guestram/leases", 0700);
	put_directory(dir, "run/guestram", root ? 0700 : 0);
	assert_int_equal(chmod(dir->path, 0755), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	a = look(dir);
	if (root)
		assert_int_equal(seteuid(0), 0);
	put_directory(dir, "run/guestram", 0700);
	expect(&a, "GR248", "cannot be read by this user");
	finish(&a);
}

/* Messages that say it themselves, on a host that has nothing to add. */
static void one_meaning(void **state)
{
	static const struct {
		const char *line, *code;
	} rows[] = {
		{ "error: hugepages: node 2 not found", "GR156" },
		{ "error: unsupported configuration: hugepages are not allowed with anonymous "
		  "memory source",
		  "GR157" },
		{ "HugeTLB: allocating 14 of page size 1.00 GiB failed.  Only allocated 13 "
		  "hugepages.",
		  "GR173" },
		{ "HugeTLB: hugepagesz=1G specified twice, ignoring", "GR173" },
		{ "HugeTLB: unsupported hugepagesz=3M", "GR173" },
		{ "HugeTLB: hugetlb_cma is enabled, skip boot time allocation", "GR173" },
		{ "error: Memory backing with 1M pages was specified, but", "GR160" },
		{ "EAL: No free hugepages reported in hugepages-1048576kB", "GR174" },
		{ "qemu: Mismatched RAM page size pc.ram (local) 4096 != 2097152", "GR158" },
		{ "Cannot restore hugetlbfs backed snapshot by mapping the memory file. Please use "
		  "uffd.",
		  "GR159" },
		{ "error: cannot use/hotplug a memory device when domain 'maxMemory' is not "
		  "defined",
		  "GR154" },
		{ "error: Unable to allocate 3500 pages. Allocated only 3064", "GR175" },
		{ "hook: line 9: echo: write error: Invalid argument", "GR172" },
		{ "your system doesn't support hugepages of 1G", "GR171" },
		{ "virtio-mem-device-early: load failed", "GR122" },
		{ "qemu: backing store size 0x1 does not match 'size' option 0x2", "GR120" },
		{ "ERROR HandleRequest(InvalidParam)", "GR176" },
	};
	struct temp_root *dir = *state;

	put_host(dir, 25600, 6000);
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct answer a = ask(dir, NOTHING, NULL, rows[i].line);

		expect_codes(&a, rows[i].code);
		expect(&a, rows[i].code, rows[i].line);
		finish(&a);
	}
}

static void unknown_message(void **state)
{
	struct temp_root *dir = *state;
	struct answer a;

	put_host(dir, 25600, 6000);
	a = ask(dir, NOTHING, NULL, "qemu: the moon: no such file");
	expect_codes(&a, "GR192");
	finish(&a);
	a = ask(dir, NOTHING, NULL, "all is well\n");
	expect(&a, "GR193", "what was read");
	expect_codes(&a, "");
	finish(&a);
}

/* Every row can be explained: by causes, or by itself; and its own pattern finds it or one before.
 */
static void rows_are_whole(void **state)
{
	const struct gr_message *message;
	size_t count = 0;

	for (; (message = gr_message_at(count)); count++) {
		assert_true(message->causes[0] || message->code);
		assert_true(!message->code || (message->cause && message->remedy));
		assert_non_null(message->patterns[0]);
		assert_true(strlen(message->row) == 3 && message->row[0] == 'E');
		/* Without a code of its own nothing would be said of a domain that shows nothing. */
		assert_true(!message->in_domain || (message->code && message->causes[0]));
	}
	assert_true(count > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(clean_host),     IN_TEMP_ROOT(below_floor),
		IN_TEMP_ROOT(stranded),	      IN_TEMP_ROOT(identity),
		IN_TEMP_ROOT(hook_mode),      IN_TEMP_ROOT(mounts),
		IN_TEMP_ROOT(boot),	      IN_TEMP_ROOT(thp),
		IN_TEMP_ROOT(told),	      IN_TEMP_ROOT(ledger),
		IN_TEMP_ROOT(one_meaning),    IN_TEMP_ROOT(unknown_message),
		IN_TEMP_ROOT(rows_are_whole), IN_TEMP_ROOT(forbidden_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
