// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Slips in the arithmetic of whoever filled the pool: decimal units, its own need in place of the
 * sum, and pieces of memory that were not counted. They are told by the count that the slip leaves.
 */
#include <inttypes.h>

#include "base/util.h"
#include "doctor/case.h"

/* 16 GB taken for 16 GiB, or MB for MiB: the pool has exactly the decimal count. */
enum gr_verdict gr_cause_unit_slip(struct gr_case *c)
{
	static const struct {
		uint64_t binary, decimal;
		const char *names;
	} units[] = {
		{ GR_GIB, UINT64_C(1000000000), "GB was taken for GiB" },
		{ GR_MIB, UINT64_C(1000000), "MB was taken for MiB" },
	};
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		uint64_t bytes = gr_intent_bytes(c->intent);

		for (size_t k = 0; k < GR_ARRAY_SIZE(units); k++) {
			uint64_t pages, decimal = bytes / units[k].binary * units[k].decimal;

			pages = decimal / s.page_size_bytes;
			if (bytes % units[k].binary || !pages ||
			    (s.total != pages && s.total != pages + 1) || s.total >= s.need)
				continue;
			gr_diagnose(c->found, "GR113", GR_ERROR,
				    "a slip of units: %s when the pool was filled", units[k].names);
			gr_diagnose_evidence(c->found,
					     "%" PRIu64 " pages are what %" PRIu64
					     " bytes take, the VM has %" PRIu64 " bytes: %" PRIu64
					     " pages",
					     s.total, decimal, bytes, s.need);
			gr_diagnose_remedy(c->found,
					   "echo %" PRIu64 " > %s/nr_hugepages, and count "
					   "from the VM's description only",
					   s.need, s.directory);
			return GR_CONFIRMED;
		}
	}
	return GR_EXCLUDED;
}

/* A script that writes its own need as the size of the pool takes what others have. */
enum gr_verdict gr_cause_lost_update(struct gr_case *c)
{
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		uint64_t used = gr_sub_floor(s.total, s.free);

		if (s.total != s.need || !used)
			continue;
		gr_diagnose(
			c->found, "GR115", GR_WARNING,
			"the pool of %s pages has exactly this VM's need, and others use it: as if "
			"a script had written its own need and not added it",
			s.size);
		gr_say_pool(c, &s);
		gr_diagnose_remedy(c->found,
				   "echo %" PRIu64 " > %s/nr_hugepages; a hook has to add its "
				   "need to what is there, under a lock",
				   gr_sub_floor(s.total, s.surplus) + s.lack, s.directory);
		return GR_CONFIRMED;
	}
	return GR_EXCLUDED;
}

/* The largest piece alone would fit. */
enum gr_verdict gr_cause_double_need(struct gr_case *c)
{
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		uint64_t largest = 0, pieces = 0;

		for (size_t k = 0; k < c->intent->ask_count; k++) {
			const struct gr_ask *ask = &c->intent->asks[k];

			if (ask->page_size_bytes != s.page_size_bytes)
				continue;
			largest = gr_max_u64(largest, ask->pages);
			pieces++;
		}
		if (pieces < 2 || !s.available || largest > s.available)
			continue;
		gr_diagnose(
			c->found, "GR112", GR_ERROR,
			"several pieces of memory take pages of %s, and together they are too many",
			s.size);
		gr_say_pool(c, &s);
		for (size_t k = 0; k < c->intent->ask_count && k < 8; k++) {
			const struct gr_ask *ask = &c->intent->asks[k];

			if (ask->page_size_bytes == s.page_size_bytes)
				gr_diagnose_evidence(c->found, "%s: %" PRIu64, ask->what,
						     ask->pages);
		}
		gr_diagnose_remedy(c->found, "echo %" PRIu64 " > %s/nr_hugepages counts them all",
				   gr_sub_floor(s.total, s.surplus) + s.lack, s.directory);
		return GR_CONFIRMED;
	}
	return GR_EXCLUDED;
}
