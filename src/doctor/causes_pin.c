// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Devices passed through: all guest memory is pinned for them. Files on a disk cannot be, the limit
 * of locked memory counts, and the number of mappings is limited.
 */
#include <inttypes.h>

#include "base/util.h"
#include "doctor/case.h"
#include "plan/scope.h"

#define TMPFS 0x01021994
#define HUGETLBFS 0x958458f6
#define CAP_IPC_LOCK_BIT (UINT64_C(1) << 14)

static bool in_memory(const struct gr_case *c, const char *path, bool *ret_known)
{
	uint64_t magic, block;
	bool regular;

	if (gr_mount_at(c->ev->host->mounts, c->ev->host->mount_count, path)) {
		*ret_known = true;
		return true;
	}
	*ret_known = gr_root_is_host(c->ev->root) &&
		     gr_root_file_system(c->ev->root, path, &magic, &block, &regular, NULL) >= 0;
	return *ret_known && (magic == TMPFS || magic == HUGETLBFS);
}

enum gr_verdict gr_cause_unpinnable(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	if (!c->intent->passthrough && !c->line)
		return GR_EXCLUDED;
	if (!c->intent->known)
		return gr_unsure(
			c, "memory in a file on a disk, which cannot be pinned",
			"the domain: <access mode='shared'/> without <source type='memfd'/> "
			"(--domain, --argv)");
	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		bool known = true, memory = false;

		if (ask->kind != GR_ASK_FILE || ask->pages)
			continue;
		if (ask->path)
			memory = in_memory(c, ask->path, &known);
		if (memory)
			continue;
		/* Libvirt keeps such files below /var/lib/libvirt/qemu/ram, on a disk. */
		if (!known && ask->path && !gr_pattern_match("/libvirt/", ask->path, NULL)) {
			verdict = gr_unsure(c, "memory in a file on a disk, which cannot be pinned",
					    "the type of the file system of mem-path");
			continue;
		}
		gr_diagnose(c->found, "GR166", GR_ERROR,
			    "file-backed RAM cannot be pinned for the device: "
			    "%s lies in a file on a disk",
			    ask->what);
		gr_diagnose_evidence(
			c->found, "%s%s",
			ask->path ? ask->path :
				    "libvirt puts shared memory without a source into a file below "
				    "/var/lib/libvirt/qemu/ram",
			ask->shared ? ", shared" : "");
		gr_diagnose_remedy(c->found, "add <source type='memfd'/> to <memoryBacking> "
					     "(QEMU: memory-backend-memfd), or huge pages");
		return GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_memlock(struct gr_case *c)
{
	const struct gr_figure *limit = &c->ev->process.memlock_bytes;
	uint64_t bytes = gr_intent_bytes(c->intent);
	uint64_t want = gr_add_sat(bytes, GR_GIB);
	char have[GR_TEXT_MAX], ram[GR_TEXT_MAX], arg[GR_TEXT_MAX];

	if (!c->intent->passthrough && !c->line)
		return GR_EXCLUDED;
	if (c->intent->hard_limit_bytes && c->intent->hard_limit_bytes <= bytes) {
		gr_diagnose(c->found, "GR167", GR_ERROR,
			    "hard_limit of the domain is not above its memory");
		gr_diagnose_evidence(c->found, "hard_limit %s, memory %s",
				     gr_size_text(c->intent->hard_limit_bytes, have),
				     gr_size_text(bytes, ram));
		gr_diagnose_remedy(c->found, "leave it out, or at least %s",
				   gr_size_arg(want, arg));
		return GR_CONFIRMED;
	}
	if (!limit->known && c->match && c->match->number_count) {
		gr_diagnose(c->found, "GR167", GR_ERROR,
			    "the limit of locked memory is too low to pin the "
			    "guest");
		gr_diagnose_evidence(c->found, "RLIMIT_MEMLOCK was %s, as the message says",
				     gr_size_text(c->match->numbers[0], have));
		gr_diagnose_remedy(c->found,
				   "guest RAM and 1G: ulimit -l, or LimitMEMLOCK=infinity; libvirt "
				   "sets it by itself unless hard_limit says less");
		return GR_CONFIRMED;
	}
	if (!limit->known)
		return c->line ? gr_unsure(c, "the limit of locked memory",
					   "Max locked memory in /proc/PID/limits (--pid), or the "
					   "kernel "
					   "log") :
				 GR_EXCLUDED;
	/* Who has CAP_IPC_LOCK is not held to it. */
	if (limit->value >= bytes || (c->ev->process.capabilities.known &&
				      c->ev->process.capabilities.value & CAP_IPC_LOCK_BIT))
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR167", GR_ERROR, "the limit of locked memory is below guest RAM");
	gr_diagnose_evidence(c->found, "Max locked memory %s, guest RAM %s",
			     gr_size_text(limit->value, have), gr_size_text(bytes, ram));
	gr_diagnose_remedy(c->found,
			   "ulimit -l %" PRIu64 " (in KiB) before the start, or "
			   "LimitMEMLOCK=infinity",
			   want / GR_KIB);
	return GR_CONFIRMED;
}

/* One entry per mapping: base pages that are not in a row need very many. */
enum gr_verdict gr_cause_dma_entries(struct gr_case *c)
{
	const struct gr_figure *limit = &c->ev->dma_entry_limit;

	if (!c->line || (c->intent->known && gr_asks_huge(c->intent)))
		return GR_EXCLUDED;
	if (!limit->known)
		return gr_unsure(c, "the limit on DMA mappings (65,535 by default)",
				 "dma_entry_limit of the module vfio_iommu_type1");
	return gr_unsure(c, "the limit on DMA mappings, reached with very many small blocks",
			 "the kernel log, and dma_entry_limit of the module vfio_iommu_type1");
}
