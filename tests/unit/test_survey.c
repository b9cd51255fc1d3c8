// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The survey of page flags, on kpageflags files made in a temporary directory: what each flag
 * means, how ranges are judged, whose memory is whose, and every way in which the file can be
 * missing. A slow and simple second count is the judge of random memory. The last test is on the
 * running kernel (root only): free memory, slab and page tables must be what meminfo says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"
#include "host/survey_private.h"

#define M2 (2 * GR_MIB)
#define M32 (32 * GR_MIB)
#define RANGE 512 /* base pages in 2 MiB */

#define BIT(n) (UINT64_C(1) << (n))
#define UPTODATE BIT(3)
#define DIRTY BIT(4)
#define LRU BIT(5)
#define SLAB BIT(7)
#define WRITEBACK BIT(8)
#define BUDDY BIT(10)
#define MMAP BIT(11)
#define ANON BIT(12)
#define SWAPBACKED BIT(14)
#define HEAD BIT(15)
#define TAIL BIT(16)
#define HUGE BIT(17)
#define UNEVICTABLE BIT(18)
#define HWPOISON BIT(19)
#define NOPAGE BIT(20)
#define KSM BIT(21)
#define THP BIT(22)
#define OFFLINE BIT(23)
#define ZERO BIT(24)
#define PGTABLE BIT(26)
#define RESERVED BIT(32)
#define MLOCKED BIT(33)

/* A root with page flags for up to 256 MiB, and a host with one zone over them to start from. */
#define PAGES 65536
struct world {
	char path[64];
	struct gr_root *root;
	struct gr_host host;
	struct gr_zone zones[4];
	uint64_t sizes[3];
	uint64_t flags[PAGES];
	size_t pages;
	struct gr_survey survey;
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->path, "/tmp/guestram-survey.XXXXXX");
	assert_non_null(mkdtemp(w->path));
	assert_int_equal(chmod(w->path, 0755), 0);
	assert_int_equal(gr_root_open(w->path, &w->root, NULL), 0);
	w->sizes[0] = M2;
	w->sizes[1] = M32;
	w->pages = PAGES;
	w->zones[0] = (struct gr_zone){
		.name = "Normal",
		.orders = 11,
		.spanned_pages = PAGES,
		.present_pages = PAGES,
		.managed_pages = PAGES,
	};
	w->host = (struct gr_host){
		.base_page_bytes = 4 * GR_KIB,
		.zones = w->zones,
		.zone_count = 1,
		.page_sizes = w->sizes,
		.page_size_count = 2,
	};
	for (size_t i = 0; i < PAGES; i++)
		w->flags[i] = BUDDY;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	gr_survey_done(&w->survey);
	gr_root_close(w->root);
	nftw(w->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static FILE *create(struct world *w, const char *path)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", w->path, path);
	for (char *p = full + strlen(w->path) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	return f;
}

static void put(struct world *w, const char *path, const char *text)
{
	FILE *f = create(w, path);

	fputs(text, f);
	fclose(f);
}

static void put_flags(struct world *w, size_t bytes)
{
	FILE *f = create(w, "proc/kpageflags");

	assert_int_equal(fwrite(w->flags, 1, bytes, f), bytes);
	fclose(f);
}

static void survey(struct world *w, int node, uint64_t max_pages)
{
	gr_survey_done(&w->survey);
	assert_int_equal(gr_survey_read(w->root, &w->host, node, max_pages, &w->survey, NULL), 0);
}

static void read_all(struct world *w)
{
	put_flags(w, w->pages * 8);
	survey(w, -1, 0);
	assert_true(w->survey.known);
	assert_int_equal(w->survey.answer, GR_ANSWER_OK);
}

static void fill(struct world *w, size_t from, size_t count, uint64_t flags)
{
	assert_true(from + count <= PAGES);
	for (size_t i = from; i < from + count; i++)
		w->flags[i] = flags;
}

static const struct gr_survey_size *size_of(const struct world *w, unsigned int node,
					    uint64_t size)
{
	const struct gr_survey_size *got = gr_survey_size(&w->survey, node, size);

	assert_non_null(got);
	assert_int_equal(got->page_size_bytes, size);
	return got;
}

static uint64_t sum(const struct gr_page_kinds *pages)
{
	uint64_t total = 0;

	for (int kind = 0; kind < GR_KIND_COUNT; kind++)
		total += ((const uint64_t *)pages)[kind];
	return total;
}

/* All ranges are of one kind, and all pages are somewhere. */
static void check_sums(const struct world *w, const struct gr_page_kinds *pages,
		       const struct gr_survey_size *size)
{
	uint64_t range_pages = size->page_size_bytes / w->host.base_page_bytes;

	assert_true(size->known);
	assert_int_equal(size->ranges, size->free + size->movable + size->slab + size->kernel +
					       size->huge + size->absent);
	assert_int_equal(sum(pages), size->free * range_pages + sum(&size->in_movable) +
					     sum(&size->in_slab) + sum(&size->in_kernel) +
					     sum(&size->in_huge) + sum(&size->in_absent));
	assert_int_equal(sum(&size->in_movable), size->movable * range_pages);
	assert_int_equal(sum(&size->in_slab), size->slab * range_pages);
	assert_int_equal(sum(&size->in_kernel), size->kernel * range_pages);
	assert_int_equal(sum(&size->in_huge), size->huge * range_pages);
}

static void test_kinds(void **state)
{
	static const struct {
		uint64_t flags;
		enum gr_kind kind;
	} rows[] = {
		{ 0, GR_KIND_KERNEL },
		{ BUDDY, GR_KIND_FREE },
		{ BUDDY | UPTODATE, GR_KIND_FREE }, /* reported to the hypervisor */
		{ LRU | UPTODATE, GR_KIND_FILE },
		{ LRU | BIT(35), GR_KIND_FILE },    /* buffers of a block device, being read */
		{ UPTODATE | BIT(34), GR_KIND_FILE }, /* in a CPU's batch, on no list yet */
		{ LRU | UPTODATE | DIRTY, GR_KIND_DIRTY },
		{ LRU | UPTODATE | WRITEBACK, GR_KIND_DIRTY },
		{ LRU | ANON | SWAPBACKED | DIRTY, GR_KIND_ANON },
		{ ANON | MMAP | UPTODATE, GR_KIND_ANON },
		{ LRU | SWAPBACKED | DIRTY, GR_KIND_ANON }, /* tmpfs */
		{ LRU | ANON | MLOCKED, GR_KIND_UNEVICTABLE },
		{ LRU | SWAPBACKED | UNEVICTABLE, GR_KIND_UNEVICTABLE },
		{ SLAB, GR_KIND_SLAB },
		{ SLAB | HEAD, GR_KIND_SLAB },
		{ SLAB | TAIL, GR_KIND_SLAB },
		{ SLAB | ANON | KSM, GR_KIND_SLAB }, /* leftovers in a shared field */
		{ PGTABLE, GR_KIND_TABLES },
		{ PGTABLE | BIT(2), GR_KIND_TABLES },
		{ HEAD, GR_KIND_KERNEL },
		{ MMAP, GR_KIND_KERNEL }, /* a driver's buffer */
		{ HUGE | HEAD, GR_KIND_HUGE },
		{ HUGE | TAIL | UPTODATE, GR_KIND_HUGE },
		{ NOPAGE, GR_KIND_ABSENT },
		{ RESERVED, GR_KIND_ABSENT },
		{ HWPOISON | LRU, GR_KIND_ABSENT },
		{ OFFLINE, GR_KIND_ABSENT },
		{ RESERVED | ZERO, GR_KIND_ABSENT },
		{ ZERO | THP | TAIL, GR_KIND_SLAB }, /* the huge zero page has a shrinker */
		{ TAIL | LRU | THP | UPTODATE, GR_KIND_FILE },
		{ TAIL, GR_KIND_KERNEL },
	};

	(void)state;
	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++)
		assert_int_equal(gr_kind_of_flags(rows[i].flags, GR_KIND_COUNT), rows[i].kind);
	/* Older kernels show nothing of the head on a tail. */
	assert_int_equal(gr_kind_of_flags(TAIL, GR_KIND_SLAB), GR_KIND_SLAB);
	assert_int_equal(gr_kind_of_flags(TAIL | THP, GR_KIND_ANON), GR_KIND_ANON);
	assert_int_equal(gr_kind_of_flags(BUDDY, GR_KIND_ANON), GR_KIND_FREE);
}

/* One page of the worst kind decides over its range, and over the larger one around it. */
static void test_ranges(void **state)
{
	struct world *w = *state;
	const struct gr_survey_size *small, *large;
	size_t r = RANGE;

	w->flags[0 * r + 7] = LRU;
	w->flags[1 * r + 511] = LRU | DIRTY;
	fill(w, 2 * r, r, LRU | ANON);
	fill(w, 3 * r, 100, LRU | ANON | MLOCKED);
	w->flags[4 * r] = SLAB;
	w->flags[4 * r + 1] = LRU;
	w->flags[16 * r] = SLAB;
	w->flags[16 * r + 9] = 0;
	w->flags[32 * r + 9] = PGTABLE;
	fill(w, 48 * r, r, HUGE | TAIL);
	w->flags[64 * r] = NOPAGE;
	w->flags[64 * r + 1] = 0;
	w->flags[65 * r] = HUGE;
	w->flags[65 * r + 1] = RESERVED;
	w->flags[80 * r] = LRU;
	read_all(w);
	small = size_of(w, 0, M2);
	assert_int_equal(small->ranges, 128);
	assert_int_equal(small->movable, 5);
	assert_int_equal(small->slab, 1);
	assert_int_equal(small->kernel, 2);
	assert_int_equal(small->huge, 1);
	assert_int_equal(small->absent, 2);
	assert_int_equal(small->free, 117);
	assert_int_equal(small->in_movable.file, 2);
	assert_int_equal(small->in_movable.dirty, 1);
	assert_int_equal(small->in_movable.anon, 512);
	assert_int_equal(small->in_movable.unevictable, 100);
	assert_int_equal(small->in_movable.free, 511 + 511 + 412 + 511);
	assert_int_equal(small->in_slab.slab, 1);
	assert_int_equal(small->in_slab.file, 1);
	assert_int_equal(small->in_slab.free, 510);
	assert_int_equal(small->in_kernel.slab, 1);
	assert_int_equal(small->in_kernel.tables, 1);
	assert_int_equal(small->in_kernel.kernel, 1);
	assert_int_equal(small->in_kernel.free, 510 + 511);
	/* The one with the page table is no list of a CPU. */
	assert_int_equal(small->unflagged, 1);
	assert_int_equal(small->unflagged_pages, 1);
	large = size_of(w, 0, M32);
	assert_int_equal(large->ranges, 8);
	assert_int_equal(large->slab, 1);
	assert_int_equal(large->kernel, 2);
	assert_int_equal(large->huge, 1);
	assert_int_equal(large->absent, 1);
	assert_int_equal(large->movable, 1);
	assert_int_equal(large->free, 2);
	check_sums(w, &w->survey.nodes[0].pages, small);
	check_sums(w, &w->survey.nodes[0].pages, large);
	assert_int_equal(sum(&w->survey.nodes[0].pages), PAGES);
	/* 32 MiB is larger than the 4 MiB of the buddy lists: each range is listed. */
	assert_int_equal(w->survey.range_count, 8);
	assert_int_equal(w->survey.ranges[2].start_pfn, 32 * r);
	assert_int_equal(w->survey.ranges[2].pages.tables, 1);
	assert_int_equal(w->survey.ranges[2].pages.free, 16 * r - 1);
}

/* A compound page may reach over the end of a range; its tails are what its head is. */
static void test_tails(void **state)
{
	struct world *w = *state;

	w->flags[RANGE - 2] = SLAB | HEAD;
	fill(w, RANGE - 1, 7, TAIL);
	/* No head before it: a page that was taken meanwhile. */
	w->flags[3 * RANGE] = TAIL;
	/* The tail of something else does not follow. */
	w->flags[5 * RANGE] = LRU;
	w->flags[5 * RANGE + 1] = TAIL;
	read_all(w);
	assert_int_equal(size_of(w, 0, M2)->slab, 2);
	assert_int_equal(size_of(w, 0, M2)->in_slab.slab, 8);
	assert_int_equal(size_of(w, 0, M2)->kernel, 2);
}

/* What lies at the edge of a zone in no whole range is not lost, but makes no range. */
static void test_zone_edges(void **state)
{
	struct world *w = *state;
	const struct gr_survey_size *small;

	w->zones[0].start_pfn = 100;
	w->zones[0].spanned_pages = w->zones[0].present_pages = 10 * RANGE;
	w->flags[101] = LRU;
	w->flags[99] = 0; /* of nobody */
	read_all(w);
	small = size_of(w, 0, M2);
	assert_int_equal(small->ranges, 9);
	assert_int_equal(small->free, 9);
	assert_int_equal(small->in_absent.free, RANGE - 1);
	assert_int_equal(small->in_absent.file, 1);
	assert_int_equal(size_of(w, 0, M32)->ranges, 0);
	check_sums(w, &w->survey.nodes[0].pages, small);
	assert_int_equal(sum(&w->survey.nodes[0].pages), 10 * RANGE);
	assert_int_equal(w->survey.range_count, 0);
}

/* New kernels show no flags where no memory is: the memory blocks tell it from kernel memory. */
static void test_holes(void **state)
{
	struct world *w = *state;

	fill(w, 2 * RANGE, 8 * RANGE, 0);
	w->zones[0].present_pages -= 4 * RANGE;
	put(w, "sys/devices/system/memory/block_size_bytes", "400000\n");
	put(w, "sys/devices/system/memory/memory1/state", "online\n");
	put(w, "sys/devices/system/memory/memory2/state", "offline\n");
	put(w, "sys/devices/system/memory/memory4/state", "going-offline\n");
	read_all(w); /* block 3 is not there */
	assert_int_equal(size_of(w, 0, M2)->kernel, 4);
	assert_int_equal(size_of(w, 0, M2)->absent, 4);
	/* A zone without holes has none, whatever the flags look like. */
	w->zones[0].present_pages = w->zones[0].spanned_pages;
	read_all(w);
	assert_int_equal(size_of(w, 0, M2)->kernel, 8);
	/* Where no block can be asked, so much kernel memory in one piece is a hole. */
	w->zones[0].present_pages -= 64 * RANGE;
	fill(w, 64 * RANGE, 64 * RANGE, 0);
	put(w, "sys/devices/system/memory/block_size_bytes", "junk\n");
	read_all(w);
	assert_int_equal(size_of(w, 0, M2)->kernel, 8);
	assert_int_equal(size_of(w, 0, M2)->absent, 64);
}

/* Memory that is initialised lazily has no flags either; it is free but for what boot took. */
static void test_lazy(void **state)
{
	struct world *w = *state;

	fill(w, 64 * RANGE, 64 * RANGE, 0);
	w->flags[64 * RANGE + 5] = LRU; /* initialised meanwhile */
	w->zones[0].managed_pages = 64 * RANGE;
	w->host.unplaced_free_bytes = 60 * M2;
	read_all(w);
	assert_int_equal(size_of(w, 0, M2)->free, 64 + 59);
	assert_int_equal(size_of(w, 0, M2)->movable, 1);
	assert_int_equal(size_of(w, 0, M2)->kernel, 4);
	/* It is not in a zone that has no room for it. */
	w->host.unplaced_free_bytes = 65 * M2;
	read_all(w);
	assert_int_equal(size_of(w, 0, M2)->free, 64);
}

static void test_nodes(void **state)
{
	struct world *w = *state;

	w->zones[0].spanned_pages = w->zones[0].present_pages = 64 * RANGE;
	w->zones[1] = w->zones[0];
	strcpy(w->zones[1].name, "Movable");
	w->zones[1].start_pfn = 64 * RANGE;
	w->zones[1].spanned_pages = w->zones[1].present_pages = 16 * RANGE;
	w->zones[2] = w->zones[0];
	w->zones[2].node = 3;
	w->zones[2].start_pfn = 80 * RANGE;
	w->zones[2].spanned_pages = w->zones[2].present_pages = 48 * RANGE;
	w->host.zone_count = 3;
	w->flags[0] = 0;
	w->flags[64 * RANGE] = LRU;
	w->flags[81 * RANGE] = SLAB;
	read_all(w);
	assert_int_equal(w->survey.zone_count, 3);
	assert_int_equal(w->survey.node_count, 2);
	assert_int_equal(size_of(w, 0, M2)->ranges, 80);
	assert_int_equal(size_of(w, 0, M2)->kernel, 1);
	assert_int_equal(size_of(w, 0, M2)->movable, 1);
	assert_int_equal(size_of(w, 3, M2)->ranges, 48);
	assert_int_equal(size_of(w, 3, M2)->slab, 1);
	assert_true(w->survey.zones[1].movable);
	assert_false(w->survey.zones[0].movable);
	assert_int_equal(w->survey.ranges[4].node, 0);
	assert_true(w->survey.ranges[4].movable_zone);
	assert_int_equal(w->survey.ranges[5].node, 3);
	assert_null(gr_survey_size(&w->survey, 1, M2));
	assert_null(gr_survey_size(&w->survey, 0, GR_GIB));
	survey(w, 3, 0);
	assert_int_equal(w->survey.node_count, 1);
	assert_int_equal(w->survey.looked_at_pages, 48 * RANGE);
	assert_null(gr_survey_size(&w->survey, 0, M2));
	assert_int_equal(size_of(w, 3, M2)->slab, 1);
}

/* Blocks that went into ZONE_MOVABLE at run time leave the span of the other zone as it was. */
static void test_overlap(void **state)
{
	struct world *w = *state;
	char path[80];

	w->zones[1] = w->zones[0];
	strcpy(w->zones[1].name, "Movable");
	w->zones[1].start_pfn = 32 * RANGE;
	w->zones[1].spanned_pages = w->zones[1].present_pages = 32 * RANGE;
	w->host.zone_count = 2;
	put(w, "sys/devices/system/memory/block_size_bytes", "2000000\n"); /* 32 MiB */
	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "sys/devices/system/memory/memory%d/valid_zones", i);
		if (i != 5)
			put(w, path, i == 2 ? "Movable\n" : i == 6 ? "none\n" : "Normal Movable\n");
		snprintf(path, sizeof(path), "sys/devices/system/node/node0/memory%d/state", i);
		if (i != 7)
			put(w, path, "online\n");
	}
	w->flags[32 * RANGE] = LRU;
	w->flags[48 * RANGE] = 0;
	read_all(w);
	assert_int_equal(w->survey.zone_count, 2);
	assert_int_equal(w->survey.zones[0].sizes[0].ranges, 4 * 16); /* 0 1 3 4 */
	assert_int_equal(w->survey.zones[0].sizes[0].kernel, 1);
	assert_int_equal(w->survey.zones[0].sizes[0].movable, 0);
	assert_int_equal(w->survey.zones[1].sizes[0].ranges, 16);
	assert_int_equal(w->survey.zones[1].sizes[0].movable, 1);
	check_sums(w, &w->survey.zones[0].pages, &w->survey.zones[0].sizes[0]);
}

/* Absent, forbidden and malformed are three answers, and none of them is an error. */
static void test_answers(void **state)
{
	struct world *w = *state;
	char path[128];

	survey(w, -1, 0);
	assert_false(w->survey.known);
	assert_int_equal(w->survey.answer, GR_ANSWER_ABSENT);

	put_flags(w, 0); /* a capture that only notes that the file was there */
	survey(w, -1, 0);
	assert_false(w->survey.known);
	assert_int_equal(w->survey.answer, GR_ANSWER_ABSENT);
	put_flags(w, (PAGES - 1) * 8);
	survey(w, -1, 0);
	assert_false(w->survey.known);
	assert_int_equal(w->survey.answer, GR_ANSWER_MALFORMED);
	assert_int_equal(w->survey.zone_count, 0);
	put_flags(w, PAGES * 8 - 3);
	survey(w, -1, 0);
	assert_int_equal(w->survey.answer, GR_ANSWER_MALFORMED);

	put_flags(w, PAGES * 8);
	snprintf(path, sizeof(path), "%s/proc/kpageflags", w->path);
	assert_int_equal(chmod(path, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	survey(w, -1, 0);
	assert_int_equal(seteuid(getuid()), 0);
	assert_false(w->survey.known);
	assert_int_equal(w->survey.answer, GR_ANSWER_FORBIDDEN);
	assert_int_equal(chmod(path, 0644), 0);

	/* Captures before that line was kept do not say where zones are. */
	w->zones[0].spanned_pages = 0;
	survey(w, -1, 0);
	assert_int_equal(w->survey.answer, GR_ANSWER_ABSENT);
	w->zones[0].spanned_pages = PAGES;
	w->host.page_size_count = 0;
	survey(w, -1, 0);
	assert_int_equal(w->survey.answer, GR_ANSWER_ABSENT);
}

/* Sizes that do not divide each other can only come from a broken sysfs. */
static void test_odd_sizes(void **state)
{
	struct world *w = *state;

	w->sizes[0] = 3 * GR_KIB;
	w->sizes[1] = M2;
	w->sizes[2] = 3 * GR_MIB;
	w->host.page_size_count = 3;
	read_all(w);
	assert_false(size_of(w, 0, 3 * GR_KIB)->known);
	assert_false(size_of(w, 0, 3 * GR_MIB)->known);
	assert_int_equal(size_of(w, 0, M2)->free, 128);
	/* The largest one that is left is on the buddy lists: no list of single ranges. */
	assert_int_equal(w->survey.range_count, 0);
}

/* arm64 with 64 KiB pages: 2 MiB are 32 of them, 512 MiB are on the buddy lists. */
static void test_other_base_page(void **state)
{
	struct world *w = *state;

	w->host.base_page_bytes = 64 * GR_KIB;
	w->sizes[1] = 512 * GR_MIB;
	w->zones[0].orders = 14;
	w->flags[31] = LRU;
	w->flags[8192] = SLAB;
	read_all(w);
	assert_int_equal(size_of(w, 0, M2)->ranges, PAGES / 32);
	assert_int_equal(size_of(w, 0, M2)->movable, 1);
	assert_int_equal(size_of(w, 0, 512 * GR_MIB)->ranges, 8);
	assert_int_equal(size_of(w, 0, 512 * GR_MIB)->movable, 1);
	assert_int_equal(size_of(w, 0, 512 * GR_MIB)->slab, 1);
	assert_int_equal(w->survey.range_count, 0);
}

static const uint64_t samples[] = { BUDDY, BUDDY,   BUDDY, LRU,  LRU | ANON, LRU | DIRTY,
				    SLAB,  PGTABLE, 0,     HUGE, NOPAGE,     LRU | MLOCKED };

/* Ranges of @pages pages counted in the slow and simple way. */
static void count_slowly(const struct world *w, size_t pages, struct gr_survey_size *ret)
{
	*ret = (struct gr_survey_size){ 0 };
	for (size_t start = 0; start + pages <= PAGES; start += pages) {
		bool has[GR_KIND_COUNT] = { false };

		for (size_t i = start; i < start + pages; i++)
			has[gr_kind_of_flags(w->flags[i], GR_KIND_COUNT)] = true;
		ret->ranges++;
		if (has[GR_KIND_ABSENT])
			ret->absent++;
		else if (has[GR_KIND_HUGE])
			ret->huge++;
		else if (has[GR_KIND_KERNEL] || has[GR_KIND_TABLES])
			ret->kernel++;
		else if (has[GR_KIND_SLAB])
			ret->slab++;
		else if (has[GR_KIND_FILE] || has[GR_KIND_DIRTY] || has[GR_KIND_ANON] ||
			 has[GR_KIND_UNEVICTABLE])
			ret->movable++;
		else
			ret->free++;
	}
}

static void test_random(void **state)
{
	struct world *w = *state;

	srandom(17);
	for (int round = 0; round < 40; round++) {
		size_t spots = (size_t)random() % 400;

		fill(w, 0, PAGES, BUDDY);
		for (size_t i = 0; i < spots; i++) {
			size_t at = (size_t)random() % PAGES, run = 1 + (size_t)random() % 700;

			fill(w, at, gr_min_u64(run, PAGES - at),
			     samples[(size_t)random() % GR_ARRAY_SIZE(samples)]);
		}
		read_all(w);
		for (size_t s = 0; s < 2; s++) {
			const struct gr_survey_size *got = size_of(w, 0, w->sizes[s]);
			struct gr_survey_size want;

			count_slowly(w, w->sizes[s] / 4096, &want);
			assert_int_equal(got->ranges, want.ranges);
			assert_int_equal(got->free, want.free);
			assert_int_equal(got->movable, want.movable);
			assert_int_equal(got->slab, want.slab);
			assert_int_equal(got->kernel, want.kernel);
			assert_int_equal(got->huge, want.huge);
			assert_int_equal(got->absent, want.absent);
			check_sums(w, &w->survey.nodes[0].pages, got);
		}
	}
}

/* 16 GiB of which one page in ten is read: what is even comes out exact, what is not, nearly. */
static void test_sample(void **state)
{
	struct world *w = *state;
	const size_t copies = 64;
	FILE *f = create(w, "proc/kpageflags");
	const struct gr_survey_size *got;

	srandom(4);
	for (size_t range = 0; range < 128; range++) {
		if (range % 4 == 0)
			fill(w, range * RANGE, RANGE, LRU);
	}
	for (size_t i = 0; i < copies; i++) {
		/* An eighth of the ranges, at random, gets a kernel page. */
		for (size_t range = 0; range < 128; range++)
			w->flags[range * RANGE + 1] = random() % 8 ? w->flags[range * RANGE] : 0;
		assert_int_equal(fwrite(w->flags, 8, PAGES, f), PAGES);
	}
	fclose(f);
	w->sizes[1] = GR_GIB;
	w->zones[0].spanned_pages = w->zones[0].present_pages = copies * PAGES;
	survey(w, -1, copies * PAGES / 10);
	assert_true(w->survey.known);
	assert_in_range(w->survey.step, 10, 11);
	assert_in_range(w->survey.looked_at_pages, copies * PAGES / 12, copies * PAGES / 9);
	got = size_of(w, 0, M2);
	assert_true(got->known);
	assert_in_range(got->ranges, copies * 128 - 2, copies * 128 + 2);
	assert_in_range(got->kernel, 16 * copies * 3 / 4, 16 * copies * 5 / 4);
	assert_in_range(got->movable, 28 * copies * 9 / 10, 28 * copies * 11 / 10);
	assert_in_range(w->survey.nodes[0].pages.file, 32 * RANGE * copies * 99 / 100,
			32 * RANGE * copies * 101 / 100);
	/* So few stretches of 1 GiB say nothing. */
	assert_false(size_of(w, 0, GR_GIB)->known);
	assert_int_equal(size_of(w, 0, GR_GIB)->ranges, 0);
	/* But one that stays convicts its range, and there are some in each. */
	assert_int_equal(size_of(w, 0, GR_GIB)->spoiled, 16);
	assert_int_equal(w->survey.range_count, 0);
	/* A limit above what there is means all. */
	survey(w, -1, copies * PAGES);
	assert_int_equal(w->survey.step, 1);
	assert_true(size_of(w, 0, GR_GIB)->known);
	assert_int_equal(size_of(w, 0, GR_GIB)->spoiled, 0);
	assert_int_equal(w->survey.range_count, 16);
}

/* A small zone beside large ones is sampled, too. */
static void test_sample_small_zone(void **state)
{
	struct world *w = *state;

	w->zones[0].spanned_pages = w->zones[0].present_pages = 2 * RANGE;
	strcpy(w->zones[0].name, "DMA");
	w->zones[1] = w->zones[0];
	w->zones[1].start_pfn = 2 * RANGE;
	w->zones[1].spanned_pages = w->zones[1].present_pages = 126 * RANGE;
	w->host.zone_count = 2;
	put_flags(w, PAGES * 8);
	survey(w, -1, PAGES / 4);
	assert_true(w->survey.known);
	assert_int_equal(w->survey.step, 4);
	assert_int_equal(w->survey.zones[0].sizes[0].free, 2);
	assert_int_equal(w->survey.zones[0].pages.free, 2 * RANGE);
	assert_in_range(w->survey.zones[1].sizes[0].free, 124, 126);
	assert_int_equal(w->survey.zones[1].pages.free, 126 * RANGE);
}

static void test_blockers(void **state)
{
	_cleanup_free_ const struct gr_survey_range **list = NULL;
	struct world *w = *state;
	const struct gr_survey_range **none;
	const size_t large = 16 * RANGE;
	char text[128];

	fill(w, 1 * large, 3, SLAB);
	w->flags[2 * large] = PGTABLE;
	fill(w, 3 * large, 2, SLAB);
	w->flags[4 * large] = 0;
	w->flags[4 * large + 1] = PGTABLE;
	w->flags[4 * large + 2] = SLAB;
	w->flags[5 * large] = LRU; /* only moved */
	w->flags[6 * large] = HUGE;
	w->flags[6 * large + 1] = SLAB;
	w->flags[7 * large] = NOPAGE;
	w->flags[7 * large + 1] = SLAB;
	read_all(w);
	assert_int_equal(gr_survey_blockers(&w->survey, -1, 10, &list, NULL), 4);
	assert_int_equal(list[0]->start_pfn, 3 * large);
	assert_int_equal(list[1]->start_pfn, 1 * large);
	assert_int_equal(list[2]->start_pfn, 2 * large);
	assert_int_equal(list[3]->start_pfn, 4 * large);
	assert_string_equal(gr_survey_range_text(list[0], 4096, text, sizeof(text)),
			    "96 MiB: 2 slab pages");
	assert_string_equal(gr_survey_range_text(list[2], 4096, text, sizeof(text)),
			    "64 MiB: 1 page table");
	assert_string_equal(gr_survey_range_text(list[3], 4096, text, sizeof(text)),
			    "128 MiB: 1 kernel page, 1 page table, 1 slab page");
	gr_survey_range_text(list[3], 4096, text, 12);
	assert_int_equal(strlen(text), 11);
	assert_int_equal(gr_survey_blockers(&w->survey, 1, 10, &none, NULL), 0);
	assert_null(none);
	free(list);
	assert_int_equal(gr_survey_blockers(&w->survey, 0, 2, &list, NULL), 2);
}

#define TYPES                                                                                      \
	"Page block order: 9\nPages per block:  512\n\n"                                          \
	"Free pages count per migrate type at order       0      1 \n"                            \
	"Node    0, zone   Normal, type    Unmovable  >100000      9 \n\n"

static int parse_types(const char *text, struct gr_zone *zones)
{
	_cleanup_free_ char *copy = strdup(text);

	assert_non_null(copy);
	return gr_pagetypeinfo_parse(copy, zones, 2);
}

/* Blocks for what cannot be moved: all columns but those that compaction moves into. */
static void test_block_types(void **state)
{
	struct gr_zone zones[] = { { .name = "DMA32" }, { .name = "Normal" } };

	(void)state;
	assert_int_equal(parse_types(TYPES "Number of blocks type     Unmovable      Movable  "
					   "Reclaimable   HighAtomic          CMA      Isolate \n"
					   "Node 0, zone   Normal       10     9000    5   1  70   0 \n"
					   "Node 1, zone   Normal      500        0    0   0   0   0 \n"
					   "Node 0, zone    DMA32        2     1526    0   0   0   0 \n",
				     zones), 0);
	assert_true(zones[0].unmovable_pages.known && zones[1].unmovable_pages.known);
	assert_int_equal(zones[0].unmovable_pages.value, 2 * 512);
	assert_int_equal(zones[1].unmovable_pages.value, 16 * 512);
	/* Of a page_owner kernel's second table nothing is read. */
	zones[1].unmovable_pages.known = false;
	assert_int_equal(parse_types(TYPES "Number of blocks type Unmovable Movable\n"
					   "Node 0, zone    DMA32 3 4\n\n"
					   "Number of mixed blocks Unmovable Movable\n"
					   "Node 0, zone   Normal 7 8\n", zones), 0);
	assert_int_equal(zones[0].unmovable_pages.value, 3 * 512);
	assert_false(zones[1].unmovable_pages.known);

	assert_int_equal(parse_types(TYPES, zones), -EBADMSG);
	assert_int_equal(parse_types("", zones), -EBADMSG);
	assert_int_equal(parse_types("Number of blocks type Unmovable Movable\n"
				     "Node 0, zone DMA32 1 2\n", zones), -EBADMSG);
	assert_int_equal(parse_types(TYPES "Number of blocks type Unmovable Movable\n"
					   "Node 0, zone DMA32 1\n", zones), -EBADMSG);
	assert_int_equal(parse_types(TYPES "Number of blocks type Unmovable Movable\n"
					   "Node 0, zone DMA32 1 x\n", zones), -EBADMSG);
	assert_int_equal(parse_types(TYPES "Number of blocks type Unmovable Movable\n"
					   "Node 0, zone DMA32 99999999999999999 1\n", zones),
			 -EBADMSG);
}

static bool near(const char *what, uint64_t got, uint64_t low, uint64_t high, uint64_t slack)
{
	if (got + slack >= low && got <= high + slack)
		return true;
	print_message("%s: %llu MiB, the kernel says %llu to %llu MiB\n", what,
		      (unsigned long long)(got / GR_MIB), (unsigned long long)(low / GR_MIB),
		      (unsigned long long)(high / GR_MIB));
	return false;
}

static uint64_t meminfo_bytes(const struct gr_root *root, const char *key)
{
	_cleanup_free_ char *text = NULL;
	const char *line;

	assert_int_equal(gr_root_read(root, "proc/meminfo", &text, NULL, NULL), 0);
	line = strstr(text, key);
	assert_non_null(line);
	return strtoull(line + strlen(key), NULL, 10) * 1024;
}

/* On the running kernel: other programs are at work, so a few attempts with some slack. */
static bool live_agrees(const struct gr_root *root)
{
	static const char *const keys[] = { "\nMemFree:", "\nSlab:", "\nPageTables:", "\nAnonPages:",
					    "\nHugetlb:" };
	uint64_t low[5], high[5], base;
	_cleanup_survey_ struct gr_survey live = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_page_kinds pages = { 0 };
	bool ok = true;

	for (int i = 0; i < 5; i++)
		low[i] = meminfo_bytes(root, keys[i]);
	assert_int_equal(gr_host_read(root, GR_READ_POOLS, &host, NULL), 0);
	assert_int_equal(gr_survey_read(root, host, -1, 0, &live, NULL), 0);
	assert_true(live.known);
	for (int i = 0; i < 5; i++) {
		uint64_t now = meminfo_bytes(root, keys[i]);

		high[i] = gr_max_u64(low[i], now);
		low[i] = gr_min_u64(low[i], now);
	}
	base = host->base_page_bytes;
	for (size_t i = 0; i < live.node_count; i++)
		gr_kinds_add(&pages, &live.nodes[i].pages);
	print_message("%llu ms, free %llu MiB, kernel %llu MiB\n",
		      (unsigned long long)(live.elapsed_ns / 1000000),
		      (unsigned long long)(pages.free * base / GR_MIB),
		      (unsigned long long)(pages.kernel * base / GR_MIB));
	/* Sizes of pages are counted, whatever happens to them meanwhile. */
	assert_int_equal(sum(&pages), live.looked_at_pages);
	ok &= near("free", pages.free * base, low[0], high[0], 32 * GR_MIB);
	ok &= near("slab", pages.slab * base, low[1], high[1], 8 * GR_MIB);
	ok &= near("page tables", pages.tables * base, low[2], high[2], 4 * GR_MIB);
	ok &= near("hugetlb", pages.huge * base, low[4], high[4], 0);
	/* Shared memory is anonymous to us, too; locked memory is apart. */
	if ((pages.anon + pages.unevictable) * base + 8 * GR_MIB < low[3])
		ok = near("anonymous", pages.anon * base, low[3], high[3], 0);
	return ok;
}

static void test_live(void **state)
{
	_cleanup_root_ struct gr_root *root = NULL;
	int tries = 0;

	if (access("/proc/kpageflags", R_OK) < 0) {
		print_message("/proc/kpageflags cannot be read: not tried on the running kernel\n");
		assert_null(getenv("GUESTRAM_MUST_RUN"));
		skip();
	}
	assert_int_equal(gr_root_open(NULL, &root, NULL), 0);
	while (!live_agrees(root)) {
		assert_true(++tries < 10);
		usleep(200000);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(kinds),     TEST(ranges),          TEST(tails),       TEST(zone_edges),
		TEST(holes),     TEST(lazy),            TEST(nodes),       TEST(overlap),
		TEST(answers),   TEST(odd_sizes),       TEST(other_base_page), TEST(random),
		TEST(sample),    TEST(sample_small_zone), TEST(blockers),  TEST(block_types),
		TEST(live),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
