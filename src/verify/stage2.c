// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVM keeps a directory per VM in debugfs, kvm/PID-FD, with pages_4k, pages_2m and pages_1g; QEMU
 * has the same counts over QMP. The kernel gives its statistics descriptor to the VMM alone. What
 * is found is put into the inspection, and judged.
 */
#include "verify/stage2.h"

#include <string.h>

#include "base/util.h"
#include "verify/align.h"
#include "verify/findings.h"
#include "verify/qmp.h"

static const struct {
	const char *file;
	size_t offset;
} counts[] = {
	{ "pages_4k", offsetof(struct gr_stage2, pages_4k) },
	{ "pages_2m", offsetof(struct gr_stage2, pages_2m) },
	{ "pages_1g", offsetof(struct gr_stage2, pages_1g) },
};

static int read_count(const struct gr_root *root, const char *name, const char *file, uint64_t *ret)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/kernel/debug/kvm/%.48s/%s", name, file);
	return gr_root_read_u64(root, path, ret, NULL);
}

static int read_counts(const struct gr_root *root, const char *name, struct gr_stage2 *ret)
{
	struct gr_stage2 stage2 = { .known = true, .source = GR_STAGE2_DEBUGFS };

	for (size_t i = 0; i < GR_ARRAY_SIZE(counts); i++) {
		uint64_t *field = (uint64_t *)(void *)((char *)&stage2 + counts[i].offset);
		int r = read_count(root, name, counts[i].file, field);

		if (r < 0)
			return r;
	}
	if (!stage2.pages_4k && !stage2.pages_2m && !stage2.pages_1g)
		return -ENODATA;
	stage2.splits_known = read_count(root, name, "nx_lpage_splits", &stage2.nx_splits) == 0;
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

static void fill_sizes(const struct gr_host *host, struct gr_inspection *i)
{
	uint64_t top;

	i->base_page_bytes = host->base_page_bytes;
	i->pmd_bytes =
		host->thp.pmd_size_bytes ? host->thp.pmd_size_bytes : host->default_page_size_bytes;
	top = gr_page_of_level(i->base_page_bytes, i->pmd_bytes);
	for (size_t k = 0; k < host->pool_count; k++) {
		if (host->pools[k].page_size_bytes == top)
			i->pud_bytes = top;
	}
}

static int derive_slots(const struct gr_process *process, struct gr_inspection *i)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	struct gr_slot slots[GR_SLOTS_MAX];
	int r;

	if (!i->vmm || strcmp(i->vmm, "qemu") != 0 || !process->argc || !i->recognised)
		return 0;
	r = gr_qemu_parse(process->argv, &qemu, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return gr_align_take(i, slots, gr_align_derive(qemu, i, slots), GR_SLOTS_DERIVED);
}

int gr_stage2_fill(const struct gr_host *host, const struct gr_process *process, int error,
		   struct gr_inspection *i)
{
	int r;

	i->stage2_error = error;
	i->fds_known = process->fds_known;
	i->nx_splits = gr_nx_splits(host);
	fill_sizes(host, i);
	gr_align_regions(i);
	r = derive_slots(process, i);
	return r < 0 ? r : gr_stage2_judge(i);
}

int gr_inspection_add_qmp(struct gr_inspection *i, struct gr_qmp_facts *facts)
{
	int r = 0;

	gr_qmp_facts_free(i->qmp);
	i->qmp = facts;
	if (facts->stage2.known) {
		i->stage2 = facts->stage2;
		gr_finding_drop(i, GR_FINDING_STAGE2_UNKNOWN);
	} else if (!facts->stats_error && facts->kvm == GR_TOLD_YES && !i->stage2.known) {
		i->stage2_error = -ENODATA;
	}
	if (facts->slot_count) {
		for (size_t k = 0; k < i->region_count; k++) {
			struct gr_region *region = &i->regions[k];

			region->slot_count = 0;
			region->slots_from = GR_SLOTS_UNKNOWN;
			region->at_most_pmd_bytes = region->at_most_pud_bytes = 0;
		}
		r = gr_align_take(i, facts->slots, facts->slot_count, GR_SLOTS_QMP);
	}
	return r < 0 ? r : gr_stage2_judge(i);
}
