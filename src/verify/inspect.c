// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One look at a process: who it is, what its command line asks for, what both oracles say of its
 * memory, what its memory files have, and what follows. The start time is read first and last, so
 * that a pid that was taken over in between is noticed.
 */
#include <string.h>

#include "base/util.h"
#include "guest/qemu_argv.h"
#include "verify/files.h"
#include "verify/findings.h"
#include "verify/oracles.h"
#include "verify/pages.h"
#include "verify/process.h"
#include "verify/recognise.h"
#include "verify/stage2.h"
#include "verify/verify.h"

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

/*
 * Sizes of RAM that the command line asks for; none where it says nothing that we understand. With
 * several cells the sum counts as well: cells without an object of their own share one mapping.
 */
static int read_wanted(const struct gr_process *process, const char *vmm, uint64_t **ret,
		       size_t *ret_count)
{
	_cleanup_qemu_ struct gr_qemu *qemu = NULL;
	uint64_t *wanted = NULL;
	size_t count;
	int r;

	if (!vmm || strcmp(vmm, "qemu") != 0 || !process->argc)
		return 0;
	r = gr_qemu_parse(process->argv, &qemu, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	count = qemu->request.need_count;
	wanted = calloc(count + 1, sizeof(*wanted));
	if (!wanted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		wanted[i] = qemu->request.needs[i].memory_bytes;
	if (count > 1)
		wanted[count++] = qemu->memory_bytes;
	*ret = wanted;
	*ret_count = count;
	return 0;
}

/* The only node with memory: there every page is on it. -1: there are several. */
static int only_node(const struct gr_host *host)
{
	int only = -1;

	for (size_t i = 0; i < host->node_count; i++) {
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

static int inspect(const struct gr_root *root, const struct gr_process *process,
		   const struct gr_host *host, uint64_t range_start, uint64_t range_end,
		   struct gr_inspection *i, struct gr_error *err)
{
	struct gr_oracle_options options = {
		.root = root,
		.process = process,
		.range_start = range_start,
		.range_end = range_end,
		.base_page_bytes = host->base_page_bytes,
		.pmd_bytes = host->thp.pmd_size_bytes ? host->thp.pmd_size_bytes
						      : host->default_page_size_bytes,
	};
	_cleanup_free_ uint64_t *wanted = NULL;
	int r, stage2;

	if (fill_identity(process, i) < 0 ||
	    read_wanted(process, i->vmm, &wanted, &options.wanted_count) < 0)
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
	stage2 = gr_stage2_read(root, i->pid, &i->stage2);
	i->page_table_bytes.known =
		gr_process_status_bytes(root, i->pid, "VmPTE", &i->page_table_bytes.value) == 0;
	r = check_alive(root, process, true, err);
	if (r < 0)
		return r;
	if (gr_inspection_total(i, host->base_page_bytes) < 0 ||
	    gr_findings_make(host, stage2, i) < 0)
		return gr_error_nomem(err);
	return 0;
}

int gr_inspect_pid(const struct gr_root *root, pid_t pid, struct gr_inspection **ret,
		   struct gr_error *err)
{
	return gr_inspect_range(root, pid, 0, 0, ret, err);
}

int gr_inspect_range(const struct gr_root *root, pid_t pid, uint64_t start, uint64_t size_bytes,
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
	r = inspect(root, &process, host, start, start + size_bytes, i, err);
	if (r < 0)
		return r;
	*ret = gr_steal_ptr(i);
	return 0;
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
	free(i->by_size);
	free(i->by_node);
	free(i->name);
	free(i->vmm);
	free(i);
}
