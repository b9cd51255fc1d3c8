// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Folios of an invented memory: the flags of every frame are made from a list of folios, and the
 * code has to find that list again, from any frame, and to count what is mapped of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/exact.h"
#include "verify/folios.h"
#include "verify/pagemap.h"

#define FRAMES 4096
#define BASE (4 * GR_KIB)

struct memory {
	uint64_t flags[FRAMES];
	unsigned int asked, fail_at; /* fail_at: that question is answered by -EIO */
};

static int frame_flags(void *data, uint64_t pfn, uint64_t *ret)
{
	struct memory *memory = data;

	if (++memory->asked == memory->fail_at)
		return -EIO;
	*ret = pfn < FRAMES ? memory->flags[pfn] : 0;
	return 0;
}

static void put(struct memory *memory, uint64_t first, unsigned int order)
{
	for (uint64_t i = 0; order && i < UINT64_C(1) << order; i++)
		memory->flags[first + i] =
			GR_KPF_THP | (i ? GR_KPF_COMPOUND_TAIL : GR_KPF_COMPOUND_HEAD);
}

static void check(struct memory *memory, uint64_t pfn, uint64_t first, unsigned int order)
{
	const struct gr_frames frames = { .flags = frame_flags, .data = memory };
	struct gr_folio folio;

	memory->asked = 0;
	assert_int_equal(gr_folio_find(&frames, pfn, &folio), 0);
	assert_true(folio.known);
	assert_int_equal(folio.first_pfn, first);
	assert_int_equal(folio.order, order);
	assert_true(memory->asked <= 2 * (order + 2)); /* not a word per frame */
}

static void test_find(void **state)
{
	static const struct {
		uint64_t first;
		unsigned int order;
	} folios[] = { { 0, 4 },   { 16, 0 },  { 17, 0 },   { 18, 1 },	 { 20, 2 },
		       { 24, 3 },  { 32, 4 },  { 48, 4 },   { 64, 6 },	 { 128, 7 },
		       { 256, 8 }, { 512, 9 }, { 1024, 9 }, { 1536, 9 }, { 2048, 11 } };
	struct memory memory = { 0 };

	for (size_t i = 0; i < GR_ARRAY_SIZE(folios); i++)
		put(&memory, folios[i].first, folios[i].order);
	for (size_t i = 0; i < GR_ARRAY_SIZE(folios); i++) {
		for (uint64_t k = 0; k < UINT64_C(1) << folios[i].order; k++)
			check(&memory, folios[i].first + k, folios[i].first, folios[i].order);
	}
}

static void test_find_torn(void **state)
{
	struct memory memory = { 0 };
	const struct gr_frames frames = { .flags = frame_flags, .data = &memory };
	struct gr_folio folio;

	/* Split between two reads: tails without a head. */
	put(&memory, 512, 9);
	memory.flags[512] = 0;
	assert_int_equal(gr_folio_find(&frames, 600, &folio), 0);
	assert_false(folio.known);
	/* A head with a tail of another folio behind the end of its own. */
	memset(&memory, 0, sizeof(memory));
	put(&memory, 0, 2);
	memory.flags[6] = GR_KPF_COMPOUND_TAIL;
	assert_int_equal(gr_folio_find(&frames, 6, &folio), 0);
	assert_false(folio.known);
	/* All of it tails, down to frame 0. */
	for (size_t i = 0; i < FRAMES; i++)
		memory.flags[i] = GR_KPF_COMPOUND_TAIL;
	assert_int_equal(gr_folio_find(&frames, 4095, &folio), 0);
	assert_false(folio.known);
	/* What cannot be read is an error, at every question. */
	memset(&memory, 0, sizeof(memory));
	put(&memory, 512, 9);
	for (memory.fail_at = 1; memory.fail_at < 40; memory.fail_at++) {
		int r;

		memory.asked = 0;
		r = gr_folio_find(&frames, 1023, &folio);
		if (memory.asked < memory.fail_at) {
			assert_int_equal(r, 0);
			assert_true(memory.fail_at > 10);
			return;
		}
		assert_int_equal(r, -EIO);
	}
	fail();
}

static uint64_t on_size(const struct gr_exact *exact, uint64_t size)
{
	for (size_t i = 0; i < exact->by_size_count; i++) {
		if (exact->by_size[i].page_size_bytes == size)
			return exact->by_size[i].bytes;
	}
	return 0;
}

static void exact_done(struct gr_folio_count *count, struct gr_exact *exact)
{
	gr_exact_done(exact);
	free(count->by_node);
}

static void test_count(void **state)
{
	struct gr_zone zones[] = {
		{ .node = 0, .start_pfn = 0, .spanned_pages = 1024 },
		{ .node = 0, .start_pfn = 1024, .spanned_pages = 512 },
		{ .node = 1, .start_pfn = 1500, .spanned_pages = 1000 },
	};
	const struct gr_host host = { .base_page_bytes = BASE, .zones = zones, .zone_count = 3 };
	const struct gr_folio huge = { .first_pfn = 0, .order = 9, .known = true };
	const struct gr_folio large = { .first_pfn = 512, .order = 4, .known = true };
	const struct gr_folio small = { .first_pfn = 2000, .known = true };
	const struct gr_folio lost = { .first_pfn = 1510 };
	struct gr_folio_count count = { .host = &host, .node = -1 };
	struct gr_exact exact;

	assert_int_equal(gr_pfn_node(&host, 1030), 0);
	assert_int_equal(gr_pfn_node(&host, 1600), 1);
	assert_int_equal(gr_pfn_node(&host, 1510), -1); /* in the spans of two nodes */
	assert_int_equal(gr_pfn_node(&host, 9999), -1);

	/* A huge one in three pieces that follow each other is whole; half of it is not. */
	assert_int_equal(gr_folio_count_pages(&count, &huge, 500), 0);
	assert_int_equal(gr_folio_count_pages(&count, &huge, 11), 0);
	assert_int_equal(gr_folio_count_pages(&count, &huge, 1), 0);
	assert_int_equal(gr_folio_count_pages(&count, &large, 16), 0);
	assert_int_equal(gr_folio_count_pages(&count, &small, 1), 0);
	assert_int_equal(gr_folio_count_pages(&count, &large, 3), 0);
	assert_int_equal(gr_folio_count_pages(&count, &lost, 1), 0);
	assert_int_equal(gr_folio_count_end(&count, &exact), 0);
	assert_true(exact.known);
	assert_int_equal(on_size(&exact, 2 * GR_MIB), 2 * GR_MIB);
	assert_int_equal(on_size(&exact, 64 * GR_KIB), 19 * BASE);
	assert_int_equal(on_size(&exact, BASE), BASE);
	assert_int_equal(on_size(&exact, 0), BASE);
	assert_int_equal(exact.partly_bytes, 3 * BASE);
	assert_int_equal(exact.by_node_count, 3);
	assert_int_equal(exact.by_node[0].bytes, 2 * GR_MIB + 19 * BASE);
	assert_int_equal(exact.by_node[1].bytes, BASE);
	assert_int_equal(exact.by_node[2].node, -1);
	assert_int_equal(exact.by_node[2].bytes, BASE);
	exact_done(&count, &exact);

	/* Nothing mapped is known, too. */
	count = (struct gr_folio_count){ .host = &host, .node = -1 };
	assert_int_equal(gr_folio_count_end(&count, &exact), 0);
	assert_true(exact.known && exact.by_size_count == 0 && exact.by_node_count == 0);
	exact_done(&count, &exact);
}

struct seen {
	uint64_t bytes, end;
};

static int add_range(void *data, const struct gr_pagemap_range *range)
{
	struct seen *seen = data;

	assert_true(range->start >= seen->end); /* none is told twice */
	seen->end = range->end;
	seen->bytes += range->end - range->start;
	return seen->bytes >= 3000 * (uint64_t)sysconf(_SC_PAGESIZE) ? -ECANCELED : 0;
}

/* More ranges than the kernel's buffer (512) and than ours (1024) hold, and numbers in between. */
static void test_ranges(void **state)
{
	static const unsigned int counts[] = {
		1, 511, 512, 513, 1023, 1024, 1025, 1536, 2047, 2560
	};
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const size_t size = 8192 * page;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	_cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct seen seen;
	int r;

	assert_ptr_not_equal(p, MAP_FAILED);
	madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < GR_ARRAY_SIZE(counts); i++) {
		madvise(p, size, MADV_DONTNEED);
		for (unsigned int k = 0; k < counts[i]; k++)
			p[2 * k * page] = 1;
		seen = (struct seen){ 0 };
		r = gr_pagemap_ranges(fd, (uintptr_t)p, (uintptr_t)p + size, add_range, &seen);
		if (fd < 0 || r == -ENOTTY) {
			print_message("[  SKIPPED ] this kernel has no PAGEMAP_SCAN\n");
			skip();
		}
		assert_int_equal(r, 0);
		assert_int_equal(seen.bytes, counts[i] * page);
	}
	memset(p, 1, size); /* what the callback says ends it */
	seen = (struct seen){ 0 };
	assert_int_equal(gr_pagemap_ranges(fd, (uintptr_t)p, (uintptr_t)p + size, add_range, &seen),
			 -ECANCELED);
	munmap(p, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_torn),
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
