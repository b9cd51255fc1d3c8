// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages that are spoken for, on a captured host: leases, and declared owners with and without a
 * process; and who holds pages, as far as a capture shows it. Nothing is ever written to a pool.
 */
#include "temp_root.h"

#include "base/size.h"
#include "base/util.h"
#include "lease/ledger.h"
#include "lease/reconcile.h"

#define BOOT "11111111-2222-3333-4444-555555555555"
#define SMALL (2 * GR_MIB)

static void put_u64(struct temp_root *dir, const char *path, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	temp_root_put(dir, path, text);
}

static void put_pool(struct temp_root *dir, int node, uint64_t total, uint64_t free_pages)
{
	static const char *const files[] = { "nr_hugepages", "free_hugepages", "surplus_hugepages",
					     "resv_hugepages" };
	const uint64_t values[] = { total, free_pages, 0, 0 };
	char path[128];

	for (size_t i = 0; i < GR_ARRAY_SIZE(files) - (node >= 0); i++) {
		assert_int_equal(gr_pool_path(SMALL, node, files[i], path, sizeof(path)), 0);
		put_u64(dir, path, values[i]);
	}
}

/* Two nodes of 100 pages; 20 are in use on node 0, 30 on node 1. */
static void put_host(struct temp_root *dir)
{
	temp_root_put(dir, "proc/meminfo",
		      "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 4194304 kB\n"
		      "Hugepagesize: 2048 kB\n");
	temp_root_put(dir, "proc/sys/kernel/random/boot_id", BOOT "\n");
	for (int node = 0; node < 2; node++) {
		char path[64], text[128];

		snprintf(path, sizeof(path), "sys/devices/system/node/node%d/meminfo", node);
		snprintf(text, sizeof(text),
			 "Node %d MemTotal: 4194304 kB\nNode %d MemFree: 2 kB\n", node, node);
		temp_root_put(dir, path, text);
	}
	put_pool(dir, -1, 200, 150);
	put_pool(dir, 0, 100, 80);
	put_pool(dir, 1, 100, 70);
}

static void put_process(struct temp_root *dir, int pid, const char *comm, uint64_t hugetlb_kib,
			const char *numa_maps)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/stat", pid);
	snprintf(text, sizeof(text),
		 "%d (%s) S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0\n", pid, comm,
		 1000 + pid);
	temp_root_put(dir, path, text);
	snprintf(path, sizeof(path), "proc/%d/status", pid);
	snprintf(text, sizeof(text), "Name:\t%s\nHugetlbPages:\t%8llu kB\nThreads:\t1\n", comm,
		 (unsigned long long)hugetlb_kib);
	temp_root_put(dir, path, text);
	snprintf(path, sizeof(path), "proc/%d/numa_maps", pid);
	if (numa_maps)
		temp_root_put(dir, path, numa_maps);
}

static void put_file(struct temp_root *dir, const struct gr_lease *lease)
{
	_cleanup_free_ char *text = NULL;
	char path[GR_LEASE_NAME_MAX + 32];

	snprintf(path, sizeof(path), "run/guestram/leases/%s.json", lease->name);
	text = gr_lease_to_text(lease);
	assert_non_null(text);
	temp_root_put(dir, path, text);
}

static void put_lease(struct temp_root *dir, const char *name, enum gr_lease_state state, int node,
		      uint64_t pages, pid_t pid)
{
	struct gr_lease_grant grant = {
		.node = node, .page_size_bytes = SMALL, .pages = pages, .asked_pages = pages
	};
	struct gr_lease lease = { .state = state,
				  .owner_pid = pid,
				  .boot_id = BOOT,
				  .owner_start_time = pid ? 1000 + (uint64_t)pid : 0,
				  .from_pool = state == GR_LEASE_OWNED,
				  .grants = &grant,
				  .grant_count = 1 };

	snprintf(lease.name, sizeof(lease.name), "%s", name);
	put_file(dir, &lease);
}

static void assert_claimed(struct temp_root *dir, const char *except, uint64_t all, uint64_t first,
			   uint64_t second)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_host_ struct gr_host *host = NULL;

	assert_int_equal(gr_ledger_open(dir->root, true, 0, &ledger, NULL), 0);
	assert_int_equal(gr_host_read(dir->root, GR_READ_POOLS, &host, NULL), 0);
	assert_int_equal(gr_ledger_claim(ledger, except, host, NULL), 0);
	assert_int_equal(gr_host_pool(host, SMALL, -1)->claimed, all);
	assert_int_equal(gr_host_pool(host, SMALL, 0)->claimed, first);
	assert_int_equal(gr_host_pool(host, SMALL, 1)->claimed, second);
}

static void leases(void **state)
{
	struct temp_root *dir = *state;

	put_host(dir);
	assert_claimed(dir, NULL, 0, 0, 0);
	put_lease(dir, "held", GR_LEASE_HELD, 0, 10, 0);
	assert_claimed(dir, NULL, 10, 10, 0);
	assert_claimed(dir, "held", 0, 0, 0);
	/* A VMM that takes its pages itself has 5 of 12 so far. */
	put_process(dir, 40, "vmm", 5 * 2048, NULL);
	put_lease(dir, "vm", GR_LEASE_OWNED, 1, 12, 40);
	assert_claimed(dir, NULL, 17, 10, 7);
	/* numa_maps says on which node, and that is another one. */
	put_process(dir, 40, "vmm", 5 * 2048,
		    "7f0000000000 default file=/x huge dirty=5 N0=5 kernelpagesize_kB=2048\n"
		    "7f1000000000 default anon=9 N1=9 kernelpagesize_kB=4\n");
	assert_claimed(dir, NULL, 22, 10, 12);
	assert_claimed(dir, "vm", 10, 10, 0);
}

/* Pages that a lease cut up, owes as surplus or has lent are none that wait in the pool for it. */
static void what_a_lease_has_not(void **state)
{
	struct gr_lease_grant grants[] = {
		{ .node = 0, .page_size_bytes = SMALL, .pages = 40, .asked_pages = 40,
		  .lent_pages = 12, .promoted_pages = 3 },
		{ .node = 1, .page_size_bytes = SMALL, .demoted_pages = 9 },
	};
	struct gr_lease lease = { .name = "held", .state = GR_LEASE_HELD, .boot_id = BOOT,
				  .lend = true, .grants = grants, .grant_count = 2 };
	struct temp_root *dir = *state;
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_host_ struct gr_host *host = NULL;

	put_host(dir);
	put_file(dir, &lease);
	assert_claimed(dir, NULL, 40, 40, 0);
	/* For whom it lends to they are not claimed; those of others are. */
	put_lease(dir, "other", GR_LEASE_HELD, 1, 8, 0);
	assert_int_equal(gr_ledger_open(dir->root, true, 0, &ledger, NULL), 0);
	assert_int_equal(gr_host_read(dir->root, GR_READ_POOLS, &host, NULL), 0);
	assert_int_equal(gr_ledger_claim_unlent(ledger, NULL, host, NULL), 0);
	assert_int_equal(gr_host_pool(host, SMALL, -1)->claimed, 8);
	assert_int_equal(gr_host_pool(host, SMALL, 0)->claimed, 0);
	assert_int_equal(gr_host_pool(host, SMALL, 1)->claimed, 8);
	assert_int_equal(gr_host_pool(host, SMALL, 0)->used_by_unknown, 20);
}

/* Of an earlier boot: its pages are gone, and nothing is held for it. */
static void earlier_boot(void **state)
{
	struct temp_root *dir = *state;

	put_host(dir);
	put_lease(dir, "held", GR_LEASE_HELD, 0, 10, 0);
	put_lease(dir, "ovs", GR_LEASE_EXTERNAL, 1, 90, 0);
	temp_root_put(dir, "proc/sys/kernel/random/boot_id",
		      "99999999-2222-3333-4444-555555555555\n");
	assert_claimed(dir, NULL, 0, 0, 0);
}

/* Declared, with a process: what it has not taken yet. */
static void owner_with_a_process(void **state)
{
	struct temp_root *dir = *state;

	put_host(dir);
	put_process(dir, 41, "ovs-vswitchd", 24 * 2048, NULL);
	put_lease(dir, "ovs", GR_LEASE_EXTERNAL, 1, 60, 41);
	assert_claimed(dir, NULL, 36, 0, 36);
	/* It is never one's own. */
	assert_claimed(dir, "ovs", 36, 0, 36);
	put_process(dir, 41, "ovs-vswitchd", 60 * 2048, NULL);
	assert_claimed(dir, NULL, 0, 0, 0);
	put_process(dir, 41, "ovs-vswitchd", 999 * 2048, NULL);
	assert_claimed(dir, NULL, 0, 0, 0);
	/* Another process has that pid by now: then what is in use on the node counts, 30. */
	put_lease(dir, "ovs", GR_LEASE_EXTERNAL, 1, 60, 42);
	put_process(dir, 42, "sh", 0, NULL);
	assert_claimed(dir, NULL, 60, 0, 60);
	temp_root_put(dir, "proc/42/stat",
		      "42 (sh) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7 0 0\n");
	assert_claimed(dir, NULL, 30, 0, 30);
}

/* Declared, and nobody knows the process: what is in use and not explained is its. */
static void owner_without_a_process(void **state)
{
	struct temp_root *dir = *state;

	put_host(dir);
	put_lease(dir, "spdk", GR_LEASE_EXTERNAL, 1, 60, 0);
	assert_claimed(dir, NULL, 30, 0, 30);
	/* 20 of the 30 are a VM's. */
	put_process(dir, 40, "vmm", 20 * 2048, NULL);
	put_lease(dir, "vm", GR_LEASE_OWNED, 1, 20, 40);
	assert_claimed(dir, NULL, 50, 0, 50);
	/* A second declaration cannot have the same pages. */
	put_lease(dir, "a-first", GR_LEASE_EXTERNAL, 1, 4, 0);
	assert_claimed(dir, NULL, 54, 0, 54);
	/* A held lease whose VM may be the user: the sum is what counts, and it is right. */
	put_lease(dir, "held", GR_LEASE_HELD, 1, 10, 0);
	assert_claimed(dir, NULL, 64, 0, 64);
}

/* On any node: each node leaves what the other one has not free. */
static void owner_on_any_node(void **state)
{
	struct temp_root *dir = *state;

	put_host(dir);
	put_lease(dir, "spdk", GR_LEASE_EXTERNAL, -1, 150, 0);
	/* 50 are in use; 100 to come: of 80 and 70 free ones. */
	assert_claimed(dir, NULL, 100, 30, 20);
	put_lease(dir, "held", GR_LEASE_HELD, 0, 50, 0);
	assert_claimed(dir, NULL, 150, 80, 70);
}

/* A process whose first thread has ended lives as long as another one does. */
static void who_lives(void **state)
{
	static const struct {
		const char *stat;
		bool lives;
	} cases[] = {
		{ "9 (q) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0\n", true },
		{ "9 (q) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 78 0 0\n", false },
		{ "9 (q) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 77 0 0\n", false },
		{ "9 (q) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 3 0 77 0 0\n", true },
		{ "9 (q) X 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 0 0 77 0 0\n", false },
	};
	struct temp_root *dir = *state;

	assert_false(gr_owner_lives(dir->root, 9, 77));
	for (size_t i = 0; i < GR_ARRAY_SIZE(cases); i++) {
		temp_root_put(dir, "proc/9/stat", cases[i].stat);
		assert_int_equal(gr_owner_lives(dir->root, 9, 77), cases[i].lives);
	}
}

/* --- who holds pages, in a capture --- */

static void audit(struct temp_root *dir, struct gr_diagnoses *ret)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;

	assert_int_equal(gr_ledger_open(dir->root, true, 0, &ledger, NULL), 0);
	assert_int_equal(gr_audit(ledger, ret, NULL), 0);
}

/* fd 61 of a vhost target is a deleted file of 4 GiB, and the pool is empty. */
static void c50_deleted_file(void **state)
{
	struct temp_root *dir = *state;
	_cleanup_diagnoses_ struct gr_diagnoses found = { 0 };

	put_host(dir);
	put_pool(dir, -1, 2048, 0);
	put_pool(dir, 0, 2048, 0);
	put_pool(dir, 1, 0, 0);
	temp_root_put(dir, "proc/cmdline", "hugepages=2048\n");
	temp_root_put(dir, "proc/self/mountinfo",
		      "30 1 0:27 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n");
	put_process(dir, 1, "init", 0, NULL);
	put_process(dir, 1723, "vhost", 4194304, NULL);
	temp_root_link(dir, "proc/1723/fd/0", "/dev/null");
	temp_root_link(dir, "proc/1723/fd/61", "/dev/hugepages/qemu_back_mem.X (deleted)");
	audit(dir, &found);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.items[0].code, "GR512");
	assert_non_null(strstr(found.items[0].cause,
			       "2,048 pages of 2 MiB held by pid 1723 (vhost), file deleted"));
}

static void holders_of_a_capture(void **state)
{
	struct temp_root *dir = *state;
	_cleanup_holders_ struct gr_holders holders = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	uint64_t maybe = 0, sum = 0;

	put_host(dir);
	put_process(dir, 40, "qemu-system-x86", 30 * 2048,
		    "7f0000000000 default file=/a\\040b huge dirty=30 N0=10 N1=20 "
		    "kernelpagesize_kB=2048\n");
	put_process(dir, 41, "closed", 7 * 2048, NULL);
	put_process(dir, 42, "none", 0, NULL);
	temp_root_put(dir, "proc/sysvipc/shm",
		      "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime "
		      "rss swap\n"
		      "0 5 600 4194304 1 1 0 0 0 0 0 1 1 1 1073741824 0\n"
		      "0 6 600 4194304 1 1 2 0 0 0 0 1 1 1 1073741824 0\n");
	assert_int_equal(gr_host_read(dir->root, GR_READ_POOLS | GR_READ_MOUNTS, &host, NULL), 0);
	assert_int_equal(gr_holders_read(dir->root, host, &holders, NULL), 0);
	assert_int_equal(holders.process_count, 2);
	assert_string_equal(gr_holders_process(&holders, 40)->vmm, "qemu");
	assert_null(gr_holders_process(&holders, 42));
	for (size_t i = 0; i < holders.count; i++)
		sum += gr_held_pages(&holders.held[i], SMALL, 1, &maybe);
	assert_int_equal(sum, 20);
	assert_int_equal(maybe, 7);
	assert_int_equal(holders.segment_count, 1);
	assert_int_equal(holders.segments[0].id, 5);
	assert_false(holders.complete);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TEMP_ROOT(leases),
		IN_TEMP_ROOT(what_a_lease_has_not),
		IN_TEMP_ROOT(earlier_boot),
		IN_TEMP_ROOT(owner_with_a_process),
		IN_TEMP_ROOT(owner_without_a_process),
		IN_TEMP_ROOT(owner_on_any_node),
		IN_TEMP_ROOT(who_lives),
		IN_TEMP_ROOT(c50_deleted_file),
		IN_TEMP_ROOT(holders_of_a_capture),
	};

	return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
