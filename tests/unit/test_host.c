// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host layer: its parsers on text, and the readers on small roots that are made in a temporary
 * directory, one for each way in which a host differs from the one that the author sat at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"

#define MEMINFO                                                                                    \
	"MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 6291456 kB\n"                    \
	"Hugepagesize: 2048 kB\n"
#define POOLS "sys/kernel/mm/hugepages/"
#define NODES "sys/devices/system/node/"

struct dir {
	char path[64];
	struct gr_root *root;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	struct dir *dir = calloc(1, sizeof(*dir));

	strcpy(dir->path, "/tmp/guestram-host.XXXXXX");
	assert_non_null(mkdtemp(dir->path));
	assert_int_equal(gr_root_open(dir->path, &dir->root, NULL), 0);
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	struct dir *dir = *state;

	gr_root_close(dir->root);
	nftw(dir->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(dir);
	return 0;
}

static void put(void **state, const char *path, const char *text)
{
	struct dir *dir = *state;
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", dir->path, path);
	for (char *p = full + strlen(dir->path) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_pool(void **state, const char *dir, const char *nr, const char *free_pages,
		     const char *surplus)
{
	const char *const files[][2] = { { "nr_hugepages", nr },
					 { "free_hugepages", free_pages },
					 { "surplus_hugepages", surplus } };
	char path[256];

	for (size_t i = 0; i < GR_ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i][0]);
		put(state, path, files[i][1]);
	}
}

static void put_node(void **state, unsigned int id, unsigned long total_kb, unsigned long free_kb)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), NODES "node%u/meminfo", id);
	snprintf(text, sizeof(text),
		 "Node %u MemTotal:       %lu kB\nNode %u MemFree:        %lu kB\n", id, total_kb,
		 id, free_kb);
	put(state, path, text);
	snprintf(path, sizeof(path), NODES "node%u/cpulist", id);
	put(state, path, "\n");
}

static struct gr_host *read_host(void **state, unsigned int what)
{
	struct dir *dir = *state;
	struct gr_host *host = NULL;

	assert_int_equal(gr_host_read(dir->root, what, &host, NULL), 0);
	assert_non_null(host);
	return host;
}

static bool has_note(const struct gr_host *host, const char *part)
{
	for (size_t i = 0; i < host->note_count; i++) {
		if (strstr(host->notes[i], part))
			return true;
	}
	return false;
}

/* --- meminfo --- */

static void test_meminfo_missing(void **state)
{
	struct dir *dir = *state;
	struct gr_host *host = (void *)0x1;
	struct gr_error err = { 0 };

	assert_int_equal(gr_host_read(dir->root, GR_READ_POOLS, &host, &err), -ENOENT);
	assert_ptr_equal(host, (void *)0x1);
	assert_non_null(strstr(err.message, "proc/meminfo"));
}

static void test_meminfo_malformed(void **state)
{
	static const char *const texts[] = {
		"MemTotal: many kB\nMemFree: 1 kB\n",
		"MemTotal: 18446744073709551615 kB\nMemFree: 1 kB\n",
		"MemTotal: 1024\nMemFree: 1 kB\n",
		"MemTotal:\nMemFree: 1 kB\n",
		"MemTotal: -1 kB\nMemFree: 1 kB\n",
		"MemTotal: 1024 kB\n",
		"",
	};
	struct dir *dir = *state;

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		struct gr_host *host = (void *)0x1;

		put(state, "proc/meminfo", texts[i]);
		assert_int_equal(gr_host_read(dir->root, 0, &host, NULL), -EBADMSG);
		assert_ptr_equal(host, (void *)0x1);
	}
}

static void test_unknown_is_not_zero(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", "MemTotal: 1024 kB\nMemFree: 512 kB\nSwapFree: 0 kB\n");
	host = read_host(state, 0);
	assert_true(host->swap_known);
	assert_false(host->page_tables_known);
	assert_false(host->hugetlb_bytes.known);
	assert_false(host->cma_total_bytes.known);
	assert_true(has_note(host, "no MemAvailable"));
	assert_int_equal(host->mem_available_bytes, 512 * 1024);
	gr_host_free(host);
}

/* --- zones --- */

static const char zoneinfo[] =
	"Node 0, zone      DMA\n"
	"  per-node stats\n      nr_inactive_anon 5\n"
	"  pages free     3840\n        boost    0\n        min      20\n        low      25\n"
	"        high     30\n        spanned  4095\n        present  3998\n"
	"        managed  3840\n        cma      0\n        protection: (0, 3019, 12235, 9)\n"
	"  pagesets\n    cpu: 0\n              count:    7\n              high:     99\n"
	"Node 0, zone    DMA32\n  pages free     0\n        present  0\n        managed  0\n"
	"Node 11, zone  Movable\n  pages free     16\n        present  64\n        managed  64\n"
	"        protection: (0, 0)\n"
	"Node 11, zone   Device\n  pages free     0\n        present  0\n";

static void test_zoneinfo(void **state)
{
	_cleanup_free_ char *text = strdup(zoneinfo);
	_cleanup_free_ struct gr_zone *zones = NULL;
	size_t count = 0;

	assert_int_equal(gr_zoneinfo_parse(text, &zones, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(zones[0].name, "DMA");
	assert_int_equal(zones[0].free_pages, 3840);
	assert_int_equal(zones[0].high_pages, 30); /* not the pageset's */
	assert_int_equal(zones[0].lowmem_reserve_pages, 12235);
	assert_string_equal(zones[1].name, "Movable");
	assert_int_equal(zones[1].node, 11);
	assert_int_equal(zones[1].managed_pages, 64);
}

static void test_zoneinfo_malformed(void **state)
{
	static const char *const texts[] = {
		"Node x, zone DMA\n",
		"Node 0 zone DMA\n",
		"Node 99999999999, zone DMA\n",
		"Node 0, zone ANameThatIsMuchTooLong\n",
		"Node 0, zone DMA\n  pages free many\n",
		"Node 0, zone DMA\n  protection: (0, x)\n",
		"Node 0, zone DMA\n  min\n",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *text = strdup(texts[i]);
		struct gr_zone *zones = (void *)0x1;
		size_t count = 7;

		assert_int_equal(gr_zoneinfo_parse(text, &zones, &count), -EBADMSG);
		assert_ptr_equal(zones, (void *)0x1);
		assert_int_equal(count, 7);
	}
}

static void test_buddyinfo_columns(void **state)
{
	/* C41: arm64 with 64 KiB pages has 14 columns. C37: 11 of them. */
	static const struct {
		const char *line;
		unsigned int orders, last;
	} cases[] = {
		{ "Node 0, zone   Normal 70 8400 520 120 60 250 150 30 8 5 4 2 1 3 \n", 14, 3 },
		{ "Node 0, zone   Normal 70 8400 520 120 60 250 150 30 8 5 1960\n", 11, 1960 },
		{ "Node 0, zone   Normal 1 2 3 4 5 6 7 8 9\n", 9, 9 },
		{ "Node 0, zone   Normal 4\n", 1, 4 },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = strdup(cases[i].line);
		_cleanup_free_ struct gr_zone *zones = NULL;
		size_t count = 0;

		assert_int_equal(gr_buddyinfo_parse(text, &zones, &count), 0);
		assert_int_equal(count, 1);
		assert_int_equal(zones[0].orders, cases[i].orders);
		assert_int_equal(zones[0].buddy[cases[i].orders - 1], cases[i].last);
	}
}

static void test_buddyinfo_malformed(void **state)
{
	static const char *const texts[] = {
		"Node 0, zone Normal\n",
		"Node 0, zone Normal 1 2 x\n",
		"Node 0, zone Normal 1 18446744073709551615\n",
		"Node 0, zone N 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
		"zone Normal 1\n",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *text = strdup(texts[i]);
		_cleanup_free_ struct gr_zone *zones = NULL;
		size_t count = 0;

		assert_int_equal(gr_buddyinfo_parse(text, &zones, &count), -EBADMSG);
		assert_int_equal(count, 0);
	}
}

/* --- nodes --- */

static void test_nodes_with_holes(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put_node(state, 0, 4194304, 1048576);
	put_node(state, 10, 4194304, 3145728);
	put_node(state, 2, 0, 0);
	put(state, NODES "online", "0,2,10\n");
	put(state, NODES "nodes", "no node\n");
	put_pool(state, NODES "node10/hugepages/hugepages-2048kB", "3\n", "2\n", "1\n");
	put_pool(state, POOLS "hugepages-2048kB", "3\n", "2\n", "1\n");
	host = read_host(state, 0);
	assert_int_equal(host->node_count, 3);
	assert_int_equal(host->nodes[1].id, 2);
	assert_int_equal(host->nodes[2].id, 10);
	assert_true(gr_host_node(host, 2)->memory_known);
	assert_int_equal(gr_host_node(host, 2)->total_bytes, 0);
	assert_int_equal(gr_host_node(host, 10)->free_bytes, 3 * GR_GIB);
	assert_null(gr_host_node(host, 1));
	assert_int_equal(gr_host_pool(host, 2 * GR_MIB, 10)->free, 2);
	assert_null(gr_host_pool(host, 2 * GR_MIB, 0));
	assert_int_equal(gr_host_pool(host, 2 * GR_MIB, -1)->surplus, 1);
	gr_host_free(host);
}

static void test_node_malformed(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put_node(state, 0, 4194304, 1048576);
	put_node(state, 1, 1, 1);
	put(state, NODES "node1/meminfo", "Node 1 MemTotal: x kB\n");
	host = read_host(state, 0);
	assert_false(gr_host_node(host, 1)->memory_known);
	assert_true(has_note(host, "/" NODES "node1/meminfo: malformed"));
	gr_host_free(host);
}

static void test_no_sysfs(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	host = read_host(state, GR_READ_ALL);
	assert_int_equal(host->node_count, 1);
	assert_int_equal(host->nodes[0].total_bytes, 8 * GR_GIB);
	assert_int_equal(host->nodes[0].available_bytes_estimate, 6 * GR_GIB);
	assert_int_equal(host->page_size_count, 0);
	assert_true(has_note(host, "/sys/kernel/mm/hugepages: absent"));
	assert_false(host->thp.present);
	assert_int_equal(host->kvm.device, GR_ANSWER_ABSENT);
	gr_host_free(host);
}

/* One zone of 1 GiB, but 4 GiB free: the rest is in no zone yet. */
static const char small_zone[] = "Node 0, zone Normal\n  pages free 262144\n  present 262144\n"
				 "  managed 262144\n";

static void test_lazy_memory_one_node(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put(state, "proc/zoneinfo", small_zone);
	put(state, "proc/self/smaps", "KernelPageSize:        4 kB\n");
	put_node(state, 0, 1048576, 1048576);
	put_node(state, 1, 0, 0);
	host = read_host(state, 0);
	assert_int_equal(host->unplaced_free_bytes, 3 * GR_GIB);
	assert_int_equal(host->nodes[0].total_bytes, 8 * GR_GIB);
	assert_int_equal(host->nodes[0].free_bytes, 4 * GR_GIB);
	assert_int_equal(host->nodes[0].available_bytes_estimate, 6 * GR_GIB);
	assert_true(has_note(host, "3 GiB of free memory are in no zone yet"));
	gr_host_free(host);
}

static void test_lazy_memory_two_nodes(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put(state, "proc/zoneinfo", small_zone);
	put(state, "proc/self/smaps", "KernelPageSize:        4 kB\n");
	put_node(state, 0, 1048576, 1048576);
	put_node(state, 1, 1048576, 0);
	host = read_host(state, 0);
	assert_int_equal(host->unplaced_free_bytes, 3 * GR_GIB);
	assert_int_equal(host->nodes[0].total_bytes, GR_GIB);
	assert_true(has_note(host, "counted for no node"));
	gr_host_free(host);
}

static void test_little_unplaced_is_noise(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1114112 kB\n");
	put(state, "proc/zoneinfo", small_zone);
	put(state, "proc/self/smaps", "KernelPageSize:        4 kB\n");
	host = read_host(state, 0);
	assert_int_equal(host->unplaced_free_bytes, 0); /* 64 MiB exactly */
	gr_host_free(host);
}

static void test_estimate_per_node(void **state)
{
	struct gr_host *host;
	uint64_t mib = 0;

	put(state, "proc/meminfo", MEMINFO);
	put(state, "proc/self/smaps", "KernelPageSize:       64 kB\n");
	/* 64 KiB pages: free 16384 = 1 GiB, high 1600 = 100 MiB, low 800 = 50 MiB. */
	put(state, "proc/zoneinfo",
	    "Node 0, zone Normal\n  pages free 16384\n  low 800\n  high 1600\n  present 32768\n"
	    "  managed 32768\n  protection: (0, 16)\n"
	    "Node 1, zone Normal\n  pages free 16384\n  present 32768\n  managed 32768\n");
	put_node(state, 0, 2097152, 1048576);
	put_node(state, 1, 2097152, 1048576);
	put(state, NODES "node0/meminfo",
	    "Node 0 MemTotal: 2097152 kB\nNode 0 MemFree: 1048576 kB\n"
	    "Node 0 Active(file): 61440 kB\nNode 0 Inactive(file): 143360 kB\n" /* 200 MiB */
	    "Node 0 KReclaimable: 40960 kB\nNode 0 SReclaimable: 1024 kB\n");	/* 40 MiB */
	host = read_host(state, 0);
	assert_int_equal(host->base_page_bytes, 64 * GR_KIB);
	mib = host->nodes[0].available_bytes_estimate / GR_MIB;
	assert_int_equal(mib, 1024 - 101 + (200 - 50) + (40 - 20));
	assert_int_equal(host->nodes[1].available_bytes_estimate, GR_GIB);
	gr_host_free(host);
}

static void test_base_page_from_zones(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put(state, "proc/zoneinfo",
	    "Node 0, zone Normal\n  pages free 10\n  present 16384\n  managed 16000\n");
	put_node(state, 0, 16000 * 64, 640);
	host = read_host(state, 0);
	assert_int_equal(host->base_page_bytes, 64 * GR_KIB);
	assert_false(has_note(host, "base page size"));
	gr_host_free(host);
	put_node(state, 0, 16000 * 63, 640); /* adds up with no page size */
	host = read_host(state, 0);
	assert_int_equal(host->base_page_bytes, 4 * GR_KIB);
	assert_true(has_note(host, "base page size"));
	gr_host_free(host);
}

/* --- pools --- */

static void test_page_sizes(void **state)
{
	static const uint64_t sizes[] = { 2 * GR_MIB, 512 * GR_MIB, 16 * GR_GIB };
	struct gr_host *host;

	/* C42, and names that are no page size. */
	put(state, "proc/meminfo", MEMINFO);
	put_pool(state, POOLS "hugepages-16777216kB", "0\n", "0\n", "0\n");
	put_pool(state, POOLS "hugepages-524288kB", "0\n", "0\n", "0\n");
	put_pool(state, POOLS "hugepages-2048kB", "0\n", "0\n", "0\n");
	put(state, POOLS "hugepages-0kB/nr_hugepages", "0\n");
	put(state, POOLS "hugepages-3000kB/nr_hugepages", "0\n");
	put(state, POOLS "hugepages-2048MB/nr_hugepages", "0\n");
	put(state, POOLS "hugepages-99999999999999999999kB/nr_hugepages", "0\n");
	put(state, POOLS "uevent", "\n");
	host = read_host(state, 0);
	assert_int_equal(host->page_size_count, GR_ARRAY_SIZE(sizes));
	assert_memory_equal(host->page_sizes, sizes, sizeof(sizes));
	assert_true(gr_host_has_page_size(host, 512 * GR_MIB));
	assert_false(gr_host_has_page_size(host, GR_GIB));
	assert_true(has_note(host, "hugepages-3000kB: malformed name"));
	gr_host_free(host);
}

static void test_reserved_underflow(void **state)
{
	struct gr_host *host;
	const struct gr_pool *pool;

	/* C85 */
	put(state, "proc/meminfo", MEMINFO);
	put_pool(state, POOLS "hugepages-2048kB", "4096\n", "4096\n", "0\n");
	put(state, POOLS "hugepages-2048kB/resv_hugepages", "18446744073709551608\n");
	put(state, POOLS "hugepages-2048kB/nr_overcommit_hugepages", "12\n");
	host = read_host(state, 0);
	pool = gr_host_pool(host, 2 * GR_MIB, -1);
	assert_true(pool->reserved_bogus);
	assert_int_equal(pool->reserved, 0);
	assert_int_equal(pool->free, 4096);
	assert_true(pool->overcommit_known);
	assert_int_equal(pool->overcommit, 12);
	assert_true(has_note(host, "underflowed"));
	gr_host_free(host);
}

static void test_pool_absent_and_malformed(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put_pool(state, POOLS "hugepages-2048kB", "5\n", "lots\n", "0\n");
	put(state, POOLS "hugepages-1048576kB/nr_hugepages", "5\n");
	host = read_host(state, 0);
	assert_int_equal(gr_host_pool(host, 2 * GR_MIB, -1)->answer, GR_ANSWER_MALFORMED);
	assert_int_equal(gr_host_pool(host, 2 * GR_MIB, -1)->total, 0);
	assert_false(gr_host_pool(host, 2 * GR_MIB, -1)->reserved_known);
	assert_int_equal(gr_host_pool(host, GR_GIB, -1)->answer, GR_ANSWER_ABSENT);
	assert_true(has_note(host, "hugepages-2048kB/free_hugepages: malformed"));
	assert_true(has_note(host, "hugepages-1048576kB/free_hugepages: absent"));
	gr_host_free(host);
}

static void test_answers(void **state)
{
	struct gr_host host = { 0 };

	assert_int_equal(gr_answer_of(0), GR_ANSWER_OK);
	assert_int_equal(gr_answer_of(-ENOENT), GR_ANSWER_ABSENT);
	assert_int_equal(gr_answer_of(-EACCES), GR_ANSWER_FORBIDDEN);
	assert_int_equal(gr_answer_of(-EPERM), GR_ANSWER_FORBIDDEN);
	assert_int_equal(gr_answer_of(-EROFS), GR_ANSWER_FORBIDDEN);
	assert_int_equal(gr_answer_of(-EBADMSG), GR_ANSWER_MALFORMED);
	gr_host_note_file(&host, "a", -EACCES);
	gr_host_note_file(&host, "b", -EIO);
	assert_string_equal(host.notes[0], "/a: forbidden");
	assert_non_null(strstr(host.notes[1], "/b: cannot be read: "));
	for (size_t i = 0; i < host.note_count; i++)
		free(host.notes[i]);
	free(host.notes);
}

static void test_forbidden_file(void **state)
{
	struct dir *dir = *state;
	struct gr_host *host;
	char path[256];

	put(state, "proc/meminfo", MEMINFO);
	put_pool(state, POOLS "hugepages-2048kB", "5\n", "5\n", "0\n");
	snprintf(path, sizeof(path), "%s/" POOLS "hugepages-2048kB/nr_hugepages", dir->path);
	chmod(path, 0);
	/* Root may read everything: be nobody for a while. */
	chmod(dir->path, 0755);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	host = read_host(state, 0);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(host->pools[0].answer, GR_ANSWER_FORBIDDEN);
	assert_true(has_note(host, "nr_hugepages: forbidden"));
	gr_host_free(host);
}

static void test_demote_and_read_only(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put(state, "proc/self/mountinfo", "23 1 0:21 / /sys ro,relatime - sysfs sysfs rw\n");
	put_pool(state, POOLS "hugepages-1048576kB", "5\n", "5\n", "0\n");
	put(state, POOLS "hugepages-1048576kB/demote", "");
	put(state, POOLS "hugepages-1048576kB/demote_size", "2048kB\n");
	host = read_host(state, 0);
	assert_true(host->pools[0].has_demote);
	assert_true(host->pools[0].demote_size_bytes.known);
	assert_int_equal(host->pools[0].demote_size_bytes.value, 2 * GR_MIB);
	assert_false(host->pools[0].writable);
	gr_host_free(host);
	put(state, "proc/self/mountinfo", "23 1 0:21 / /sys rw,relatime - sysfs sysfs rw\n");
	host = read_host(state, 0);
	assert_true(host->pools[0].writable);
	gr_host_free(host);
}

static void test_pool_path(void **state)
{
	char path[128], small[16];

	assert_int_equal(gr_pool_path(2 * GR_MIB, -1, "nr_hugepages", path, sizeof(path)), 0);
	assert_string_equal(path, "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	assert_int_equal(gr_pool_path(GR_GIB, 12, "demote", path, sizeof(path)), 0);
	assert_string_equal(path,
			    "sys/devices/system/node/node12/hugepages/hugepages-1048576kB/demote");
	assert_int_equal(gr_pool_path(GR_GIB, 12, "demote", small, sizeof(small)), -ENAMETOOLONG);
}

/* --- settings --- */

static void test_settings(void **state)
{
	struct gr_setting setting = { 0 };

	assert_int_equal(gr_setting_parse("always defer defer+madvise [madvise] never\n", &setting),
			 0);
	assert_string_equal(setting.value, "madvise");
	assert_string_equal(setting.choices[2], "defer+madvise");
	assert_string_equal(setting.choices[3], "madvise");
	assert_null(setting.choices[5]);
	gr_setting_done(&setting);
	assert_int_equal(gr_setting_parse("4096\n", &setting), 0);
	assert_string_equal(setting.value, "4096");
	assert_null(setting.choices);
	gr_setting_done(&setting);
	assert_int_equal(gr_setting_parse("always never\n", &setting), -EBADMSG);
	assert_int_equal(gr_setting_parse("[always] [never]\n", &setting), -EBADMSG);
	assert_int_equal(gr_setting_parse("[always never\n", &setting), -EBADMSG);
	assert_int_equal(gr_setting_parse("[] never\n", &setting), -EBADMSG);
	assert_int_equal(gr_setting_parse("\n", &setting), -EBADMSG);
	assert_null(setting.value);
}

static void test_thp(void **state)
{
#define THP "sys/kernel/mm/transparent_hugepage/"
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put(state, THP "enabled", "always [madvise] never\n");
	put(state, THP "defrag", "who knows\n");
	put(state, THP "hpage_pmd_size", "2097152\n");
	put(state, THP "khugepaged/pages_to_scan", "4096\n");
	put(state, THP "khugepaged/full_scans", "7\n");
	put(state, THP "hugepages-64kB/enabled", "always inherit madvise [never]\n");
	put(state, THP "hugepages-64kB/stats/anon_fault_alloc", "7\n");
	host = read_host(state, GR_READ_THP);
	assert_int_equal(host->thp.pmd_size_bytes, 2 * GR_MIB);
	assert_int_equal(host->thp.count, 4);
	assert_string_equal(gr_host_thp(host, "enabled"), "madvise");
	assert_string_equal(gr_host_thp(host, "hugepages-64kB/enabled"), "never");
	assert_string_equal(gr_host_thp(host, "khugepaged/pages_to_scan"), "4096");
	assert_null(gr_host_thp(host, "defrag"));
	assert_null(gr_host_thp(host, "khugepaged/full_scans"));
	assert_true(has_note(host, "defrag: malformed"));
	gr_host_free(host);
}

/* --- mounts --- */

static void test_mounts(void **state)
{
	/* C22 */
	static const char head[] =
		"30 1 0:1 / /dev/hugepages rw,relatime shared:7 - hugetlbfs none rw,pagesize=2M\n"
		"31 1 0:2 / /mnt/a rw - hugetlbfs none rw,pagesize=1024M\n"
		"32 1 0:3 / /mnt/b rw - hugetlbfs none rw,uid=107,gid=36,mode=1770,pagesize=2048k,"
		"size=50%\n"
		"33 1 0:4 / /mnt/c ro - hugetlbfs none rw,pagesize=1073741824,size=4294967296,"
		"min_size=1073741824\n"
		"34 1 0:5 / /mnt/with\\040blank\\134 rw shared:1 master:2 - hugetlbfs  rw\n"
		"35 1 0:6 / /mnt/d rw - hugetlbfs none rw,pagesize=junk\n"
		"36 1 0:7 / /over rw - overlay overlay rw,lowerdir=";
	struct gr_mount *mounts = NULL;
	size_t count = 0, room = sizeof(head) + 9300 + 200;
	_cleanup_free_ char *text = malloc(room);

	strcpy(text, head);
	memset(text + strlen(text), 'x', 9216);
	strcpy(text + sizeof(head) - 1 + 9216,
	       "\n37 1 0:8 / /mnt/e rw - hugetlbfs none rw\nbroken\n");
	assert_int_equal(gr_mounts_parse(text, 512 * GR_MIB, &mounts, &count), 1);
	assert_int_equal(count, 7);
	assert_string_equal(mounts[0].path, "/dev/hugepages");
	assert_int_equal(mounts[0].page_size_bytes, 2 * GR_MIB);
	assert_int_equal(mounts[1].page_size_bytes, GR_GIB);
	assert_int_equal(mounts[2].page_size_bytes, 2 * GR_MIB);
	assert_int_equal(mounts[2].mode.value, 01770);
	assert_int_equal(mounts[2].gid.value, 36);
	assert_false(mounts[2].size_bytes.known);
	assert_int_equal(mounts[3].page_size_bytes, GR_GIB);
	assert_int_equal(mounts[3].size_bytes.value, 4 * GR_GIB);
	assert_int_equal(mounts[3].min_size_bytes.value, GR_GIB);
	assert_true(mounts[3].read_only);
	assert_string_equal(mounts[4].path, "/mnt/with blank\\");
	assert_int_equal(mounts[4].page_size_bytes, 512 * GR_MIB);
	assert_false(mounts[4].has_pagesize_option);
	assert_true(mounts[5].has_pagesize_option);
	assert_int_equal(mounts[5].page_size_bytes, 0);
	assert_string_equal(mounts[6].path, "/mnt/e");
	for (size_t i = 0; i < count; i++)
		free(mounts[i].path);
	free(mounts);
}

static void check_visible(const char *lines, const char *expected)
{
	_cleanup_free_ char *text = strdup(lines), *paths = calloc(1, 256);
	struct gr_mount *mounts = NULL;
	size_t count = 0;

	assert_int_equal(gr_mounts_parse(text, 0, &mounts, &count), 0);
	for (size_t i = 0; i < count; i++) {
		strcat(strcat(paths, mounts[i].path), " ");
		free(mounts[i].path);
	}
	free(mounts);
	assert_string_equal(paths, expected);
}

static void test_hidden_mounts(void **state)
{
	/* An automount is below what it mounts; the root of an initramfs is its own parent. */
	check_visible("1 1 0:1 / / rw - rootfs none rw\n24 1 0:5 / /dev rw - devtmpfs none rw\n"
		      "30 24 0:6 / /dev/hugepages rw - autofs systemd-1 rw\n"
		      "31 30 0:7 / /dev/hugepages rw - hugetlbfs none rw\n",
		      "/dev/hugepages ");
	/* A file system mounted over it. */
	check_visible("1 0 0:1 / / rw - ext4 none rw\n30 1 0:6 / /huge rw - hugetlbfs none rw\n"
		      "31 30 0:7 / /huge rw - tmpfs none rw\n",
		      "");
	/* ... or over a directory that leads there, before and after. */
	check_visible(
		"1 0 0:1 / / rw - ext4 none rw\n30 1 0:6 / /mnt/huge rw - hugetlbfs none rw\n"
		"31 1 0:7 / /mnt rw - tmpfs none rw\n32 31 0:8 / /mnt/huge2 rw - hugetlbfs n rw\n"
		"33 1 0:7 / /mntx rw - tmpfs none rw\n",
		"/mnt/huge2 ");
	/* The kernel lists mounts in any order; a loop of parents ends. */
	check_visible("30 27 0:6 / /huge rw - hugetlbfs none rw\n27 30 0:7 / / rw - ext4 none rw\n",
		      "/huge ");
}

/* --- cgroups --- */

static void test_cgroup_parsers(void **state)
{
	static const char text[] =
		"12:hugetlb:/a\n4:cpu,memory:/b:c/d\n1:name=systemd:/x\n0::/u/v\n";
	char *own = NULL;

	assert_int_equal(gr_cgroup_own(text, "memory", &own), 0);
	assert_string_equal(own, "/b:c/d");
	free(own);
	assert_int_equal(gr_cgroup_own(text, NULL, &own), 0);
	assert_string_equal(own, "/u/v");
	free(own);
	assert_int_equal(gr_cgroup_own(text, "cpuset", &own), -ENOENT);
	assert_int_equal(gr_cgroup_own("0::/../x\n", NULL, &own), 0);
	assert_string_equal(own, "/");
	free(own);
	assert_string_equal(gr_cgroup_below_mount("/docker/x/y", "/docker/x"), "/y");
	assert_string_equal(gr_cgroup_below_mount("/docker/x", "/docker/x"), "/");
	assert_string_equal(gr_cgroup_below_mount("/docker/xy", "/docker/x"), "/");
	assert_string_equal(gr_cgroup_below_mount("/a", "/"), "/a");
}

static const struct gr_cgroup_limit *find_limit(const struct gr_host *host, const char *cgroup,
						const char *file)
{
	for (size_t i = 0; i < host->limit_count; i++) {
		if (!strcmp(host->limits[i].cgroup, cgroup) && !strcmp(host->limits[i].file, file))
			return &host->limits[i];
	}
	return NULL;
}

static void test_cgroups_mixed(void **state)
{
	const struct gr_cgroup_limit *limit;
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put_node(state, 0, 4194304, 1048576);
	put_node(state, 1, 4194304, 1048576);
	put_pool(state, POOLS "hugepages-2048kB", "0\n", "0\n", "0\n");
	put_pool(state, POOLS "hugepages-1048576kB", "0\n", "0\n", "0\n");
	put(state, "proc/self/cgroup", "4:memory:/m\n3:cpuset:/c\n0::/a/b\n");
	put(state, "proc/self/mountinfo",
	    "31 1 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
	    "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
	    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put(state, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put(state, "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1048576\n");
	put(state, "sys/fs/cgroup/memory/m/memory.usage_in_bytes", "4096\n");
	put(state, "sys/fs/cgroup/cpuset/c/cpuset.effective_mems", "1\n");
	/* C14 */
	put(state, "sys/fs/cgroup/unified/a/b/hugetlb.2MB.max", "0\n");
	put(state, "sys/fs/cgroup/unified/a/b/hugetlb.1GB.max", "max\n");
	put(state, "sys/fs/cgroup/unified/a/b/hugetlb.1GB.rsvd.max", "nonsense\n");
	put(state, "sys/fs/cgroup/unified/a/hugetlb.2MB.rsvd.max", "4194304\n");
	host = read_host(state, GR_READ_CGROUPS);
	assert_int_equal(host->limit_count, 4);
	limit = find_limit(host, "/m", "memory.limit_in_bytes");
	assert_int_equal(limit->limit_bytes, GR_MIB);
	assert_int_equal(limit->current_bytes.value, 4096);
	limit = find_limit(host, "/c", "cpuset.effective_mems");
	assert_true(limit->is_list);
	assert_string_equal(limit->list, "1");
	limit = find_limit(host, "/a/b", "hugetlb.2MB.max");
	assert_int_equal(limit->limit_bytes, 0);
	assert_false(limit->current_bytes.known);
	assert_non_null(find_limit(host, "/a", "hugetlb.2MB.rsvd.max"));
	assert_true(has_note(host, "hugetlb.1GB.rsvd.max: malformed"));
	assert_string_equal(host->cgroup2, "sys/fs/cgroup/unified/a/b");
	gr_host_free(host);
}

/* --- features --- */

static int feature(const struct gr_host *host, const char *name)
{
	for (size_t i = 0; i < host->feature_count; i++) {
		if (!strcmp(host->features[i].name, name))
			return (int)host->features[i].state;
	}
	fail_msg("no feature %s", name);
	return -1;
}

static void test_features(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put_node(state, 3, 4194304, 1048576);
	put(state, NODES "node3/compact", "");
	host = read_host(state, GR_READ_FEATURES);
	assert_int_equal(feature(host, "node_compact"), GR_FEATURE_YES);
	assert_int_equal(feature(host, "node_reclaim"), GR_FEATURE_NO);
	/* Without /proc/sys/vm nothing is known of what is in it. */
	assert_int_equal(feature(host, "compaction"), GR_FEATURE_UNKNOWN);
	assert_int_equal(feature(host, "contig_alloc"), GR_FEATURE_UNKNOWN);
	/* A capture has no system calls to answer, whatever this machine can do. */
	assert_int_equal(feature(host, "populate_write"), GR_FEATURE_UNKNOWN);
	assert_int_equal(feature(host, "memfd_hugetlb"), GR_FEATURE_UNKNOWN);
	gr_host_free(host);

	put(state, "proc/sys/vm/compact_memory", "");
	host = read_host(state, GR_READ_FEATURES);
	assert_int_equal(feature(host, "compaction"), GR_FEATURE_YES);
	assert_int_equal(feature(host, "contig_alloc"), GR_FEATURE_NO);
	gr_host_free(host);

	put(state, "proc/sys/vm/memory_failure_recovery", "1\n");
	host = read_host(state, GR_READ_FEATURES);
	assert_int_equal(feature(host, "contig_alloc"), GR_FEATURE_YES);
	gr_host_free(host);

	/* The configuration knows better. */
	put(state, "proc/sys/kernel/osrelease", "6.1.0-x\n");
	put(state, "boot/config-6.1.0-x", "CONFIG_CMA=y\n# CONFIG_CONTIG_ALLOC is not set\n");
	host = read_host(state, GR_READ_FEATURES);
	assert_int_equal(feature(host, "contig_alloc"), GR_FEATURE_NO);
	gr_host_free(host);
}

static void test_config(void **state)
{
	static const char config[] = "CONFIG_A=y\n# CONFIG_B is not set\nXCONFIG_C=y\nCONFIG_C=m\n"
				     "CONFIG_D=\"y\"\n";

	assert_int_equal(gr_config_state(config, "A"), 1);
	assert_int_equal(gr_config_state(config, "B"), 0);
	assert_int_equal(gr_config_state(config, "C"), 1);
	assert_int_equal(gr_config_state(config, "D"), 0);
	assert_int_equal(gr_config_state(config, "E"), 0);
}

static void test_pools_alone(void **state)
{
	struct gr_host *host;

	put(state, "proc/meminfo", MEMINFO);
	put(state, "proc/self/mountinfo", "30 1 0:1 / /h rw - hugetlbfs none rw,pagesize=2M\n");
	put_pool(state, POOLS "hugepages-2048kB", "1\n", "1\n", "0\n");
	host = read_host(state, GR_READ_POOLS);
	assert_int_equal(host->pool_count, 1);
	assert_int_equal(host->mount_count, 0);
	assert_int_equal(host->feature_count, 0);
	assert_false(host->thp.present);
	gr_host_free(host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_meminfo_missing),
		TEST(test_meminfo_malformed),
		TEST(test_unknown_is_not_zero),
		cmocka_unit_test(test_zoneinfo),
		cmocka_unit_test(test_zoneinfo_malformed),
		cmocka_unit_test(test_buddyinfo_columns),
		cmocka_unit_test(test_buddyinfo_malformed),
		TEST(test_nodes_with_holes),
		TEST(test_node_malformed),
		TEST(test_no_sysfs),
		TEST(test_lazy_memory_one_node),
		TEST(test_lazy_memory_two_nodes),
		TEST(test_little_unplaced_is_noise),
		TEST(test_estimate_per_node),
		TEST(test_base_page_from_zones),
		TEST(test_page_sizes),
		TEST(test_reserved_underflow),
		TEST(test_pool_absent_and_malformed),
		cmocka_unit_test(test_answers),
		TEST(test_forbidden_file),
		TEST(test_demote_and_read_only),
		cmocka_unit_test(test_pool_path),
		cmocka_unit_test(test_settings),
		TEST(test_thp),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_hidden_mounts),
		cmocka_unit_test(test_cgroup_parsers),
		TEST(test_cgroups_mixed),
		TEST(test_features),
		cmocka_unit_test(test_config),
		TEST(test_pools_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
