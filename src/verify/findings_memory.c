// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Findings about the memory itself: why it lies on small pages, takes more than it should, or is
 * not where its numbers are looked for.
 */
#include "verify/findings_private.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/pages.h"

static bool is_off(const char *value)
{
	return value && (!strcmp(value, "never") || !strcmp(value, "deny"));
}

/* The setting of the PMD size goes first unless it is "inherit" (or absent, before 6.14). */
static const char *shmem_setting(const struct gr_host *host)
{
	const char *value;
	char key[64];

	snprintf(key, sizeof(key), "hugepages-%llukB/shmem_enabled",
		 (unsigned long long)(host->thp.pmd_size_bytes / GR_KIB));
	value = gr_host_thp(host, key);
	return value && strcmp(value, "inherit") != 0 ? value : gr_host_thp(host, "shmem_enabled");
}

int gr_finding_shmem_thp_off(struct gr_finding_context *c)
{
	const char *setting = shmem_setting(c->host);
	uint64_t bytes = 0;
	char text[GR_TEXT_MAX];

	for (size_t i = 0; i < c->inspection->region_count; i++) {
		const struct gr_region *region = &c->inspection->regions[i];

		if (region->shared && !region->hugetlb && !region->on_disk &&
		    !gr_region_huge_bytes(region, c->host->base_page_bytes))
			bytes += region->size_bytes;
	}
	if (!bytes || !c->inspection->recognised || !is_off(setting))
		return 0;
	return gr_finding_say(
		c, GR_FINDING_SHMEM_THP_OFF,
		"0 %% of %s of shared memory is on huge pages: shmem_enabled is '%s', and for "
		"shared memory 'enabled' does not count; use shmem_enabled=advise, private "
		"memory, or hugetlb pages",
		gr_size_text(bytes, text), setting);
}

int gr_finding_on_disk(struct gr_finding_context *c)
{
	char text[GR_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < c->inspection->region_count && r == 0; i++) {
		const struct gr_region *region = &c->inspection->regions[i];

		if (region->on_disk && c->inspection->recognised)
			r = gr_finding_say(
				c, GR_FINDING_ON_DISK,
				"%s is on an ordinary file system: no huge pages, and the kernel "
				"writes "
				"the guest's RAM to the disk; is hugetlbfs mounted where mem-path "
				"points?",
				region->path[0] ? region->path :
						  gr_size_text(region->size_bytes, text));
	}
	return r;
}

int gr_finding_private_file(struct gr_finding_context *c)
{
	for (size_t i = 0; i < c->inspection->region_count; i++) {
		const struct gr_region *region = &c->inspection->regions[i];

		if (region->shared || !region->file.inode || !c->inspection->recognised)
			continue;
		if (c->inspection->uses_vfio || (region->file_known && region->file_bytes))
			return gr_finding_say(
				c, GR_FINDING_PRIVATE_FILE,
				"%s is mapped privately%s: what is written is copied, which may "
				"take up to twice the pages; share it (share=on)",
				region->path, c->inspection->uses_vfio ? " under VFIO" : "");
	}
	return 0;
}

bool gr_nx_splits(const struct gr_host *host)
{
	static const char *const off[] = { "N", "0", "n", "off", "never" };
	const char *value = host->kvm.nx_huge_pages;

	for (size_t i = 0; value && i < GR_ARRAY_SIZE(off); i++) {
		if (!strcmp(value, off[i]))
			return false;
	}
	return value;
}

int gr_finding_nx_split(struct gr_finding_context *c)
{
	const char *value = c->host->kvm.nx_huge_pages;

	if (!gr_nx_splits(c->host) || !c->inspection->uses_kvm || !c->inspection->recognised)
		return 0;
	return gr_finding_say(
		c, GR_FINDING_NX_SPLIT,
		"kvm.nx_huge_pages is %s: huge pages that the guest executes from are split in "
		"its own page tables; the page size on the host is not the page size there",
		value);
}

int gr_finding_surplus(struct gr_finding_context *c)
{
	char pages[GR_TEXT_MAX], total[GR_TEXT_MAX], size[GR_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < c->host->pool_count && r == 0; i++) {
		const struct gr_pool *pool = &c->host->pools[i];
		bool used = false;

		for (size_t k = 0; k < c->inspection->region_count; k++)
			used |= c->inspection->regions[k].hugetlb &&
				c->inspection->regions[k].kernel_page_bytes ==
					pool->page_size_bytes;
		if (pool->node >= 0 || !pool->surplus || !used)
			continue;
		r = gr_finding_say(
			c, GR_FINDING_SURPLUS,
			"%s of the host's %s page%s of %s %s surplus: such pages go back to the "
			"kernel when they are freed, nothing has leaked",
			gr_count_text(pool->surplus, pages), gr_count_text(pool->total, total),
			gr_plural(pool->total), gr_size_text(pool->page_size_bytes, size),
			gr_are(pool->surplus));
	}
	return r;
}

int gr_finding_not_mapped(struct gr_finding_context *c)
{
	uint64_t bytes = 0;
	char text[GR_TEXT_MAX];

	for (size_t i = 0; i < c->inspection->region_count; i++)
		bytes += c->inspection->regions[i].populated_bytes -
			 c->inspection->regions[i].mapped_bytes;
	if (!bytes)
		return 0;
	return gr_finding_say(
		c, GR_FINDING_NOT_MAPPED,
		"%s are allocated in the file, but not in this process's page table yet: counted "
		"as populated; where there are several nodes, theirs is unknown",
		gr_size_text(bytes, text));
}

int gr_finding_swapped(struct gr_finding_context *c)
{
	char text[GR_TEXT_MAX];

	if (!c->inspection->swapped_bytes)
		return 0;
	return gr_finding_say(c, GR_FINDING_SWAPPED, "%s are in swap",
			      gr_size_text(c->inspection->swapped_bytes, text));
}
