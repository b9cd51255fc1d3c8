// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host as it is, when nobody has asked for a VM: what is left to the kernel, pages that lie
 * idle, counts that contradict each other, what the boot line asked for, mounts, hook, and settings
 * that are known to hurt. One function per check, all in a table.
 */
#include <inttypes.h>
#include <string.h>

#include "base/util.h"
#include "doctor/case.h"
#include "doctor/doctor.h"
#include "plan/scope.h"

typedef void (*check_fn)(struct gr_case *c);

static void check_floor(struct gr_case *c)
{
	struct gr_error err = { 0 };
	char huge[GR_TEXT_MAX], total[GR_TEXT_MAX];

	if (gr_floor_check(c->ev->host, c->floor, -1, 0, &err) >= 0)
		return;
	gr_diagnose(c->found, "GR230", GR_ERROR, "%s", err.message);
	gr_diagnose_evidence(c->found, "MemTotal %s, of which huge pages have %s",
			     gr_size_text(c->ev->host->mem_total_bytes, total),
			     gr_size_text(gr_scope_hugetlb_bytes(c->ev->host, -1), huge));
	gr_diagnose_remedy(c->found,
			   "lower the pools by what is free in them, or stop something; count "
			   "pools from MemTotal, not from the memory that is installed");
}

#define STRANDED_PART 20 /* of RAM: below that share it is only worth a line */

static void check_stranded(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	uint64_t sum = 0;
	char text[GR_TEXT_MAX], size[GR_TEXT_MAX], share[GR_TEXT_MAX];

	for (size_t i = 0; i < host->page_size_count; i++)
		sum = gr_add_sat(sum, gr_mul_sat(gr_scope_pool_free(host, host->page_sizes[i], -1),
						 host->page_sizes[i]));
	if (!sum)
		return;
	gr_diagnose(c->found, "GR231",
		    sum >= host->mem_total_bytes / STRANDED_PART ? GR_WARNING : GR_INFO,
		    "%s lie in pools of huge pages, and nobody uses them", gr_size_text(sum, text));
	for (size_t i = 0; i < host->page_size_count; i++) {
		uint64_t pages = gr_scope_pool_free(host, host->page_sizes[i], -1);

		if (pages)
			gr_diagnose_evidence(c->found, "%s: %" PRIu64 " free pages of %s",
					     gr_size_text(pages * host->page_sizes[i], share),
					     pages, gr_size_text(host->page_sizes[i], size));
	}
	gr_diagnose_remedy(c->found,
			   "reserve when a VM starts (guestram run, the libvirt hook) or use "
			   "transparent huge pages; guestram static shows what may go");
}

static uint64_t sum_of_pools(const struct gr_host *host)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];

		if (pool->node < 0)
			sum = gr_add_sat(sum, gr_mul_sat(pool->total, pool->page_size_bytes));
	}
	return sum;
}

/* Pools and meminfo are read one after the other: a difference must still be there at a second
 * look. */
static void check_identity(struct gr_case *c)
{
	const struct gr_host *host = c->ev->host;
	_cleanup_host_ struct gr_host *again = NULL;

	if (!host->hugetlb_bytes.known || sum_of_pools(host) == host->hugetlb_bytes.value)
		return;
	if (gr_host_read(c->ev->root, GR_READ_POOLS, &again, NULL) < 0 ||
	    !again->hugetlb_bytes.known || sum_of_pools(again) == again->hugetlb_bytes.value)
		return;
	gr_diagnose(c->found, "GR232", GR_WARNING,
		    "the pools and /proc/meminfo do not agree about the memory in huge pages");
	gr_diagnose_evidence(c->found,
			     "pools add up to %" PRIu64 " kB, Hugetlb says %" PRIu64 " kB",
			     sum_of_pools(again) / GR_KIB, again->hugetlb_bytes.value / GR_KIB);
	gr_diagnose_remedy(c->found,
			   "a page size that /sys does not show, or a fault of the kernel");
}

static void check_hook(struct gr_case *c)
{
	const struct gr_hook *hook = &c->ev->hook;

	if (!hook->path || hook->executable)
		return;
	gr_diagnose(c->found, "GR233", GR_WARNING, "a hook of libvirt is not executable");
	gr_diagnose_evidence(c->found, "/%s has no x bit, so libvirt does not run it", hook->path);
	gr_diagnose_remedy(c->found, "chmod +x /%s", hook->path);
}

/* A pool that VMs of libvirt cannot reach through files. */
static void check_mounts(struct gr_case *c)
{
	const struct gr_daemon *daemon = &c->ev->daemon;
	const struct gr_host *host = c->ev->host;

	for (size_t i = 0; i < host->page_size_count && daemon->pid; i++) {
		const struct gr_pool *pool = gr_host_pool(host, host->page_sizes[i], -1);
		const struct gr_mount *mount =
			gr_mount_of_size(host->mounts, host->mount_count, host->page_sizes[i]);
		_cleanup_free_ char *below = NULL;
		const struct gr_place *made, *top;
		char size[GR_TEXT_MAX], arg[GR_TEXT_MAX];

		if (!pool || !pool->total)
			continue;
		gr_size_text(host->page_sizes[i], size);
		gr_size_arg(host->page_sizes[i], arg);
		if (!mount) {
			gr_diagnose(c->found, "GR234", GR_WARNING,
				    "there are pages of %s and no hugetlbfs mount for them", size);
			gr_diagnose_evidence(c->found,
					     "%" PRIu64 " pages; libvirt uses mounts unless a "
					     "domain has <source type='memfd'/>",
					     pool->total);
			gr_diagnose_remedy(c->found,
					   "mount -t hugetlbfs -o pagesize=%s hugetlbfs "
					   "/dev/hugepages%s, then restart %s",
					   arg, arg, daemon->name);
			continue;
		}
		if (gr_asprintf(&below, "%s/libvirt/qemu", mount->path) < 0)
			return;
		top = gr_evidence_place(c->ev, mount->path);
		made = gr_evidence_place(c->ev, below);
		if (!top || top->answer != GR_ANSWER_OK || !made ||
		    made->answer != GR_ANSWER_ABSENT)
			continue;
		gr_diagnose(c->found, "GR235", GR_WARNING,
			    "%s (pid %d) does not know the mount %s: it was made after the daemon "
			    "started",
			    daemon->name, (int)daemon->pid, mount->path);
		gr_diagnose_evidence(c->found, "%s is not there; the daemon makes it at its start",
				     below);
		gr_diagnose_remedy(c->found, "systemctl restart %s", daemon->name);
	}
}

static void check_boot(struct gr_case *c)
{
	const struct gr_boot_pools *boot = &c->ev->boot;

	for (size_t i = 0; i < boot->count; i++) {
		const struct gr_boot_pool *asked = &boot->pools[i];
		const struct gr_pool *pool =
			gr_host_pool(c->ev->host, asked->page_size_bytes, asked->node);
		char size[GR_TEXT_MAX], where[24] = "";
		uint64_t got;

		if (!pool || pool->answer != GR_ANSWER_OK)
			continue;
		got = gr_sub_floor(pool->total, pool->surplus);
		if (got >= asked->pages)
			continue;
		if (asked->node >= 0)
			snprintf(where, sizeof(where), " on node %d", asked->node);
		gr_diagnose(c->found, "GR236", GR_WARNING,
			    "asked %" PRIu64 ", got %" PRIu64 " pages of %s%s", asked->pages, got,
			    gr_size_text(asked->page_size_bytes, size), where);
		gr_diagnose_evidence(c->found,
				     "asked by the %s; dmesg says whether the boot itself gave "
				     "fewer (HugeTLB: allocating ... failed)",
				     asked->source);
		gr_diagnose_remedy(
			c->found,
			"ask for the %" PRIu64 " that there are, and for smaller pages "
			"for the rest: memory has holes that large pages do not fit into",
			got);
	}
	for (size_t i = 0; i < boot->ignored_count; i++) {
		gr_diagnose(c->found, "GR237", GR_WARNING,
			    "the kernel ignores a word of its boot line");
		gr_diagnose_evidence(c->found, "%s", boot->ignored[i]);
		gr_diagnose_remedy(c->found,
				   "pairs of hugepagesz=SIZE hugepages=COUNT, each size once");
	}
}

static void check_thp(struct gr_case *c)
{
	const struct gr_evidence *ev = c->ev;
	const char *defrag = gr_host_thp(ev->host, "defrag");

	if (!defrag || strcmp(defrag, "always") != 0 || !ev->compact_stall.known ||
	    !ev->compact_fail.known || !ev->compact_success.known ||
	    ev->compact_stall.value < 1000 ||
	    ev->compact_fail.value < gr_mul_sat(3, ev->compact_success.value))
		return;
	gr_diagnose(c->found, "GR238", GR_WARNING,
		    "page faults stall while memory is compacted for huge pages, mostly in vain");
	gr_diagnose_evidence(c->found,
			     "defrag is always; compact_stall %" PRIu64 ", compact_fail %" PRIu64
			     ", compact_success %" PRIu64,
			     ev->compact_stall.value, ev->compact_fail.value,
			     ev->compact_success.value);
	gr_diagnose_remedy(c->found,
			   "echo defer+madvise > /sys/kernel/mm/transparent_hugepage/defrag, or "
			   "a pool for the VMs");
}

static void check_nx(struct gr_case *c)
{
	const char *nx = c->ev->host->kvm.nx_huge_pages;

	if (!nx || !strchr("Yy1", *nx))
		return;
	gr_diagnose(c->found, "GR239", GR_INFO,
		    "KVM maps code of the guest in 4 KiB pages, whatever the host's pages are");
	gr_diagnose_evidence(c->found, "nx_huge_pages of the module kvm is %s", nx);
	gr_diagnose_remedy(c->found,
			   "needed on CPUs with the iTLB multihit fault; else nx_huge_pages=off");
}

static void check_overcommit(struct gr_case *c)
{
	for (size_t i = 0; i < c->ev->host->pool_count; i++) {
		const struct gr_pool *pool = &c->ev->host->pools[i];
		struct gr_obtainable can;
		char size[GR_TEXT_MAX];
		uint64_t room;

		if (pool->node >= 0 || !pool->overcommit_known || !pool->overcommit)
			continue;
		room = gr_sub_floor(pool->overcommit, pool->surplus);
		gr_obtainable(c->ev->host, pool->page_size_bytes, -1, c->floor, &can);
		if (!can.now_known || can.now >= room)
			continue;
		gr_diagnose(c->found, "GR240", GR_INFO,
			    "overcommit allows more pages of %s than there are",
			    gr_size_text(pool->page_size_bytes, size));
		gr_diagnose_evidence(c->found,
				     "allowed %" PRIu64 ", obtainable now about %" PRIu64
				     ", surplus in use %" PRIu64,
				     room, can.now, pool->surplus);
		gr_diagnose_remedy(c->found,
				   "pages that a VM must have are reserved before its start");
	}
}

static void check_poison(struct gr_case *c)
{
	if (c->ev->corrupted_bytes.known && c->ev->corrupted_bytes.value)
		gr_cause_poison(c);
}

static const check_fn checks[] = {
	check_floor, check_stranded, check_identity, check_hook,       check_mounts,
	check_boot,  check_thp,	     check_nx,	     check_overcommit, check_poison,
};

void gr_doctor_host(const struct gr_evidence *ev, const struct gr_floor *floor,
		    struct gr_diagnoses *found)
{
	static const struct gr_intent nothing = { 0 };
	struct gr_case c = { .ev = ev, .intent = &nothing, .floor = floor, .found = found };

	for (size_t i = 0; i < GR_ARRAY_SIZE(checks); i++)
		checks[i](&c);
}
