// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Limits of the cgroups that this process is in. The hugetlb controller names its files by page
 * size ("hugetlb.2MB.max", v1 "hugetlb.2MB.limit_in_bytes", "rsvd." for what is refused at mmap
 * instead of by SIGBUS at the touch); huge pages are not charged to memory.max, the rest is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "plan/weigh.h"

/* "hugetlb.2MB." as the kernel spells it: the largest unit that divides. */
static void file_prefix(uint64_t page_size, char *buf, size_t buf_size)
{
	if (page_size == 0)
		snprintf(buf, buf_size, "memory.");
	else if (page_size >= GR_GIB)
		snprintf(buf, buf_size, "hugetlb.%" PRIu64 "GB.", page_size / GR_GIB);
	else if (page_size >= GR_MIB)
		snprintf(buf, buf_size, "hugetlb.%" PRIu64 "MB.", page_size / GR_MIB);
	else
		snprintf(buf, buf_size, "hugetlb.%" PRIu64 "KB.", page_size / GR_KIB);
}

static bool is_limit(const char *file, const char *prefix)
{
	const char *rest = file + strlen(prefix);

	if (strncmp(file, prefix, strlen(prefix)))
		return false;
	if (!strncmp(rest, "rsvd.", 5))
		rest += 5;
	return !strcmp(rest, "max") || !strcmp(rest, "limit_in_bytes");
}

void gr_cgroup_check(const struct gr_host *host, uint64_t page_size_bytes, uint64_t bytes,
		     struct gr_problems *problems)
{
	char prefix[48], size[GR_TEXT_MAX], want[GR_TEXT_MAX], allowed[GR_TEXT_MAX];
	char used[GR_TEXT_MAX], what[GR_TEXT_MAX + 16] = "memory";

	file_prefix(page_size_bytes, prefix, sizeof(prefix));
	if (page_size_bytes)
		snprintf(what, sizeof(what), "%s pages", gr_size_text(page_size_bytes, size));
	for (size_t i = 0; i < host->limit_count; i++) {
		const struct gr_cgroup_limit *limit = &host->limits[i];
		uint64_t current = 0;

		if (limit->is_list || !limit->file || !is_limit(limit->file, prefix))
			continue;
		/* What is charged to memory.max is mostly cache, which makes room. */
		if (page_size_bytes && limit->current_bytes.known)
			current = limit->current_bytes.value;
		if (bytes <= gr_sub_floor(limit->limit_bytes, current))
			continue;
		gr_problems_add(problems, GR_P_CGROUP,
				"cgroup %s allows %s of %s (%s), %s in use, the guest needs %s",
				limit->cgroup ? limit->cgroup : "?",
				gr_size_text(limit->limit_bytes, allowed), what, limit->file,
				gr_size_text(current, used), gr_size_text(bytes, want));
		gr_problems_hint(problems, "raise %s of that cgroup, or start from another one",
				 limit->file);
	}
}
