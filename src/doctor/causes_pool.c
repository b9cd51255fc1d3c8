// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Too few pages in the pool: never filled, too small, in use, or promised. What is short is
 * computed from the pieces that the VM asks for. Without a description of the VM only what holds
 * for any VM is said: a host whose pools have no page at all, or none free.
 */
#include <inttypes.h>

#include "base/util.h"
#include "doctor/case.h"

#define DESCRIBE "--domain or --argv, which say what the VM asks for,"

/* The count to write: the persistent pages there are, and what is lacking. */
static void say_growth(struct gr_case *c, const struct gr_short *s)
{
	uint64_t persistent = gr_sub_floor(s->total, s->surplus);
	struct gr_obtainable can;
	char lack[GR_TEXT_MAX];

	gr_obtainable(c->ev->host, s->page_size_bytes, -1, c->floor, &can);
	if (can.now_known && can.now < s->lack)
		gr_diagnose_evidence(c->found,
				     "%" PRIu64 " could be had at once, about %" PRIu64
				     " with compaction",
				     can.now, can.by_ladder);
	gr_diagnose_remedy(
		c->found,
		"start it with `guestram run`, which reserves and gives back; or add the "
		"%s that are lacking: echo %" PRIu64 " > %s/nr_hugepages",
		gr_size_text(s->lack * s->page_size_bytes, lack), persistent + s->lack,
		s->directory);
}

/* Does the boot, or a file of sysctl, ask for pages of that size? */
static bool was_asked(const struct gr_case *c, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < c->ev->boot.count; i++) {
		if (c->ev->boot.pools[i].page_size_bytes == page_size_bytes &&
		    c->ev->boot.pools[i].pages)
			return true;
	}
	return false;
}

static bool all_pools_empty(const struct gr_host *host)
{
	size_t known = 0;

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->node >= 0)
			continue;
		if (pool->answer != GR_ANSWER_OK || pool->total ||
		    (pool->overcommit_known && pool->overcommit))
			return false;
		known++;
	}
	return known > 0;
}

enum gr_verdict gr_cause_never_filled(struct gr_case *c)
{
	const struct gr_hook *hook = &c->ev->hook;
	struct gr_short s;
	bool any = false;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		if (s.total || s.room)
			continue;
		gr_diagnose(c->found, "GR101", GR_ERROR,
			    "the pool of %s pages was never filled: it has no page", s.size);
		gr_say_pool(c, &s);
		gr_diagnose_evidence(c->found, "%s",
				     was_asked(c, s.page_size_bytes) ?
					     "the boot asked for some and got none" :
					     "neither the boot line nor sysctl asks for any");
		if (hook->answer == GR_ANSWER_ABSENT)
			gr_diagnose_evidence(c->found, "no hook in /etc/libvirt/hooks");
		say_growth(c, &s);
		any = true;
	}
	if (any)
		return GR_CONFIRMED;
	if (c->intent->known || !c->line || !all_pools_empty(c->ev->host))
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR101", GR_ERROR, "no pool of huge pages was ever filled");
	gr_diagnose_evidence(c->found, "nr_hugepages is 0 for every page size of this host");
	gr_diagnose_remedy(c->found,
			   "start the VM with `guestram run`, or fill the pool of its page "
			   "size: guestram plan -m SIZE counts the pages");
	return GR_CONFIRMED;
}

enum gr_verdict gr_cause_hook_mode(struct gr_case *c)
{
	const struct gr_hook *hook = &c->ev->hook;
	struct gr_short s;
	size_t i = 0;

	if (hook->answer == GR_ANSWER_FORBIDDEN)
		return gr_unsure(c, "a hook that is not executable", "/etc/libvirt/hooks/qemu");
	if (!hook->path || hook->executable)
		return GR_EXCLUDED;
	if (!gr_each_short(c, &i, &s) && (c->intent->known || !all_pools_empty(c->ev->host)))
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR102", GR_ERROR,
		    "the hook that should reserve the pages is there but not executable");
	gr_diagnose_evidence(c->found, "/%s has no x bit, so libvirt does not run it", hook->path);
	gr_diagnose_remedy(c->found,
			   "chmod +x /%s, then systemctl restart %s if it is the first hook here",
			   hook->path, c->ev->daemon.pid ? c->ev->daemon.name : "libvirtd");
	return GR_CONFIRMED;
}

enum gr_verdict gr_cause_pool_small(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		if (!s.total || s.total >= s.need)
			continue;
		gr_diagnose(c->found, "GR103", GR_ERROR,
			    "the pool of %s pages is too small: %" PRIu64 " of the %" PRIu64
			    " that the VM needs",
			    s.size, s.total, s.need);
		gr_say_pool(c, &s);
		say_growth(c, &s);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_in_use(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		_cleanup_free_ char *names = NULL;
		uint64_t used = gr_sub_floor(s.total, s.free);

		if (!used || s.free >= s.need)
			continue;
		gr_held_by_others(c, s.page_size_bytes, &names);
		gr_diagnose(c->found, "GR104", GR_ERROR,
			    "%" PRIu64 " of the %" PRIu64 " pages of %s are in use by others", used,
			    s.total, s.size);
		gr_say_pool(c, &s);
		if (names)
			gr_diagnose_evidence(c->found, "%s", names);
		else
			gr_diagnose_evidence(c->found, "%s",
					     c->ev->holders_known ?
						     "no process that can be seen has them" :
						     "/proc cannot be read, so nobody is named");
		say_growth(c, &s);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_promised(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		if (s.free < s.need)
			continue;
		gr_diagnose(c->found, "GR105", GR_ERROR,
			    "the free pages of %s are promised to others", s.size);
		gr_say_pool(c, &s);
		gr_diagnose_evidence(c->found,
				     "a program that touches its pages lazily has them reserved "
				     "(resv_hugepages) before it uses them");
		say_growth(c, &s);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}

/* For a message alone: what is true whatever the VM asks for. */
enum gr_verdict gr_cause_no_free(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	bool none = true, any = false;

	if (c->intent->known || !c->line || all_pools_empty(host))
		return GR_EXCLUDED;
	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->node >= 0)
			continue;
		none &= pool->answer == GR_ANSWER_OK &&
			gr_sub_floor(pool->free, pool->reserved) == 0;
		any |= pool->total > 0;
	}
	if (!none || !any)
		return gr_unsure(c, "too few free pages of the size that it wants", DESCRIBE);
	gr_diagnose(c->found, "GR104", GR_ERROR,
		    "every huge page of this host is in use or promised");
	for (size_t i = 0; i < host->page_size_count; i++) {
		const struct gr_pool *pool = gr_host_pool(host, host->page_sizes[i], -1);
		_cleanup_free_ char *names = NULL;
		char size[GR_TEXT_MAX];

		if (!pool || !pool->total)
			continue;
		gr_held_by_others(c, host->page_sizes[i], &names);
		gr_diagnose_evidence(
			c->found,
			"%s: total %" PRIu64 ", free %" PRIu64 ", reserved %" PRIu64 "%s%s",
			gr_size_text(host->page_sizes[i], size), pool->total, pool->free,
			pool->reserved, names ? "; " : "", names ? names : "");
	}
	gr_diagnose_remedy(
		c->found, "stop one of them, or add pages; with --domain or --argv their number is "
			  "counted here");
	return GR_CONFIRMED;
}
