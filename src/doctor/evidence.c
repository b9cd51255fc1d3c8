// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading, in the order from cheap to dear: processes are walked last. A part that cannot be read
 * leaves its fields unknown; only want of memory is an error here.
 */
#include "doctor/evidence.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/lease.h"

void gr_counter_parse(const char *text, const char *word, struct gr_figure *ret)
{
	size_t len = strlen(word);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char digits[24];
		size_t n;

		if (strncmp(line, word, len) != 0 || !strchr(" \t:", line[len]) || !line[len])
			continue;
		line += len;
		line += strspn(line, " \t:");
		n = strspn(line, "0123456789");
		snprintf(digits, sizeof(digits), "%.*s", (int)gr_min_u64(n, sizeof(digits) - 1),
			 line);
		ret->known = gr_parse_u64(digits, &ret->value) >= 0;
		return;
	}
}

static int read_counters(const struct gr_root *root, const char *path, const char *const *words,
			 struct gr_figure *const *figures, size_t count, uint64_t unit)
{
	_cleanup_free_ char *text = NULL;
	int r = gr_root_read(root, path, &text, NULL, NULL);

	for (size_t i = 0; i < count && r >= 0; i++) {
		gr_counter_parse(text, words[i], figures[i]);
		if (figures[i]->known &&
		    __builtin_mul_overflow(figures[i]->value, unit, &figures[i]->value))
			figures[i]->known = false;
	}
	return r == -ENOMEM ? r : 0;
}

static int read_memory(struct gr_evidence *ev)
{
	static const char *const memory[] = { "CommitLimit", "Committed_AS", "HardwareCorrupted" };
	static const char *const vmstat[] = { "compact_stall", "compact_fail", "compact_success" };
	struct gr_figure *const memory_figures[] = { &ev->commit_limit_bytes, &ev->committed_bytes,
						     &ev->corrupted_bytes };
	struct gr_figure *const vmstat_figures[] = { &ev->compact_stall, &ev->compact_fail,
						     &ev->compact_success };
	_cleanup_free_ char *arc = NULL;
	int r = read_counters(ev->root, "proc/meminfo", memory, memory_figures,
			      GR_ARRAY_SIZE(memory), 1024);

	if (r >= 0)
		r = read_counters(ev->root, "proc/vmstat", vmstat, vmstat_figures,
				  GR_ARRAY_SIZE(vmstat), 1);
	ev->overcommit_memory.known = gr_root_read_u64(ev->root, "proc/sys/vm/overcommit_memory",
						       &ev->overcommit_memory.value, NULL) >= 0;
	ev->dma_entry_limit.known =
		gr_root_read_u64(ev->root, "sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
				 &ev->dma_entry_limit.value, NULL) >= 0;
	/* "size   4   8589934592" */
	if (r >= 0 &&
	    gr_root_read(ev->root, "proc/spl/kstat/zfs/arcstats", &arc, NULL, NULL) >= 0) {
		struct gr_figure type = { 0 };
		const char *line = strstr(arc, "\nsize ");

		if (line) {
			gr_counter_parse(line + 1, "size", &type);
			line += 1 + strlen("size");
			line += strspn(line, " ");
			line += strcspn(line, " ");
			line += strspn(line, " ");
			ev->arc_bytes.value = strtoull(line, NULL, 10);
			ev->arc_bytes.known = type.known && ev->arc_bytes.value;
		}
	}
	ev->selinux = gr_root_exists(ev->root, "sys/fs/selinux/enforce");
	ev->apparmor = gr_root_exists(ev->root, "sys/kernel/security/apparmor/profiles");
	return r;
}

/* Free pages that leases hold for somebody; without the right to look none is known. */
static int read_claims(struct gr_evidence *ev)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	int r = gr_ledger_open(ev->root, true, 0, &ledger, NULL);

	if (r >= 0)
		r = gr_ledger_claim(ledger, NULL, ev->host, NULL);
	return r == -ENOMEM ? r : 0;
}

static int read_all(struct gr_evidence *ev, const struct gr_intent *intent)
{
	int r = gr_boot_pools_read(ev->root, ev->host->default_page_size_bytes,
				   ev->host->page_sizes, ev->host->page_size_count, &ev->boot);

	if (r >= 0)
		r = read_memory(ev);
	if (r >= 0)
		r = read_claims(ev);
	if (r >= 0)
		r = gr_evidence_libvirt(ev);
	if (r >= 0)
		r = gr_evidence_user(ev);
	if (r >= 0)
		r = gr_evidence_places(ev, intent);
	if (r >= 0)
		r = gr_evidence_process(ev, intent);
	if (r < 0)
		return r;
	r = gr_holders_read(ev->root, ev->host, &ev->holders, NULL);
	ev->holders_known = r >= 0;
	return r == -ENOMEM ? r : 0;
}

int gr_evidence_read(const struct gr_root *root, const struct gr_intent *intent,
		     struct gr_host **host, struct gr_evidence *ret, struct gr_error *err)
{
	struct gr_evidence ev = { .root = root, .host = gr_steal_ptr(*host) };
	int r = 0;

	if (!ev.host)
		r = gr_host_read(root, GR_READ_ALL, &ev.host, err);
	if (r >= 0 && read_all(&ev, intent) < 0)
		r = gr_error_nomem(err);
	if (r < 0) {
		gr_evidence_done(&ev);
		return r;
	}
	*ret = ev;
	return 0;
}

static void limits_done(struct gr_evidence *ev)
{
	for (size_t i = 0; i < ev->limit_count; i++) {
		free(ev->limits[i].cgroup);
		free(ev->limits[i].file);
		free(ev->limits[i].list);
	}
	free(ev->limits);
	free(ev->limits_of);
}

void gr_evidence_done(struct gr_evidence *ev)
{
	gr_host_free(ev->host);
	gr_boot_pools_done(&ev->boot);
	gr_holders_done(&ev->holders);
	gr_mounts_free(ev->daemon.mounts, ev->daemon.mount_count);
	gr_qemu_conf_done(&ev->conf);
	free(ev->hook.path);
	free(ev->user.name);
	gr_list_done(&ev->user.groups);
	for (size_t i = 0; i < ev->place_count; i++)
		free(ev->places[i].path);
	free(ev->places);
	limits_done(ev);
	*ev = (struct gr_evidence){ 0 };
}
