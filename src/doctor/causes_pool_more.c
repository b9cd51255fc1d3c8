// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Why a pool has too few pages, in second line: another size has them, the kernel gave fewer than
 * it was asked for, overcommit is used up, or its count is wrong.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "plan/scope.h"

enum gr_verdict gr_cause_other_size(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		uint64_t bytes = gr_mul_sat(s.need, s.page_size_bytes);

		for (size_t k = 0; k < host->page_size_count; k++) {
			const struct gr_pool *pool = gr_host_pool(host, host->page_sizes[k], -1);
			char size[GR_TEXT_MAX], arg[GR_TEXT_MAX];
			uint64_t have;

			if (!pool || pool->page_size_bytes == s.page_size_bytes)
				continue;
			have = gr_sub_floor(pool->free, pool->reserved);
			if (gr_mul_sat(have, pool->page_size_bytes) < bytes)
				continue;
			gr_size_text(pool->page_size_bytes, size);
			gr_diagnose(
				c->found, "GR106", GR_ERROR,
				"the pages that were reserved have another size: the VM wants %s "
				"pages, the free ones are of %s",
				s.size, size);
			gr_diagnose_evidence(c->found,
					     "%" PRIu64 " pages of %s are free, %" PRIu64
					     " of %s; need %" PRIu64,
					     have, size, s.available, s.size, s.need);
			gr_diagnose_remedy(
				c->found,
				"let the VM ask for %s pages (<page size='%" PRIu64
				"' unit='KiB'/>, hugetlbsize=%s), or fill the pool of %s",
				size, pool->page_size_bytes / GR_KIB,
				gr_size_arg(pool->page_size_bytes, arg), s.size);
			verdict = GR_CONFIRMED;
		}
	}
	return verdict;
}

static uint64_t asked_at_boot(const struct gr_case *c, uint64_t page_size_bytes,
			      const char **ret_source)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->ev->boot.count; i++) {
		if (c->ev->boot.pools[i].page_size_bytes != page_size_bytes)
			continue;
		sum = gr_add_sat(sum, c->ev->boot.pools[i].pages);
		*ret_source = c->ev->boot.pools[i].source;
	}
	return sum;
}

enum gr_verdict gr_cause_partial(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		const char *source = "";
		uint64_t asked = asked_at_boot(c, s.page_size_bytes, &source);
		struct gr_obtainable can;
		char free_text[GR_TEXT_MAX];

		if (s.total >= asked)
			continue;
		gr_obtainable(c->ev->host, s.page_size_bytes, -1, c->floor, &can);
		gr_diagnose(c->found, "GR107", GR_ERROR,
			    "the kernel gave fewer pages of %s than it was asked for: %" PRIu64
			    " of %" PRIu64,
			    s.size, s.total, asked);
		gr_diagnose_evidence(c->found, "asked by the %s; %s of memory is free now", source,
				     gr_size_text(c->ev->host->mem_free_bytes, free_text));
		gr_diagnose_evidence(c->found,
				     "%s%" PRIu64 " more could be had at once, about %" PRIu64
				     " with compaction",
				     can.now_known ? "" : "at most ", can.now, can.by_ladder);
		gr_diagnose_remedy(
			c->found,
			"guestram reserve -m %" PRIu64 "M -p %s climbs to what can "
			"be had; a reservation at boot comes before memory is fragmented",
			gr_mul_sat(s.need, s.page_size_bytes) / GR_MIB,
			gr_size_arg(s.page_size_bytes, free_text));
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

static bool no_contig_alloc(const struct gr_host *host)
{
	for (size_t i = 0; i < host->feature_count; i++) {
		if (!strcmp(host->features[i].name, "contig_alloc"))
			return host->features[i].state == GR_FEATURE_NO;
	}
	return false;
}

enum gr_verdict gr_cause_gigantic(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		struct gr_obtainable can;
		bool never;

		if (!gr_is_gigantic(c->ev->host, s.page_size_bytes))
			continue;
		gr_obtainable(c->ev->host, s.page_size_bytes, -1, c->floor, &can);
		never = no_contig_alloc(c->ev->host);
		if (!never && can.at_most >= s.lack)
			continue;
		gr_diagnose(c->found, "GR108", GR_ERROR,
			    "so many pages of %s cannot be had while this host runs", s.size);
		if (never)
			gr_diagnose_evidence(c->found, "this kernel allocates them at boot only "
						       "(CONFIG_CONTIG_ALLOC is off)");
		else
			gr_diagnose_evidence(c->found,
					     "at most %" PRIu64
					     " more fit into its zones above the "
					     "floor, %" PRIu64 " are lacking",
					     can.at_most, s.lack);
		gr_diagnose_remedy(c->found,
				   "reserve them at boot (hugepagesz=1G hugepages=%" PRIu64
				   "), or let the VM take smaller pages",
				   s.need);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_overcommit(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; i < host->page_size_count && !c->intent->pid; i++) {
		const struct gr_pool *pool = gr_host_pool(host, host->page_sizes[i], -1);
		struct gr_obtainable can;

		if (!gr_short_of(c, host->page_sizes[i], &s) || !s.pool_known || !s.lack ||
		    !pool->overcommit_known || !pool->overcommit)
			continue;
		gr_obtainable(host, s.page_size_bytes, -1, c->floor, &can);
		if (s.room >= s.lack && (!can.now_known || can.now >= s.lack))
			continue;
		gr_diagnose(c->found, "GR114", GR_ERROR,
			    s.room < s.lack ?
				    "overcommit allows fewer pages of %s than are lacking" :
				    "overcommit allows the pages of %s, but memory does not "
				    "have them in one piece",
			    s.size);
		gr_say_pool(c, &s);
		gr_diagnose_evidence(c->found, "allowed %" PRIu64 ", obtainable now about %" PRIu64,
				     s.room, can.now);
		gr_diagnose_remedy(c->found,
				   "reserve before the start: guestram run, or guestram "
				   "reserve -m %" PRIu64 "M",
				   gr_mul_sat(s.need, s.page_size_bytes) / GR_MIB);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_underflow(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->ev->host->pool_count; i++) {
		const struct gr_pool *pool = &c->ev->host->pools[i];
		char size[GR_TEXT_MAX];

		if (pool->node >= 0 || !pool->reserved_bogus)
			continue;
		gr_diagnose(
			c->found, "GR116", GR_ERROR,
			"the kernel's count of reserved pages of %s ran below zero: a bug of this "
			"kernel",
			gr_size_text(pool->page_size_bytes, size));
		gr_diagnose_evidence(c->found,
				     "resv_hugepages reads %" PRIu64 ", total %" PRIu64
				     ", free %" PRIu64 "; taken as 0, %" PRIu64 " are available",
				     pool->reserved_raw, pool->total, pool->free, pool->free);
		gr_diagnose_remedy(c->found, "reboot, and into a newer kernel");
		verdict = GR_CONFIRMED;
	}
	return verdict;
}
