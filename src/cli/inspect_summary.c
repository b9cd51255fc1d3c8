// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * An inspection in one line: how much RAM, on which pages, on which nodes, and whether both sources
 * say so. Shown alone by --watch and on top of the whole view.
 */
#include <inttypes.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/inspect_record.h"
#include "verify/stage2.h"

/* 99.96 % is not 100.0 %, and a little is not nothing. */
static void print_percent(FILE *out, uint64_t bytes, uint64_t of)
{
	double percent = 100.0 * (double)bytes / (double)of;

	if (bytes && percent < 0.1)
		fputs("under 0.1 %", out);
	else
		fprintf(out, "%.1f %%", bytes < of && percent > 99.9 ? 99.9 : percent);
}

static void print_pages(FILE *out, const struct gr_inspection *i)
{
	char size[GR_TEXT_MAX], pages[GR_TEXT_MAX];

	for (size_t k = 0; k < i->by_size_count; k++) {
		const struct gr_bytes_by_size *s = &i->by_size[k];

		fputs(k ? ", " : ": ", out);
		print_percent(out, s->bytes, i->ram_bytes);
		if (s->page_size_bytes)
			fprintf(out, " on %s pages (%s page%s)",
				gr_size_text(s->page_size_bytes, size),
				gr_count_text(s->bytes / s->page_size_bytes, pages),
				gr_plural(s->bytes / s->page_size_bytes));
		else
			fputs(" on pages of unknown size", out);
	}
	if (i->swapped_bytes) {
		fputs(i->by_size_count ? ", " : ": ", out);
		print_percent(out, i->swapped_bytes, i->ram_bytes);
		fputs(" in swap", out);
	}
	if (i->untouched_bytes) {
		fputs(i->by_size_count || i->swapped_bytes ? ", " : ": ", out);
		print_percent(out, i->untouched_bytes, i->ram_bytes);
		fputs(" not touched yet", out);
	}
}

static const char *const agreements[] = {
	[GR_ORACLES_AGREE] = "both oracles agree",
	[GR_ORACLES_UNSETTLED] = "too busy to compare the oracles",
	[GR_ORACLES_DISAGREE] = "the oracles disagree",
};

/* "RAM 2 GiB: 100.0 % on 2 MiB pages (1,024 pages), node 0 2 GiB; both oracles agree". */
char *gr_inspect_summary(const struct gr_inspection *i)
{
	char buf[GR_TEXT_MAX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fprintf(out, "%s %s", i->recognised ? "RAM" : "large mappings",
		gr_size_text(i->ram_bytes, buf));
	if (i->ram_bytes)
		print_pages(out, i);
	for (size_t k = 0; k < i->by_node_count; k++) {
		if (i->by_node[k].node >= 0)
			fprintf(out, ", node %d %s", i->by_node[k].node,
				gr_size_text(i->by_node[k].bytes, buf));
		else
			fprintf(out, ", node unknown %s", gr_size_text(i->by_node[k].bytes, buf));
	}
	if (i->page_table_bytes.known)
		fprintf(out, ", page tables %s", gr_size_text(i->page_table_bytes.value, buf));
	if (i->region_count && !i->scan_known)
		fputs("; one oracle only", out);
	else if (i->region_count)
		fprintf(out, "; %s", agreements[i->agreement]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* As counts, or why there are none. */
char *gr_inspect_stage2_text(const struct gr_inspection *i)
{
	static const char *const words[GR_STAGE2_STATES] = {
		[GR_STAGE2_ALL_ZERO] = "unknown: this KVM counts no pages",
		[GR_STAGE2_NO_KVM] = "none: no KVM",
		[GR_STAGE2_HIDDEN] = "unknown: KVM's counts cannot be read",
		[GR_STAGE2_UNKNOWN] = "unknown: whether there is KVM cannot be seen",
	};
	enum gr_stage2_state state = gr_stage2_state(i);
	char p4k[GR_TEXT_MAX], p2m[GR_TEXT_MAX], p1g[GR_TEXT_MAX], *text = NULL;

	if (state != GR_STAGE2_COUNTED)
		return strdup(words[state]);
	if (gr_asprintf(&text, "%s pages of 4 KiB, %s of 2 MiB, %s of 1 GiB",
			gr_count_text(i->stage2.pages_4k, p4k),
			gr_count_text(i->stage2.pages_2m, p2m),
			gr_count_text(i->stage2.pages_1g, p1g)) < 0)
		return NULL;
	return text;
}
