// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One look at a process: who it is, what its command line asks for, what both oracles say of its
 * memory, what its memory files have, and what follows. The start time is read first and last, so
 * that a pid that was taken over in between is noticed.
 */
#include <string.h>

#include "base/util.h"
#include "verify/exact.h"
#include "verify/files.h"
#include "verify/findings.h"
#include "verify/oracles.h"
#include "verify/pages.h"
#include "verify/process.h"
#include "verify/qmp.h"
#include "verify/recognise.h"
#include "verify/stage2.h"
#include "verify/verify.h"
#include "verify/wanted.h"

static int fill_identity(const struct gr_process *process, struct gr_inspection *i)
{
	const char *vmm = gr_vmm_name(process->exe, process->argc ? process->argv[0] : NULL,
				      process->stat.comm);

	i->pid = process->pid;
	i->start_time = process->stat.start_time;
	i->threads = process->stat.threads;
	i->uses_kvm = process->has_kvm_vm;
	i->uses_vfio = process->has_vfio;
	i->name = strdup(process->vm_name ? process->vm_name : process->stat.comm);
	if (!i->name)
		return -ENOMEM;
	if (vmm) {
		i->vmm = strdup(vmm);
		if (!i->vmm)
			return -ENOMEM;
	}
	return 0;
}

/* The only node with memory: there every page is on it. -1: there are several. */
static int only_node(const struct gr_host *host)
{
	int only = -1;

	for (size_t i = 0; i < host->node_count; i++) {
		if (!host->nodes[i].memory_known)
			return -1;
		if (!host->nodes[i].total_bytes)
			continue;
		if (only >= 0)
			return -1;
		only = (int)host->nodes[i].id;
	}
	return only;
}

static int fill_files(const struct gr_root *root, const struct gr_host *host,
		      struct gr_inspection *i)
{
	for (size_t k = 0; k < i->region_count; k++) {
		uint64_t bytes;
		int r = gr_file_allocated(root, i->pid, &i->regions[k], &bytes);

		i->regions[k].on_disk = r == -EMEDIUMTYPE;
		if (r == 0) /* else file_known stays false */
			r = gr_region_add_file(&i->regions[k], bytes, only_node(host));
		if (r == -ENOMEM)
			return r;
	}
	return 0;
}

/* Still the same process? One that has no memory at all is a kernel thread. */
static int check_alive(const struct gr_root *root, const struct gr_process *process,
		       bool has_memory, struct gr_error *err)
{
	uint64_t start_time;
	int r = gr_process_start_time(root, process->pid, &start_time, err);

	if (r < 0)
		return r;
	if (start_time != process->stat.start_time)
		return gr_process_gone(process->pid, err);
	if (!has_memory)
		return gr_error_set(
			err, GR_CLASS_NO, ESRCH,
			"process %d (%s) has no memory of its own: a kernel thread, or one "
			"that is ending",
			(int)process->pid, process->stat.comm);
	return 0;
}

struct what {
	uint64_t range_start, range_end; /* not 0: what is mapped there alone */
	bool exact;
};

static int inspect(const struct gr_root *root, const struct gr_process *process,
		   const struct gr_host *host, const struct what *what, struct gr_inspection *i,
		   struct gr_error *err)
{
	struct gr_oracle_options options = {
		.root = root,
		.process = process,
		.range_start = what->range_start,
		.range_end = what->range_end,
		.only_node = only_node(host),
		.base_page_bytes = host->base_page_bytes,
		.pmd_bytes = host->thp.pmd_size_bytes ? host->thp.pmd_size_bytes
						      : host->default_page_size_bytes,
	};
	_cleanup_free_ uint64_t *wanted = NULL;
	int r, stage2;

	if (fill_identity(process, i) < 0 ||
	    gr_wanted_sizes(i->vmm, process->argv, &wanted, &options.wanted_count) < 0)
		return gr_error_nomem(err);
	options.is_vm = i->vmm || i->uses_kvm;
	options.wanted = wanted;
	r = gr_oracles_read(&options, i, err);
	if (r == -ESRCH)
		return check_alive(root, process, false, err);
	if (r < 0)
		return r;
	if (fill_files(root, host, i) < 0)
		return gr_error_nomem(err);
	r = what->exact ? gr_exact_read(root, host, options.pmd_bytes, i) : 0;
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	if (r < 0)
		return gr_process_gone(i->pid, err);
	stage2 = gr_stage2_read(root, i->pid, &i->stage2);
	i->page_table_bytes.known =
		gr_process_status_bytes(root, i->pid, "VmPTE", &i->page_table_bytes.value) == 0;
	r = check_alive(root, process, true, err);
	if (r < 0)
		return r;
	if (gr_inspection_total(i, host->base_page_bytes) < 0 ||
	    gr_findings_make(host, stage2, i) < 0 || gr_stage2_fill(host, process, stage2, i) < 0)
		return gr_error_nomem(err);
	return 0;
}

static int look(const struct gr_root *root, pid_t pid, const struct what *what,
		struct gr_inspection **ret, struct gr_error *err)
{
	_cleanup_inspection_ struct gr_inspection *i = calloc(1, sizeof(*i));
	_cleanup_process_ struct gr_process process = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	int r;

	if (!i)
		return gr_error_nomem(err);
	r = gr_process_read(root, pid, &process, err);
	if (r < 0)
		return r;
	r = gr_host_read(root, GR_READ_POOLS | GR_READ_THP | GR_READ_KVM, &host, err);
	if (r < 0)
		return r;
	r = inspect(root, &process, host, what, i, err);
	if (r < 0)
		return r;
	*ret = gr_steal_ptr(i);
	return 0;
}

int gr_inspect_pid(const struct gr_root *root, pid_t pid, struct gr_inspection **ret,
		   struct gr_error *err)
{
	return look(root, pid, &(struct what){ 0 }, ret, err);
}

int gr_inspect_exact(const struct gr_root *root, pid_t pid, struct gr_inspection **ret,
		     struct gr_error *err)
{
	return look(root, pid, &(struct what){ .exact = true }, ret, err);
}

int gr_inspect_range(const struct gr_root *root, pid_t pid, uint64_t start, uint64_t size_bytes,
		     struct gr_inspection **ret, struct gr_error *err)
{
	const struct what what = { .range_start = start, .range_end = start + size_bytes };

	return look(root, pid, &what, ret, err);
}

void gr_inspection_free(struct gr_inspection *i)
{
	if (!i)
		return;
	for (size_t k = 0; k < i->region_count; k++)
		gr_region_done(&i->regions[k]);
	for (size_t k = 0; k < i->finding_count; k++)
		free(i->findings[k].message);
	free(i->regions);
	free(i->findings);
	gr_exact_done(&i->exact);
	free(i->by_size);
	free(i->by_node);
	gr_qmp_facts_free(i->qmp);
	free(i->name);
	free(i->vmm);
	free(i);
}
