// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Every VM of the host. /dev/kvm open is no VM: libvirt's probes, `kvm-ok` and a VMM that waits
 * for orders have it. A VM is an open kvm-vm file, or a VMM by its name: QEMU may emulate, and of
 * a stranger's process only the name can be seen. crosvm and kvmtool have more processes of their
 * name than VMs (devices in sandboxes, `lkvm list`), and so have we: there the file has to be seen.
 */
#include <string.h>

#include "base/util.h"
#include "verify/process.h"
#include "verify/recognise.h"
#include "verify/verify.h"

#define PF_KTHREAD 0x200000

enum answer { NO, YES, HIDDEN };

static enum answer is_vm(const struct gr_process *process)
{
	static const char *const many[] = { "crosvm", "kvmtool" };
	const char *vmm = gr_vmm_name(process->exe, process->argc ? process->argv[0] : NULL,
				      process->stat.comm);

	if (process->has_kvm_vm)
		return YES;
	if (!vmm)
		return process->fds_known ? NO : HIDDEN;
	if (!strcmp(vmm, "guestram"))
		return NO;
	for (size_t i = 0; i < GR_ARRAY_SIZE(many); i++) {
		if (!strcmp(vmm, many[i]) && process->fds_known)
			return NO;
	}
	return YES;
}

static enum answer look_at(const struct gr_root *root, pid_t pid)
{
	_cleanup_process_ struct gr_process process = { 0 };
	int r = gr_process_read(root, pid, &process, NULL);

	if (r == -EACCES || r == -EPERM)
		return HIDDEN;
	if (r < 0 || process.stat.flags & PF_KTHREAD)
		return NO;
	return is_vm(&process);
}

int gr_find_vms(const struct gr_root *root, pid_t **ret, size_t *ret_hidden, struct gr_error *err)
{
	_cleanup_names_ struct gr_names names = { 0 };
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0, hidden = 0;
	int r = gr_root_list(root, "proc", &names, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++) { /* in the order of numbers */
		enum answer answer;
		uint64_t pid;

		if (gr_parse_u64(names.names[i], &pid) < 0 || pid == 0 || pid > INT32_MAX)
			continue;
		if (gr_root_is_host(root) && (pid_t)pid == getpid())
			continue;
		answer = look_at(root, (pid_t)pid);
		hidden += answer == HIDDEN;
		if (answer != YES)
			continue;
		if (gr_grow(&pids, count, sizeof(*pids)) < 0)
			return gr_error_nomem(err);
		pids[count++] = (pid_t)pid;
	}
	*ret = gr_steal_ptr(pids);
	if (ret_hidden)
		*ret_hidden = hidden;
	return (int)count;
}
