// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory apart from pools: limits of commitment, a host that is really short, pieces in a row that
 * the kernel itself needs, file systems in memory that are full, and what must be left to the host.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "plan/scope.h"

static uint64_t ordinary_bytes(const struct gr_intent *intent)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < intent->ask_count; i++)
		bytes = gr_add_sat(bytes, intent->asks[i].pages ? 0 : intent->asks[i].bytes);
	return bytes;
}

enum gr_verdict gr_cause_commit(struct gr_case *c)
{
	const struct gr_evidence *ev = c->ev;
	uint64_t bytes = ordinary_bytes(c->intent), room;
	char limit[GR_TEXT_MAX], used[GR_TEXT_MAX], want[GR_TEXT_MAX];

	if (!ev->overcommit_memory.known)
		return gr_unsure(c, "vm.overcommit_memory=2", "/proc/sys/vm/overcommit_memory");
	if (ev->overcommit_memory.value != 2)
		return GR_EXCLUDED;
	if (!ev->commit_limit_bytes.known || !ev->committed_bytes.known)
		return gr_unsure(c, "the commit limit (vm.overcommit_memory is 2)",
				 "CommitLimit and Committed_AS in /proc/meminfo");
	room = gr_sub_floor(ev->commit_limit_bytes.value, ev->committed_bytes.value);
	if (c->intent->known && (!bytes || bytes <= room || c->intent->pid))
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR161", GR_ERROR,
		    "vm.overcommit_memory is 2, and the commit limit does not allow so much");
	gr_diagnose_evidence(c->found, "CommitLimit %s, Committed_AS %s",
			     gr_size_text(ev->commit_limit_bytes.value, limit),
			     gr_size_text(ev->committed_bytes.value, used));
	if (bytes)
		gr_diagnose_evidence(c->found, "the VM wants %s", gr_size_text(bytes, want));
	gr_diagnose_remedy(c->found, "sysctl vm.overcommit_memory=0, or raise vm.overcommit_ratio");
	return GR_CONFIRMED;
}

enum gr_verdict gr_cause_address_space(struct gr_case *c)
{
	const struct gr_figure *limit = &c->ev->process.address_space_bytes;
	uint64_t bytes = gr_intent_bytes(c->intent);
	char have[GR_TEXT_MAX], want[GR_TEXT_MAX];

	if (!limit->known || limit->value > bytes)
		return c->ev->process.own || !c->intent->pid ?
			       gr_unsure(c, "a limit on address space (ulimit -v)",
					 "/proc/PID/limits of whoever starts the VM (--pid)") :
			       GR_EXCLUDED;
	gr_diagnose(c->found, "GR162", GR_ERROR,
		    "the limit on address space is below the VM's memory");
	gr_diagnose_evidence(c->found, "Max address space %s, the VM wants %s",
			     gr_size_text(limit->value, have), gr_size_text(bytes, want));
	gr_diagnose_remedy(c->found, "ulimit -v unlimited, or LimitAS=infinity in the unit");
	return GR_CONFIRMED;
}

enum gr_verdict gr_cause_host_short(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	uint64_t bytes = ordinary_bytes(c->intent);
	char have[GR_TEXT_MAX], want[GR_TEXT_MAX], arc[GR_TEXT_MAX];

	if (!bytes)
		return c->intent->known ? GR_EXCLUDED :
					  gr_unsure(c, "a host that is short of memory",
						    "the VM's size (--argv, --domain)");
	if (c->intent->pid || bytes <= gr_add_sat(host->mem_available_bytes, host->swap_free_bytes))
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR163", GR_ERROR,
		    "the host has less memory available than the VM wants");
	gr_diagnose_evidence(c->found, "MemAvailable %s, the VM wants %s",
			     gr_size_text(host->mem_available_bytes, have),
			     gr_size_text(bytes, want));
	if (c->ev->arc_bytes.known)
		gr_diagnose_evidence(c->found,
				     "ZFS keeps %s in its ARC, which is not counted as "
				     "available",
				     gr_size_text(c->ev->arc_bytes.value, arc));
	gr_diagnose_remedy(c->found, "%s",
			   c->ev->arc_bytes.known ? "lower zfs_arc_max, or give the VM less" :
						    "give the VM less, or stop something");
	return GR_CONFIRMED;
}

#define CONTIGUOUS_ORDER 5

/* The kernel wants some pages in a row for itself; free memory in crumbs does not help. */
enum gr_verdict gr_cause_kernel_contiguous(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	uint64_t blocks = 0;
	char have[GR_TEXT_MAX];

	if (gr_max_order(host) == GR_ORDER_NONE)
		return gr_unsure(c, "memory that is fragmented", "/proc/buddyinfo");
	for (size_t i = 0; i < host->zone_count; i++) {
		for (unsigned int k = CONTIGUOUS_ORDER; k < host->zones[i].orders; k++)
			blocks = gr_zone_is_movable(&host->zones[i]) ?
					 blocks :
					 gr_add_sat(blocks, host->zones[i].buddy[k]);
	}
	if (blocks > 64)
		return gr_unsure(c, "memory was fragmented at that moment (it is not now)",
				 "/proc/buddyinfo right after the failure");
	gr_diagnose(c->found, "GR164", GR_ERROR,
		    "the kernel finds no pages in a row for itself: memory is fragmented");
	gr_diagnose_evidence(c->found, "%" PRIu64 " free blocks of order %d and more, with %s free",
			     blocks, CONTIGUOUS_ORDER, gr_size_text(host->mem_free_bytes, have));
	gr_diagnose_remedy(c->found,
			   "echo 1 > /proc/sys/vm/compact_memory (and drop_caches before it); "
			   "pools of huge pages are not the matter");
	return GR_CONFIRMED;
}

/* File systems in memory: /dev/shm, or where the VM's files are. */
enum gr_verdict gr_cause_tmpfs(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;

	for (size_t i = 0; i < c->intent->ask_count; i++) {
		const struct gr_ask *ask = &c->intent->asks[i];
		uint64_t magic, block, total, avail;
		char want[GR_TEXT_MAX], have[GR_TEXT_MAX];
		bool regular;

		if (ask->kind != GR_ASK_FILE || ask->pages || !ask->path)
			continue;
		if (gr_root_file_system(c->ev->root, ask->path, &magic, &block, &regular, NULL) <
			    0 ||
		    gr_root_space(c->ev->root, ask->path, &total, &avail) < 0) {
			verdict = gr_unsure(c, "a file system in memory that is full",
					    "df of the directory of the VM's memory file");
			continue;
		}
		if (magic != 0x01021994 || (c->intent->pid ? avail > 0 : avail >= ask->bytes))
			continue;
		gr_diagnose(c->found, "GR119", GR_ERROR, "the tmpfs that holds %s is too small",
			    ask->path);
		gr_diagnose_evidence(c->found, "%s wants %s, %s are free", ask->what,
				     gr_size_text(ask->bytes, want), gr_size_text(avail, have));
		gr_diagnose_remedy(c->found, "mount -o remount,size=SIZE the tmpfs, or take memfd");
		return GR_CONFIRMED;
	}
	return verdict;
}

enum gr_verdict gr_cause_poison(struct gr_case *c)
{
	char bytes[GR_TEXT_MAX];

	if (!c->ev->corrupted_bytes.known)
		return gr_unsure(c, "a broken page of memory",
				 "HardwareCorrupted in /proc/meminfo");
	if (!c->ev->corrupted_bytes.value)
		return GR_EXCLUDED;
	gr_diagnose(c->found, "GR165", GR_ERROR, "memory of this host is broken in places");
	gr_diagnose_evidence(c->found, "HardwareCorrupted %s",
			     gr_size_text(c->ev->corrupted_bytes.value, bytes));
	gr_diagnose_remedy(c->found, "dmesg says which pages; test the modules");
	return GR_CONFIRMED;
}

/* The pages that are lacking would have to come from somewhere. */
enum gr_verdict gr_cause_floor(struct gr_case *c)
{
	enum gr_verdict verdict = GR_EXCLUDED;
	struct gr_short s;

	for (size_t i = 0; gr_each_short(c, &i, &s);) {
		uint64_t bytes = gr_mul_sat(s.lack, s.page_size_bytes), fits;
		struct gr_error err = { 0 };

		if (gr_floor_check(c->ev->host, c->floor, -1, bytes, &err) >= 0)
			continue;
		fits = gr_floor_room(c->ev->host, c->floor, s.page_size_bytes, -1);
		gr_diagnose(c->found, "GR170", GR_ERROR,
			    "the pages that are lacking cannot be added: %s", err.message);
		gr_diagnose_evidence(c->found,
				     "%" PRIu64 " pages of %s are lacking, %" PRIu64 " fit above "
				     "the floor",
				     s.lack, s.size, fits / s.page_size_bytes);
		gr_diagnose_remedy(c->found, "a smaller VM, or stop something; %s", err.hint);
		verdict = GR_CONFIRMED;
	}
	return verdict;
}
