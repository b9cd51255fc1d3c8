// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The second stage against the host's page table. It can never have larger pages than the host, and
 * has smaller ones for few reasons: pages are tracked one by one (dirty logging), executed huge
 * pages are split (nx_huge_pages), a slot lies askew, or the host's own pages are small. Shares are
 * compared, not sums: the counts grow as the guest touches its memory.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/align.h"
#include "verify/findings.h"
#include "verify/pages.h"
#include "verify/qmp.h"
#include "verify/stage2.h"

/* A difference of shares below this many thousandths is no finding: a VM's edges cost a few pages.
 */
#define SLACK 20

enum gr_stage2_state gr_stage2_state(const struct gr_inspection *i)
{
	bool told = i->qmp && i->qmp->kvm != GR_NOT_TOLD;

	if (i->stage2.known)
		return GR_STAGE2_COUNTED;
	if (told ? i->qmp->kvm == GR_TOLD_NO : i->fds_known && !i->uses_kvm)
		return GR_STAGE2_NO_KVM;
	if (!i->uses_kvm && !told)
		return GR_STAGE2_UNKNOWN;
	return i->stage2_error == -ENODATA ? GR_STAGE2_ALL_ZERO : GR_STAGE2_HIDDEN;
}

const char *gr_stage2_state_name(enum gr_stage2_state state)
{
	static const char *const names[] = {
		[GR_STAGE2_COUNTED] = "counted", [GR_STAGE2_ALL_ZERO] = "all-zero",
		[GR_STAGE2_NO_KVM] = "no-kvm",	 [GR_STAGE2_HIDDEN] = "hidden",
		[GR_STAGE2_UNKNOWN] = "unknown",
	};

	_Static_assert(GR_ARRAY_SIZE(names) == GR_STAGE2_STATES, "a name for each state");
	return names[state];
}

/* Bytes in slots that can have no page of that size at all. */
static uint64_t askew_bytes(const struct gr_inspection *i, uint64_t page_bytes)
{
	uint64_t bytes = 0;

	for (size_t k = 0; k < i->region_count && page_bytes; k++) {
		const struct gr_region *region = &i->regions[k];

		for (size_t s = 0; s < region->slot_count; s++) {
			const struct gr_slot *slot = &region->slots[s];

			if (slot->size_bytes >= page_bytes &&
			    (slot->guest ^ slot->host) & (page_bytes - 1))
				bytes += slot->size_bytes;
		}
	}
	return bytes;
}

/* Of the host's pages in this process's table: on the middle level, on the top one, and all. */
struct levels {
	uint64_t large, top, all;
};

static struct levels host_levels(const struct gr_inspection *i)
{
	struct levels levels = { 0 };

	for (size_t k = 0; k < i->region_count; k++) {
		const struct gr_region *region = &i->regions[k];
		uint64_t huge = gr_region_mapped_huge_bytes(region, i->base_page_bytes);

		levels.large += huge;
		levels.all += region->mapped_bytes;
		if (i->pud_bytes && region->kernel_page_bytes == i->pud_bytes)
			levels.top += huge;
	}
	return levels;
}

/* KVM's names of its counts are x86's sizes. */
static struct levels stage2_levels(const struct gr_stage2 *stage2)
{
	struct levels levels = { .top = stage2->pages_1g * GR_GIB };

	levels.large = levels.top + stage2->pages_2m * 2 * GR_MIB;
	levels.all = levels.large + stage2->pages_4k * 4 * GR_KIB;
	return levels;
}

/* In thousandths. */
static uint64_t share(uint64_t part, uint64_t all)
{
	return all ? (uint64_t)((unsigned __int128)part * 1000 / all) : 0;
}

static int dirty_log(struct gr_inspection *i)
{
	if (!i->qmp || i->qmp->dirty_log != GR_TOLD_YES)
		return 0;
	return gr_finding_add(i, GR_FINDING_DIRTY_LOG,
			      "%s: while pages are tracked one by one the second stage has 4 KiB "
			      "pages, whatever the host has",
			      i->qmp->why_dirty);
}

static int misaligned(struct gr_inspection *i)
{
	uint64_t large = askew_bytes(i, i->pmd_bytes), top = askew_bytes(i, i->pud_bytes);
	char bytes[GR_TEXT_MAX], size[GR_TEXT_MAX];
	bool top_matters = false;

	if (gr_stage2_state(i) == GR_STAGE2_NO_KVM)
		return 0;
	for (size_t k = 0; k < i->region_count; k++)
		top_matters |= i->pud_bytes && i->regions[k].kernel_page_bytes == i->pud_bytes;
	if (!large && !(top && top_matters))
		return 0;
	return gr_finding_add(i, GR_FINDING_MISALIGNED,
			      "for %s of RAM guest and host addresses differ modulo %s: the second "
			      "stage cannot have such pages there",
			      gr_size_text(large ? large : top, bytes),
			      gr_size_text(large ? i->pmd_bytes : i->pud_bytes, size));
}

/* What explains smaller pages there, as words; "" if nothing that is known here. */
static void reasons(const struct gr_inspection *i, bool top, char *text, size_t size)
{
	const struct {
		bool holds;
		const char *words;
	} all[] = {
		{ i->qmp && i->qmp->dirty_log == GR_TOLD_YES, "dirty pages are logged" },
		{ i->stage2.splits_known ? i->stage2.nx_splits > 0 : i->nx_splits,
		  "nx_huge_pages splits what the guest executes" },
		{ askew_bytes(i, top ? i->pud_bytes : i->pmd_bytes) > 0, "addresses lie askew" },
	};
	size_t len = 0;

	text[0] = '\0';
	for (size_t k = 0; k < GR_ARRAY_SIZE(all); k++) {
		if (all[k].holds)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? ", " : "",
						all[k].words);
	}
}

static int smaller(struct gr_inspection *i)
{
	struct levels host = host_levels(i), guest = stage2_levels(&i->stage2);
	uint64_t host_large = share(host.large, host.all), large = share(guest.large, guest.all);
	uint64_t host_top = share(host.top, host.all), top_share = share(guest.top, guest.all);
	bool top = large + SLACK >= host_large;
	char why[160];

	if (!i->stage2.known || !host.all)
		return 0;
	/* Below 4 GiB a PC has a piece of a top-level page at each end: only none at all counts. */
	if (top && !(host_top > SLACK && !top_share))
		return 0;
	reasons(i, top, why, sizeof(why));
	return gr_finding_add(
		i, GR_FINDING_STAGE2_SMALLER,
		"the second stage has %llu.%llu %% on %s pages, the host %llu.%llu %%: %s",
		(unsigned long long)(top ? top_share : large) / 10,
		(unsigned long long)(top ? top_share : large) % 10, top ? "1 GiB" : "large",
		(unsigned long long)(top ? host_top : host_large) / 10,
		(unsigned long long)(top ? host_top : host_large) % 10,
		why[0] ? why :
		i->qmp ? "for no reason that is known here" :
			 "dirty logging or addresses askew? --qmp would tell");
}

static int host_is_small(struct gr_inspection *i)
{
	struct levels host = host_levels(i);
	char text[GR_TEXT_MAX];

	if (!i->stage2.known || !i->stage2.pages_4k || host.large == host.all)
		return 0;
	return gr_finding_add(i, GR_FINDING_STAGE2_HOST,
			      "%s are on small pages on the host, so they are in the second stage",
			      gr_size_text(host.all - host.large, text));
}

int gr_stage2_judge(struct gr_inspection *i)
{
	static const struct {
		const char *code;
		int (*make)(struct gr_inspection *inspection);
	} makers[] = {
		{ GR_FINDING_DIRTY_LOG, dirty_log },
		{ GR_FINDING_MISALIGNED, misaligned },
		{ GR_FINDING_STAGE2_SMALLER, smaller },
		{ GR_FINDING_STAGE2_HOST, host_is_small },
	};
	int r = 0;

	for (size_t k = 0; k < GR_ARRAY_SIZE(makers); k++)
		gr_finding_drop(i, makers[k].code);
	for (size_t k = 0; k < GR_ARRAY_SIZE(makers) && r == 0; k++)
		r = makers[k].make(i);
	return r;
}
