// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A short stretch of memory, looked at again right before something is done to it. Nothing is known
 * of holes and of memory that is not initialised yet: both count as the kernel's here.
 */
#include <fcntl.h>
#include <string.h>

#include "base/util.h"
#include "host/survey_private.h"

#define CHUNK_PAGES UINT64_C(32768)

int gr_survey_stretch(const struct gr_root *root, uint64_t start_pfn, uint64_t pages,
		      struct gr_page_kinds *ret)
{
	_cleanup_close_ int fd = gr_root_open_fd(root, "proc/kpageflags", O_RDONLY, 0, NULL);
	_cleanup_free_ uint64_t *flags = malloc(CHUNK_PAGES * sizeof(*flags));
	struct gr_page_kinds kinds = { 0 };
	enum gr_kind head = GR_KIND_COUNT;

	if (fd < 0)
		return fd;
	if (!flags)
		return -ENOMEM;
	while (pages) {
		uint64_t now = gr_min_u64(pages, CHUNK_PAGES);
		int r = gr_flags_read(fd, start_pfn, flags, now);

		if (r < 0)
			return r;
		gr_flags_count(flags, now, &head, &kinds);
		start_pfn += now;
		pages -= now;
	}
	*ret = kinds;
	return 0;
}
