// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What several causes share: the arithmetic of a pool, who holds its pages, mounts by size.
 */
#include "doctor/case.h"

#include <inttypes.h>
#include <string.h>

#include "base/util.h"

enum gr_verdict gr_unsure(struct gr_case *c, const char *what, const char *tells)
{
	for (size_t i = 0; i < c->unsure_count; i++) {
		if (!strcmp(c->unsure[i].what, what))
			return GR_UNKNOWN;
	}
	if (c->unsure_count < GR_UNSURE_MAX) {
		c->unsure[c->unsure_count].what = what;
		c->unsure[c->unsure_count++].tells = tells;
	}
	return GR_UNKNOWN;
}

bool gr_short_of(const struct gr_case *c, uint64_t page_size_bytes, struct gr_short *ret)
{
	const struct gr_pool *pool = gr_host_pool(c->ev->host, page_size_bytes, -1);
	struct gr_short s = { .page_size_bytes = page_size_bytes };

	s.need = gr_intent_pages(c->intent, page_size_bytes);
	if (!s.need || !page_size_bytes)
		return false;
	gr_size_text(page_size_bytes, s.size);
	snprintf(s.directory, sizeof(s.directory),
		 "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB", page_size_bytes / GR_KIB);
	if (pool && pool->answer == GR_ANSWER_OK) {
		s.pool_known = true;
		s.total = pool->total;
		s.free = pool->free;
		s.surplus = pool->surplus;
		s.reserved = pool->reserved;
		s.available = gr_sub_floor(pool->free, pool->reserved);
		s.lack = gr_sub_floor(s.need, s.available);
		s.room = pool->overcommit_known ? gr_sub_floor(pool->overcommit, pool->surplus) : 0;
	}
	*ret = s;
	return true;
}

bool gr_each_short(const struct gr_case *c, size_t *i, struct gr_short *ret)
{
	const struct gr_host *host = c->ev->host;

	/* A VM that runs has its pages: the pool is not to hold them twice. */
	if (c->intent->pid)
		return false;
	while (*i < host->page_size_count) {
		if (gr_short_of(c, host->page_sizes[(*i)++], ret) && ret->pool_known &&
		    ret->lack > ret->room)
			return true;
	}
	return false;
}

void gr_say_pool(struct gr_case *c, const struct gr_short *s)
{
	char need[GR_TEXT_MAX], bytes[GR_TEXT_MAX];

	gr_diagnose_evidence(c->found,
			     "need %s pages of %s (%s); total %" PRIu64 ", free %" PRIu64
			     ", reserved %" PRIu64 ", surplus %" PRIu64 ": short %" PRIu64,
			     gr_count_text(s->need, need), s->size,
			     gr_size_text(s->need * s->page_size_bytes, bytes), s->total, s->free,
			     s->reserved, s->surplus, s->lack);
}

static void name_holder(const struct gr_case *c, const struct gr_held *held, uint64_t pages,
			FILE *out)
{
	const struct gr_holder *holder = NULL;
	pid_t pid = held->pid_count ? held->pids[0] : 0;

	if (ftell(out) > 0)
		fputs(", ", out);
	if (pid)
		holder = gr_holders_process(&c->ev->holders, pid);
	if (pages)
		fprintf(out, "%" PRIu64 " pages held by ", pages);
	if (pid)
		fprintf(out, "pid %d", (int)pid);
	else
		fprintf(out, "the file %s, which nobody has open", held->path ? held->path : "?");
	if (holder)
		fprintf(out, " (%s)", holder->comm);
	if (pid && held->path && held->deleted)
		fprintf(out, ", file %s deleted", held->path);
}

uint64_t gr_held_by_others(const struct gr_case *c, uint64_t page_size_bytes, char **ret_names)
{
	const struct gr_holders *holders = &c->ev->holders;
	uint64_t sum = 0;
	size_t size = 0, named = 0;
	char *text = NULL;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < holders->count && out; i++) {
		const struct gr_held *held = &holders->held[i];
		uint64_t maybe = 0, pages = gr_held_pages(held, page_size_bytes, -1, &maybe);

		if (!held->page_size_bytes)
			pages = maybe;
		if (!pages)
			continue;
		sum += pages;
		if (named++ < 6)
			name_holder(c, held, pages, out);
	}
	if (out && named > 6)
		fprintf(out, " and %zu more", named - 6);
	if (out && fclose(out) == 0 && named && ret_names)
		*ret_names = text;
	else
		free(text);
	return sum;
}

const struct gr_mount *gr_mount_at(const struct gr_mount *mounts, size_t count, const char *path)
{
	const struct gr_mount *found = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(mounts[i].path);

		if (len < longest || strncmp(path, mounts[i].path, len) != 0 ||
		    (path[len] && path[len] != '/'))
			continue;
		found = &mounts[i];
		longest = len;
	}
	return found;
}

const struct gr_mount *gr_mount_of_size(const struct gr_mount *mounts, size_t count,
					uint64_t page_size_bytes)
{
	for (size_t i = 0; i < count; i++) {
		if (mounts[i].page_size_bytes == page_size_bytes)
			return &mounts[i];
	}
	return NULL;
}

bool gr_asks_huge(const struct gr_intent *intent)
{
	for (size_t i = 0; i < intent->ask_count; i++) {
		if (intent->asks[i].pages)
			return true;
	}
	return false;
}

void gr_controller_prefix(uint64_t page_size_bytes, char buf[GR_TEXT_MAX])
{
	if (page_size_bytes >= GR_GIB)
		snprintf(buf, GR_TEXT_MAX, "hugetlb.%" PRIu64 "GB.", page_size_bytes / GR_GIB);
	else if (page_size_bytes >= GR_MIB)
		snprintf(buf, GR_TEXT_MAX, "hugetlb.%" PRIu64 "MB.", page_size_bytes / GR_MIB);
	else
		snprintf(buf, GR_TEXT_MAX, "hugetlb.%" PRIu64 "KB.", page_size_bytes / GR_KIB);
}
