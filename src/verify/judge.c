// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Was the promise kept? All bytes of RAM that are populated on pages of the promised size, against
 * all RAM. Where they fall short, the message names what came instead: a region of another page
 * size counts whole, since what it has not touched yet cannot come any larger.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/verify.h"

/* Whole MiB stay MiB, so that the sizes of a promise and of what came compare at a glance. */
static const char *mib_text(uint64_t bytes, char buf[GR_TEXT_MAX])
{
	if (bytes % GR_MIB)
		return gr_size_text(bytes, buf);
	snprintf(buf, GR_TEXT_MAX, "%llu MiB", (unsigned long long)(bytes / GR_MIB));
	return buf;
}

static uint64_t bytes_on(const struct gr_region *region, uint64_t page_size_bytes)
{
	for (size_t i = 0; i < region->by_size_count; i++) {
		if (region->by_size[i].page_size_bytes == page_size_bytes)
			return region->by_size[i].bytes;
	}
	return 0;
}

/* What is on one other page size, over all regions. */
struct other {
	uint64_t page_size_bytes, bytes;
	const char *path; /* of the first region of that size */
};

static int add_other(struct other **others, size_t *count, uint64_t page_size_bytes, uint64_t bytes,
		     const char *path)
{
	size_t i = 0;

	while (i < *count && (*others)[i].page_size_bytes != page_size_bytes)
		i++;
	if (i == *count) {
		if (gr_grow(others, *count, sizeof(**others)) < 0)
			return -ENOMEM;
		(*others)[(*count)++] = (struct other){ page_size_bytes, 0, path };
	}
	(*others)[i].bytes += bytes;
	return 0;
}

static int find_others(const struct gr_inspection *inspection, uint64_t asked, bool all,
		       struct other **ret, size_t *ret_count)
{
	int r = 0;

	for (size_t i = 0; i < inspection->region_count && r == 0; i++) {
		const struct gr_region *region = &inspection->regions[i];

		if (all && !bytes_on(region, asked) && region->kernel_page_bytes != asked) {
			r = add_other(ret, ret_count, region->kernel_page_bytes, region->size_bytes,
				      region->path);
			continue;
		}
		for (size_t k = 0; k < region->by_size_count && r == 0; k++) {
			if (region->by_size[k].page_size_bytes != asked)
				r = add_other(ret, ret_count, region->by_size[k].page_size_bytes,
					      region->by_size[k].bytes, region->path);
		}
	}
	return r;
}

/* "asked 2 MiB, got 4 KiB for 8192 MiB (PATH is not on hugetlbfs), 12 MiB not touched yet". */
static int broken_message(const struct gr_inspection *inspection, uint64_t asked, bool all,
			  const struct gr_verdict *verdict, char **ret)
{
	_cleanup_free_ struct other *others = NULL;
	char size[GR_TEXT_MAX], bytes[GR_TEXT_MAX];
	uint64_t missing = verdict->ram_bytes - verdict->got_bytes;
	char *text = NULL;
	size_t count = 0, len;
	FILE *out;

	if (find_others(inspection, asked, all, &others, &count) < 0)
		return -ENOMEM;
	out = open_memstream(&text, &len);
	if (!out)
		return -ENOMEM;
	fprintf(out, "asked %s", gr_size_text(asked, size));
	for (size_t i = 0; i < count; i++) {
		fprintf(out, ", got %s for %s",
			others[i].page_size_bytes ? gr_size_text(others[i].page_size_bytes, size)
						  : "an unknown page size",
			mib_text(others[i].bytes, bytes));
		if (all && others[i].path[0] == '/' && others[i].page_size_bytes)
			fprintf(out, " (%s)", others[i].path);
		missing = gr_sub_floor(missing, others[i].bytes);
	}
	if (inspection->swapped_bytes)
		fprintf(out, ", %s in swap", mib_text(inspection->swapped_bytes, bytes));
	missing = gr_sub_floor(missing, inspection->swapped_bytes);
	if (missing)
		fprintf(out, ", %s not touched yet", mib_text(missing, bytes));
	fprintf(out, "; %s of %s are as promised", mib_text(verdict->got_bytes, bytes),
		mib_text(verdict->ram_bytes, size));
	if (fclose(out) != 0) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}

int gr_judge(const struct gr_inspection *inspection, uint64_t page_size_bytes, double percent,
	     struct gr_verdict *ret)
{
	char got[GR_TEXT_MAX], ram[GR_TEXT_MAX], size[GR_TEXT_MAX];
	struct gr_verdict verdict = {
		.asked_page_bytes = page_size_bytes,
		.ram_bytes = inspection->ram_bytes,
	};
	bool all = percent >= 100.0;
	int r;

	for (size_t i = 0; i < inspection->region_count; i++)
		verdict.got_bytes += bytes_on(&inspection->regions[i], page_size_bytes);
	verdict.got_bytes = gr_min_u64(verdict.got_bytes, verdict.ram_bytes);
	if (!inspection->recognised || !verdict.ram_bytes) {
		r = gr_asprintf(&verdict.message, "no guest RAM was recognised: nothing is proven");
	} else if (all ? verdict.got_bytes == verdict.ram_bytes
		       : (double)verdict.got_bytes * 100.0 >= (double)verdict.ram_bytes * percent) {
		verdict.kept = true;
		r = gr_asprintf(&verdict.message, "%s of %s on %s pages",
				gr_size_text(verdict.got_bytes, got),
				gr_size_text(verdict.ram_bytes, ram),
				gr_size_text(page_size_bytes, size));
	} else {
		verdict.broken = inspection->populated_bytes + inspection->swapped_bytes >
				 verdict.got_bytes;
		r = broken_message(inspection, page_size_bytes, all, &verdict, &verdict.message);
	}
	if (r < 0)
		return r;
	*ret = verdict;
	return 0;
}

void gr_verdict_done(struct gr_verdict *verdict)
{
	free(verdict->message);
	*verdict = (struct gr_verdict){ 0 };
}
