// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVM keeps a directory per VM in debugfs, kvm/PID-FD, with pages_4k, pages_2m and pages_1g. The
 * counts grow as the guest touches its memory, so their ratio says something, the sum does not.
 */
#include "verify/stage2.h"

#include <string.h>

#include "base/util.h"

static const struct {
	const char *file;
	size_t offset;
} counts[] = {
	{ "pages_4k", offsetof(struct gr_stage2, pages_4k) },
	{ "pages_2m", offsetof(struct gr_stage2, pages_2m) },
	{ "pages_1g", offsetof(struct gr_stage2, pages_1g) },
};

static int read_counts(const struct gr_root *root, const char *name, struct gr_stage2 *ret)
{
	struct gr_stage2 stage2 = { .known = true };

	for (size_t i = 0; i < GR_ARRAY_SIZE(counts); i++) {
		uint64_t *field = (uint64_t *)(void *)((char *)&stage2 + counts[i].offset);
		char path[128];
		int r;

		snprintf(path, sizeof(path), "sys/kernel/debug/kvm/%.48s/%s", name, counts[i].file);
		r = gr_root_read_u64(root, path, field, NULL);
		if (r < 0)
			return r;
	}
	if (!stage2.pages_4k && !stage2.pages_2m && !stage2.pages_1g)
		return -ENODATA;
	*ret = stage2;
	return 0;
}

int gr_stage2_read(const struct gr_root *root, pid_t pid, struct gr_stage2 *ret)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char prefix[16];
	int r = gr_root_list(root, "sys/kernel/debug/kvm", &names, NULL);

	if (r < 0)
		return r;
	snprintf(prefix, sizeof(prefix), "%d-", (int)pid);
	for (size_t i = 0; i < names.count; i++) {
		if (!strncmp(names.names[i], prefix, strlen(prefix)))
			return read_counts(root, names.names[i], ret);
	}
	return -ENOENT;
}
