// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One function per finding, in a table; each looks at the inspection and the inventory and adds a
 * sentence or does not. Here are those about the sources, what they could not tell and where they
 * disagree; those about the memory itself are in findings_memory.c.
 */
#include "verify/findings_private.h"

#include <stdarg.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/pages.h"

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

int gr_finding_say(struct gr_finding_context *c, const char *code, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = add_message(c->inspection, code, fmt, ap);
	va_end(ap);
	return r;
}

static int not_recognised(struct gr_finding_context *c)
{
	if (c->inspection->recognised)
		return 0;
	return gr_finding_say(
		c, GR_FINDING_NOT_RECOGNISED,
		"no guest RAM was recognised in this process: its mappings of 16 MiB and more "
		"are shown");
}

static int disagreement(struct gr_finding_context *c)
{
	char smaps[GR_TEXT_MAX], scan[GR_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < c->inspection->region_count && r == 0; i++) {
		const struct gr_region *region = &c->inspection->regions[i];
		uint64_t huge = gr_region_mapped_huge_bytes(region, c->host->base_page_bytes);

		if (!region->scan_known || region->agreement != GR_ORACLES_DISAGREE)
			continue;
		if (huge != region->scan_huge_bytes)
			r = gr_finding_say(
				c, GR_FINDING_HUGE_BYTES,
				"mapping %llx: smaps says %s on huge pages, the page map %s",
				(unsigned long long)region->start, gr_size_text(huge, smaps),
				gr_size_text(region->scan_huge_bytes, scan));
		if (r == 0 && region->mapped_bytes != region->scan_present_bytes)
			r = gr_finding_say(c, GR_FINDING_PRESENT_BYTES,
					   "mapping %llx: smaps says %s present, the page map %s",
					   (unsigned long long)region->start,
					   gr_size_text(region->mapped_bytes, smaps),
					   gr_size_text(region->scan_present_bytes, scan));
	}
	return r;
}

static int unsettled(struct gr_finding_context *c)
{
	char text[GR_TEXT_MAX];
	uint64_t moved = 0;

	for (size_t i = 0; i < c->inspection->region_count; i++) {
		if (c->inspection->regions[i].agreement == GR_ORACLES_UNSETTLED)
			moved += c->inspection->regions[i].moved_bytes;
	}
	if (!moved)
		return 0;
	return gr_finding_say(
		c, GR_FINDING_UNSETTLED,
		"%s moved while they were being counted: the two sources could not be compared",
		gr_size_text(moved, text));
}

static int one_oracle(struct gr_finding_context *c)
{
	if (c->inspection->scan_known || !c->inspection->region_count)
		return 0;
	return gr_finding_say(c, GR_FINDING_ONE_ORACLE,
			      "the page map could not be read: these figures are smaps' alone");
}

static int exact_unknown(struct gr_finding_context *c)
{
	int error = c->inspection->exact.error;

	if (!error)
		return 0;
	return gr_finding_say(c, GR_FINDING_EXACT_UNKNOWN,
			      "the sizes of the folios are unknown: %s",
			      error == -EPERM ? "frame numbers and /proc/kpageflags are for root "
						"(CAP_SYS_ADMIN) alone" :
						strerror(-error));
}

static int nodes_unknown(struct gr_finding_context *c)
{
	for (size_t i = 0; i < c->inspection->region_count; i++) {
		if (!c->inspection->regions[i].by_node_known)
			return gr_finding_say(c, GR_FINDING_NODES_UNKNOWN,
					      "numa_maps could not be read: the nodes are unknown");
	}
	return 0;
}

static int stage2_unknown(struct gr_finding_context *c)
{
	if (!c->inspection->uses_kvm || c->inspection->stage2.known)
		return 0;
	if (c->stage2_error == -ENODATA)
		return gr_finding_say(
			c, GR_FINDING_STAGE2_UNKNOWN,
			"KVM counts no pages for this VM (shadow paging, or nothing was touched): "
			"the page size in the guest's own tables is unknown");
	return gr_finding_say(
		c, GR_FINDING_STAGE2_UNKNOWN,
		"the page size in the guest's own tables is unknown: /sys/kernel/debug/kvm %s",
		c->stage2_error == -ENOENT ? "does not have this VM (is debugfs mounted?)" :
					     "cannot be read");
}

int gr_findings_make(const struct gr_host *host, int stage2_error, struct gr_inspection *inspection)
{
	static int (*const makers[])(struct gr_finding_context *) = {
		not_recognised,
		disagreement,
		unsettled,
		one_oracle,
		exact_unknown,
		nodes_unknown,
		gr_finding_shmem_thp_off,
		gr_finding_on_disk,
		gr_finding_private_file,
		gr_finding_nx_split,
		gr_finding_surplus,
		gr_finding_not_mapped,
		gr_finding_swapped,
		stage2_unknown,
	};
	struct gr_finding_context c = {
		.host = host,
		.stage2_error = stage2_error,
		.inspection = inspection,
	};
	int r = 0;

	for (size_t i = 0; i < GR_ARRAY_SIZE(makers) && r == 0; i++)
		r = makers[i](&c);
	return r;
}
