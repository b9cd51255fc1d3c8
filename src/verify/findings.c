// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One function per finding, in a table; each looks at the inspection and the inventory and adds a
 * sentence or does not.
 */
#include "verify/findings.h"

#include <stdarg.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/pages.h"

struct context {
	const struct gr_host *host;
	int stage2_error;
	struct gr_inspection *inspection;
};

static int add_message(struct gr_inspection *i, const char *code, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static int add_message(struct gr_inspection *i, const char *code, const char *fmt, va_list ap)
{
	char *message;

	if (vasprintf(&message, fmt, ap) < 0)
		return -ENOMEM;
	if (gr_grow(&i->findings, i->finding_count, sizeof(*i->findings)) < 0) {
		free(message);
		return -ENOMEM;
	}
	snprintf(i->findings[i->finding_count].code, sizeof(i->findings->code), "%s", code);
	i->findings[i->finding_count++].message = message;
	return 0;
}

int gr_finding_add(struct gr_inspection *inspection, const char *code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = add_message(inspection, code, fmt, ap);
	va_end(ap);
	return r;
}

void gr_finding_drop(struct gr_inspection *inspection, const char *code)
{
	size_t kept = 0;

	for (size_t i = 0; i < inspection->finding_count; i++) {
		if (strcmp(inspection->findings[i].code, code) != 0)
			inspection->findings[kept++] = inspection->findings[i];
		else
			free(inspection->findings[i].message);
	}
	inspection->finding_count = kept;
}

static int add(struct context *c, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int add(struct context *c, const char *code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = add_message(c->inspection, code, fmt, ap);
	va_end(ap);
	return r;
}

static int not_recognised(struct context *c)
{
	if (c->inspection->recognised)
		return 0;
	return add(c, GR_FINDING_NOT_RECOGNISED,
		   "no guest RAM was recognised in this process: its mappings of 16 MiB and more "
		   "are shown");
}

static int disagreement(struct context *c)
{
	char smaps[GR_TEXT_MAX], scan[GR_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < c->inspection->region_count && r == 0; i++) {
		const struct gr_region *region = &c->inspection->regions[i];
		uint64_t huge = gr_region_mapped_huge_bytes(region, c->host->base_page_bytes);

		if (!region->scan_known || region->agreement != GR_ORACLES_DISAGREE)
			continue;
		if (huge != region->scan_huge_bytes)
			r = add(c, GR_FINDING_HUGE_BYTES,
				"mapping %llx: smaps says %s on huge pages, the page map %s",
				(unsigned long long)region->start, gr_size_text(huge, smaps),
				gr_size_text(region->scan_huge_bytes, scan));
		if (r == 0 && region->mapped_bytes != region->scan_present_bytes)
			r = add(c, GR_FINDING_PRESENT_BYTES,
				"mapping %llx: smaps says %s present, the page map %s",
				(unsigned long long)region->start,
				gr_size_text(region->mapped_bytes, smaps),
				gr_size_text(region->scan_present_bytes, scan));
	}
	return r;
}

static int unsettled(struct context *c)
{
	char text[GR_TEXT_MAX];
	uint64_t moved = 0;

	for (size_t i = 0; i < c->inspection->region_count; i++) {
		if (c->inspection->regions[i].agreement == GR_ORACLES_UNSETTLED)
			moved += c->inspection->regions[i].moved_bytes;
	}
	if (!moved)
		return 0;
	return add(c, GR_FINDING_UNSETTLED,
		   "%s moved while they were being counted: the two sources could not be compared",
		   gr_size_text(moved, text));
}

static int one_oracle(struct context *c)
{
	if (c->inspection->scan_known || !c->inspection->region_count)
		return 0;
	return add(c, GR_FINDING_ONE_ORACLE,
		   "the page map could not be read: these figures are smaps' alone");
}

static int exact_unknown(struct context *c)
{
	int error = c->inspection->exact.error;

	if (!error)
		return 0;
	return add(c, GR_FINDING_EXACT_UNKNOWN,
		   "the sizes of the folios are unknown: %s",
		   error == -EPERM ? "frame numbers and /proc/kpageflags are for root "
				     "(CAP_SYS_ADMIN) alone"
				   : strerror(-error));
}

static int nodes_unknown(struct context *c)
{
	for (size_t i = 0; i < c->inspection->region_count; i++) {
		if (!c->inspection->regions[i].by_node_known)
			return add(c, GR_FINDING_NODES_UNKNOWN,
				   "numa_maps could not be read: the nodes are unknown");
	}
	return 0;
}

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

static int shmem_thp_off(struct context *c)
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
	return add(c, GR_FINDING_SHMEM_THP_OFF,
		   "0 %% of %s of shared memory is on huge pages: shmem_enabled is '%s', and for "
		   "shared memory 'enabled' does not count; use shmem_enabled=advise, private "
		   "memory, or hugetlb pages",
		   gr_size_text(bytes, text), setting);
}

static int on_disk(struct context *c)
{
	char text[GR_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < c->inspection->region_count && r == 0; i++) {
		const struct gr_region *region = &c->inspection->regions[i];

		if (region->on_disk && c->inspection->recognised)
			r = add(c, GR_FINDING_ON_DISK,
				"%s is on an ordinary file system: no huge pages, and the kernel "
				"writes "
				"the guest's RAM to the disk; is hugetlbfs mounted where mem-path "
				"points?",
				region->path[0] ? region->path
						: gr_size_text(region->size_bytes, text));
	}
	return r;
}

static int private_file(struct context *c)
{
	for (size_t i = 0; i < c->inspection->region_count; i++) {
		const struct gr_region *region = &c->inspection->regions[i];

		if (region->shared || !region->file.inode || !c->inspection->recognised)
			continue;
		if (c->inspection->uses_vfio || (region->file_known && region->file_bytes))
			return add(c, GR_FINDING_PRIVATE_FILE,
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

static int nx_split(struct context *c)
{
	const char *value = c->host->kvm.nx_huge_pages;

	if (!gr_nx_splits(c->host) || !c->inspection->uses_kvm || !c->inspection->recognised)
		return 0;
	return add(c, GR_FINDING_NX_SPLIT,
		   "kvm.nx_huge_pages is %s: huge pages that the guest executes from are split in "
		   "its own page tables; the page size on the host is not the page size there",
		   value);
}

static int surplus(struct context *c)
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
		r = add(c, GR_FINDING_SURPLUS,
			"%s of the host's %s page%s of %s %s surplus: such pages go back to the "
			"kernel when they are freed, nothing has leaked",
			gr_count_text(pool->surplus, pages), gr_count_text(pool->total, total),
			gr_plural(pool->total), gr_size_text(pool->page_size_bytes, size),
			gr_are(pool->surplus));
	}
	return r;
}

static int not_mapped(struct context *c)
{
	uint64_t bytes = 0;
	char text[GR_TEXT_MAX];

	for (size_t i = 0; i < c->inspection->region_count; i++)
		bytes += c->inspection->regions[i].populated_bytes -
			 c->inspection->regions[i].mapped_bytes;
	if (!bytes)
		return 0;
	return add(
		c, GR_FINDING_NOT_MAPPED,
		"%s are allocated in the file, but not in this process's page table yet: counted "
		"as populated; where there are several nodes, theirs is unknown",
		gr_size_text(bytes, text));
}

static int swapped(struct context *c)
{
	char text[GR_TEXT_MAX];

	if (!c->inspection->swapped_bytes)
		return 0;
	return add(c, GR_FINDING_SWAPPED, "%s are in swap",
		   gr_size_text(c->inspection->swapped_bytes, text));
}

static int stage2_unknown(struct context *c)
{
	if (!c->inspection->uses_kvm || c->inspection->stage2.known)
		return 0;
	if (c->stage2_error == -ENODATA)
		return add(
			c, GR_FINDING_STAGE2_UNKNOWN,
			"KVM counts no pages for this VM (shadow paging, or nothing was touched): "
			"the page size in the guest's own tables is unknown");
	return add(c, GR_FINDING_STAGE2_UNKNOWN,
		   "the page size in the guest's own tables is unknown: /sys/kernel/debug/kvm %s",
		   c->stage2_error == -ENOENT ? "does not have this VM (is debugfs mounted?)"
					      : "cannot be read");
}

int gr_findings_make(const struct gr_host *host, int stage2_error, struct gr_inspection *inspection)
{
	static int (*const makers[])(struct context *) = {
		not_recognised, disagreement, unsettled,      one_oracle, exact_unknown, nodes_unknown,
		shmem_thp_off,	on_disk,      private_file,   nx_split,	  surplus,
		not_mapped,	swapped,      stage2_unknown,
	};
	struct context c = {
		.host = host,
		.stage2_error = stage2_error,
		.inspection = inspection,
	};
	int r = 0;

	for (size_t i = 0; i < GR_ARRAY_SIZE(makers) && r == 0; i++)
		r = makers[i](&c);
	return r;
}
