// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * /proc/sys/fs/dentry-state: how many names the kernel has in its cache and how many of them nobody
 * uses. The latter go when caches are shrunk, and with them most of what the kernel calls reclaimable.
 */
#include <errno.h>

#include "base/util.h"
#include "host/read.h"

int gr_dentries_parse(char *text, struct gr_host *host)
{
	char *cursor = gr_text_trim(text), *all, *unused;
	uint64_t all_count, unused_count;

	all = gr_next_word(&cursor);
	unused = gr_next_word(&cursor);
	if (!all || !unused || gr_parse_u64(all, &all_count) < 0 ||
	    gr_parse_u64(unused, &unused_count) < 0)
		return -EBADMSG;
	host->dentries = (struct gr_figure){ .known = true, .value = all_count };
	host->dentries_unused = unused_count;
	return 0;
}
