// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Flags of /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst) -> what can be done with the
 * page. The order of the tests matters: slab pages show leftovers of flags that share their field
 * (ANON, KSM), and free pages that were reported to a hypervisor show UPTODATE. Not every movable
 * page is on an LRU list: those in a CPU's batch are not yet, and page cache among them shows
 * nothing but UPTODATE, which kernel memory never has.
 */
#include "host/survey_private.h"

#define FLAG(bit) (UINT64_C(1) << (bit))

/* From 32 on the bits are meant for kernel hackers, but have been there since 2.6.31. */
enum {
	UPTODATE = 3,
	DIRTY = 4,
	LRU = 5,
	SLAB = 7,
	WRITEBACK = 8,
	ANON = 12,
	SWAPBACKED = 14,
	HEAD = 15,
	TAIL = 16,
	HUGE = 17,
	UNEVICTABLE = 18,
	HWPOISON = 19,
	NOPAGE = 20,
	OFFLINE = 23,
	ZERO_PAGE = 24,
	PGTABLE = 26,
	RESERVED = 32,
	MLOCKED = 33,
};

#define GONE (FLAG(NOPAGE) | FLAG(HWPOISON) | FLAG(OFFLINE) | FLAG(RESERVED))
#define MOVABLE (FLAG(LRU) | FLAG(ANON) | FLAG(SWAPBACKED) | FLAG(UPTODATE))

bool gr_flags_have_head(uint64_t flags)
{
	return (flags & FLAG(HEAD)) != 0;
}

bool gr_flags_have_tail(uint64_t flags)
{
	return (flags & FLAG(TAIL)) != 0;
}

enum gr_kind gr_kind_of_flags(uint64_t flags, enum gr_kind head)
{
	if (flags & GONE)
		return GR_KIND_ABSENT;
	if (flags & GR_FLAG_BUDDY)
		return GR_KIND_FREE;
	if (flags & FLAG(HUGE))
		return GR_KIND_HUGE;
	if (flags & FLAG(SLAB))
		return GR_KIND_SLAB;
	/* The huge zero page is freed by a shrinker once nobody has it mapped. */
	if (flags & FLAG(ZERO_PAGE))
		return flags & FLAG(TAIL) ? GR_KIND_SLAB : GR_KIND_KERNEL;
	if ((flags & FLAG(TAIL)) && head != GR_KIND_COUNT)
		return head;
	if (flags & FLAG(PGTABLE))
		return GR_KIND_TABLES;
	if (!(flags & MOVABLE))
		return GR_KIND_KERNEL;
	if (flags & (FLAG(UNEVICTABLE) | FLAG(MLOCKED)))
		return GR_KIND_UNEVICTABLE;
	if (flags & (FLAG(ANON) | FLAG(SWAPBACKED)))
		return GR_KIND_ANON;
	if (flags & (FLAG(DIRTY) | FLAG(WRITEBACK)))
		return GR_KIND_DIRTY;
	return GR_KIND_FILE;
}
