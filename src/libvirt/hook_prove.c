// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Did QEMU get what was reserved for it? Its own page tables say so, size by size: what a lease has
 * on several nodes is one sum here, since it is for the host to say where.
 */
#include "libvirt/hook.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "verify/verify.h"

void gr_hook_prove(struct gr_hook *hook, const struct gr_lease *lease, pid_t pid)
{
	_cleanup_inspection_ struct gr_inspection *seen = NULL;
	char text[256] = "", a[GR_TEXT_MAX], b[GR_TEXT_MAX], c[GR_TEXT_MAX];
	struct gr_error err = { 0 };
	bool kept = true;

	if (gr_inspect_pid(hook->root, pid, &seen, &err) < 0 || !seen->recognised) {
		gr_hook_note(hook, "unknown", lease, "pid %d: %s", (int)pid,
			     seen ? "no guest RAM was recognised" : err.message);
		return;
	}
	for (size_t i = 0; i < lease->grant_count; i++) {
		uint64_t size = lease->grants[i].page_size_bytes, want = 0, got = 0;
		size_t used = strlen(text);
		bool first = true;

		for (size_t k = 0; k < lease->grant_count; k++) {
			first &= k >= i || lease->grants[k].page_size_bytes != size;
			if (lease->grants[k].page_size_bytes == size)
				want += lease->grants[k].pages * size;
		}
		for (size_t k = 0; k < seen->by_size_count; k++)
			got += seen->by_size[k].page_size_bytes == size ? seen->by_size[k].bytes : 0;
		kept &= got >= want;
		if (first)
			snprintf(text + used, sizeof(text) - used, "%s%s of %s on %s pages",
				 used ? ", " : "", gr_size_text(got, a), gr_size_text(want, b),
				 gr_size_text(size, c));
	}
	gr_hook_note(hook, kept ? "kept" : "broken", lease, "pid %d: %s", (int)pid, text);
}
