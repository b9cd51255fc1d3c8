// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a domain needs for its backing, and what stands against it: a table of steps, each of which
 * looks at the domain as it was and changes one thing, with the reason in words. What libvirt does
 * by itself (locked memory limits for VFIO, preallocation of huge pages) is not added.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "libvirt/edit_private.h"

struct enabling {
	struct gr_editing *editing;
	const struct gr_domain *domain; /* before the change */
	const struct gr_enable *how;
	bool pool;   /* huge pages out of the kernel's pools */
	bool shared; /* another process maps the RAM */
	struct gr_error *err;
};

static int put(const struct enabling *e, const char *path, const char *set, const char *words)
{
	return gr_edit_put(e->editing, path, set, words, e->err);
}

uint64_t gr_edit_small_bytes(const struct gr_domain *domain)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < domain->request.need_count; i++)
		if (!domain->needs[i].hugetlb && domain->needs[i].device < 0)
			bytes += domain->request.needs[i].memory_bytes;
	return bytes;
}

static int small_cells(const struct enabling *e)
{
	uint64_t bytes = gr_edit_small_bytes(e->domain);
	char size[GR_TEXT_MAX];

	if (!bytes)
		return 0;
	return gr_edit_note(
		e->editing, GR_CHANGE_WARN, "memoryBacking/hugepages", e->err,
		"%s of guest RAM stay on base pages, as the domain says; --page-size is "
		"for all of it",
		gr_size_text(bytes, size));
}

static int put_hugepages(const struct enabling *e)
{
	char text[GR_ENABLE_PAGES_MAX * 96 + 32], *to = text;

	if (!e->pool)
		return put(e, "memoryBacking/hugepages", NULL, "no huge pages of the pools");
	if (!e->how->page_count)
		return small_cells(e);
	to += sprintf(to, "<hugepages>");
	for (size_t i = 0; i < e->how->page_count; i++) {
		to += sprintf(to, "\n  <page size='%ju' unit='KiB'",
			      (uintmax_t)(e->how->pages[i].size_bytes / GR_KIB));
		if (e->how->pages[i].cells)
			to += snprintf(to, 48, " nodeset='%.30s'", e->how->pages[i].cells);
		to += sprintf(to, "/>");
	}
	strcpy(to, "\n</hugepages>");
	return put(e, "memoryBacking/hugepages", text, "guest RAM on huge pages of this size");
}

static int put_source(const struct enabling *e)
{
	const char *path = "memoryBacking/source";

	if (e->pool)
		return put(
			e, path, "<source type='memfd'/>",
			"huge pages from the kernel: no hugetlbfs mount is needed, none has to be "
			"there when the daemon starts, and no file is left behind");
	if (e->how->backing != GR_WANT_THP)
		return 0;
	if (e->shared)
		return put(e, path, "<source type='memfd'/>", "memory that can be shared");
	if (gr_xml_find(&e->editing->xml, path) < 0)
		return 0;
	return put(e, path, "<source type='anonymous'/>",
		   "transparent huge pages are for anonymous memory");
}

static int put_access(const struct enabling *e)
{
	int r = 0;

	if (!e->shared)
		return 0;
	if (e->domain->access != GR_ACCESS_SHARED)
		r = put(e, "memoryBacking/access", "<access mode='shared'/>",
			"another process maps the guest's RAM (virtiofs, vhost-user)");
	for (size_t i = 0; i < e->domain->cell_count && r >= 0; i++) {
		char path[64];

		snprintf(path, sizeof(path), "cpu/numa/cell[%zu]", i);
		if (e->domain->cells[i].access == GR_ACCESS_PRIVATE)
			r = gr_edit_put_attr(e->editing, path, "memAccess", "shared",
					     "another process maps this cell's RAM", e->err);
	}
	return r;
}

static int put_allocation(const struct enabling *e)
{
	if (!e->pool || e->domain->allocation == GR_ALLOCATION_IMMEDIATE)
		return 0;
	if (gr_xml_find(&e->editing->xml, "memoryBacking/allocation") >= 0)
		return gr_edit_put_attr(e->editing, "memoryBacking/allocation", "mode", "immediate",
					"libvirt refuses huge pages on demand", e->err);
	return put(e, "memoryBacking/allocation", "<allocation mode='immediate'/>",
		   "all pages at the start, or a clear refusal, instead of a crash later");
}

static int put_discard(const struct enabling *e)
{
	int r = e->pool ? put(e, "memoryBacking/discard", NULL, "for memory in files only") : 0;

	for (size_t i = 0; i < e->domain->cell_count && r >= 0 && e->pool; i++) {
		char path[64];

		snprintf(path, sizeof(path), "cpu/numa/cell[%zu]", i);
		if (e->domain->cells[i].discard == GR_ANSWER_YES)
			r = gr_edit_put_attr(e->editing, path, "discard", NULL,
					     "for memory in files only", e->err);
	}
	return r;
}

static int put_nosharepages(const struct enabling *e)
{
	if (e->how->backing != GR_WANT_THP || e->domain->nosharepages)
		return 0;
	return put(e, "memoryBacking/nosharepages", "<nosharepages/>",
		   "merging of equal pages (KSM) cuts huge pages up");
}

static int put_balloon(const struct enabling *e)
{
	const struct gr_domain *d = e->domain;
	char now[GR_TEXT_MAX], all[GR_TEXT_MAX];
	int r = 0;

	if (!e->pool)
		return 0;
	if (d->free_page_reporting)
		r = gr_edit_put_attr(e->editing, "devices/memballoon", "freePageReporting", "off",
				     "pages given back one by one would be missing from the pool, "
				     "and the guest's next use of them can kill it",
				     e->err);
	if (r >= 0 && d->balloon && d->current_memory_bytes < d->memory_bytes)
		r = gr_edit_note(
			e->editing, GR_CHANGE_WARN, "currentMemory", e->err,
			"the guest is told to use %s of %s, but the host gives all of it in "
			"huge pages: the rest is wasted",
			gr_size_text(d->current_memory_bytes, now),
			gr_size_text(d->memory_bytes, all));
	return r;
}

/* A limit that somebody set is also that of what VFIO may pin. */
static int put_limit(const struct enabling *e)
{
	uint64_t limit = e->domain->limits.hard_bytes, need;
	char text[96];

	if (!e->domain->vfio_devices || !limit || limit == GR_DOMAIN_UNLIMITED)
		return 0;
	if (__builtin_add_overflow(e->domain->memory_bytes, GR_GIB, &need) || limit >= need)
		return 0;
	snprintf(text, sizeof(text), "<hard_limit unit='KiB'>%ju</hard_limit>",
		 (uintmax_t)(need / GR_KIB));
	return put(e, "memtune/hard_limit", text,
		   "a device is passed through: RAM and 1 GiB have to be lockable");
}

static int put_nodes(const struct enabling *e)
{
	char text[200];

	if (!e->how->nodes)
		return 0;
	snprintf(text, sizeof(text), "<memory mode='strict' nodeset='%.150s'/>", e->how->nodes);
	if (e->domain->memnode_count) {
		int r = gr_edit_note(e->editing, GR_CHANGE_WARN, "numatune", e->err,
				     "cells with a <memnode> of their own stay on its nodes");

		if (r < 0)
			return r;
	}
	return put(e, "numatune/memory", text, "guest RAM from these host nodes only");
}

static int (*const steps[])(const struct enabling *e) = {
	put_hugepages,	  put_source,  put_access, put_allocation, put_discard,
	put_nosharepages, put_balloon, put_limit,  put_nodes,
};

int gr_edit_steps(struct gr_editing *editing, const struct gr_domain *domain,
		  const struct gr_enable *how, struct gr_error *err)
{
	const struct enabling e = {
		.editing = editing,
		.domain = domain,
		.how = how,
		.pool = how->backing == GR_WANT_STATIC || how->backing == GR_WANT_DYNAMIC,
		.shared = how->shared || domain->virtiofs_devices || domain->vhost_user_devices,
		.err = err,
	};
	int r = 0;

	for (size_t i = 0; i < GR_ARRAY_SIZE(steps) && r >= 0; i++)
		r = steps[i](&e);
	return r;
}
