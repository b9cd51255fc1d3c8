// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What getting pages cost the host, and how much of the budget is left. Figures are host-wide: others
 * who fill or empty the cache meanwhile are counted in, which errs on the careful side.
 */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/ladder.h"

#define TIMEOUT_DEFAULT_NS (UINT64_C(60) * 1000000000)

/* The number behind @key where a line starts with it; 0 where there is none. */
static bool line_kib(const char *text, const char *key, uint64_t *ret_bytes)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length)) {
			*ret_bytes = strtoull(line + length, NULL, 10) * 1024;
			return true;
		}
	}
	*ret_bytes = 0;
	return false;
}

static uint64_t stalled_ns(const struct gr_root *root)
{
	_cleanup_free_ char *text = NULL;
	const char *total;

	if (gr_root_read(root, "proc/pressure/memory", &text, NULL, NULL) < 0 ||
	    strncmp(text, "some ", 5) != 0)
		return 0;
	total = strstr(text, "total=");
	return total ? strtoull(total + 6, NULL, 10) * 1000 : 0;
}

void gr_price_read(const struct gr_root *root, struct gr_price *ret)
{
	_cleanup_free_ char *text = NULL;
	uint64_t buffers, shmem;

	*ret = (struct gr_price){ 0 };
	if (gr_root_read(root, "proc/meminfo", &text, NULL, NULL) < 0)
		return;
	ret->known = line_kib(text, "Cached:", &ret->cache_bytes) &&
		     line_kib(text, "SwapFree:", &ret->swap_free_bytes);
	line_kib(text, "Buffers:", &buffers);
	line_kib(text, "Shmem:", &shmem);
	ret->cache_bytes = gr_sub_floor(ret->cache_bytes + buffers, shmem);
	ret->stalled_ns = stalled_ns(root);
}

void gr_climb_start(struct gr_climb *climb)
{
	if (climb->options->budget)
		climb->budget = *climb->options->budget;
	if (!climb->budget.timeout_ns)
		climb->budget.timeout_ns = TIMEOUT_DEFAULT_NS;
	climb->start_ns = gr_now_ns();
	gr_price_read(climb->ledger->root, &climb->start);
}

void gr_climb_budget(struct gr_climb *climb, uint64_t short_bytes)
{
	/* A fifth more than is missing: what is reclaimed does not all become whole pages. */
	uint64_t fair = short_bytes + short_bytes / 5;

	if (!climb->budget.max_cache_lost_bytes)
		climb->budget.max_cache_lost_bytes = fair;
	if (!climb->budget.max_swapped_bytes)
		climb->budget.max_swapped_bytes = fair;
}

uint64_t gr_climb_cache_left(const struct gr_climb *climb)
{
	struct gr_price now;

	gr_price_read(climb->ledger->root, &now);
	if (!climb->start.known || !now.known)
		return climb->budget.max_cache_lost_bytes;
	return gr_sub_floor(climb->budget.max_cache_lost_bytes,
			    gr_sub_floor(climb->start.cache_bytes, now.cache_bytes));
}

uint64_t gr_climb_swap_left(const struct gr_climb *climb)
{
	struct gr_price now;

	gr_price_read(climb->ledger->root, &now);
	if (!climb->start.known || !now.known)
		return climb->budget.max_swapped_bytes;
	return gr_sub_floor(climb->budget.max_swapped_bytes,
			    gr_sub_floor(climb->start.swap_free_bytes, now.swap_free_bytes));
}

bool gr_climb_stopped(struct gr_climb *climb)
{
	if (climb->options->interrupted && *climb->options->interrupted)
		return true;
	climb->out_of_time |= gr_now_ns() - climb->start_ns > climb->budget.timeout_ns;
	return climb->out_of_time;
}
