// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading /proc/PID. A process may end between any two reads, and then the kernel answers ENOENT
 * or ESRCH depending on how far it has come: both are -ESRCH here, and so is a zombie, whose
 * memory is gone. The name of a VM is taken from the command line, where the VMMs have it.
 */
#include "verify/process.h"

#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "guest/argv.h"
#include "verify/scan_text.h"
#include "verify/verify.h"

int gr_stat_parse(const char *text, struct gr_stat *ret)
{
	/* comm may contain blanks and parentheses: it ends at the last one. */
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *p;
	struct gr_stat stat = { 0 };
	uint64_t value;
	size_t len;

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return -EBADMSG;
	len = (size_t)(close - open - 1);
	if (len >= sizeof(stat.comm))
		len = sizeof(stat.comm) - 1;
	memcpy(stat.comm, open + 1, len);
	stat.state = close[2];
	p = close + 3;
	/* Field 3 was the state; 20 is num_threads and 22 starttime. Some before are negative. */
	for (unsigned int field = 4; field <= 22; field++) {
		if (*p++ != ' ')
			return -EBADMSG;
		if (*p == '-')
			p++;
		if (gr_scan_dec(&p, &value) < 0)
			return -EBADMSG;
		if (field == 9)
			stat.flags = value;
		if (field == 20)
			stat.threads = value;
	}
	stat.start_time = value;
	*ret = stat;
	return 0;
}

int gr_process_gone(pid_t pid, struct gr_error *err)
{
	int r = gr_error_set(err, GR_CLASS_NO, ESRCH, "there is no process %d (any more)",
			     (int)pid);

	gr_error_hint(err, "`pgrep -a qemu` lists QEMU's processes; a name works as well as a pid");
	return r;
}

static int read_stat(const struct gr_root *root, pid_t pid, struct gr_stat *ret,
		     struct gr_error *err)
{
	_cleanup_free_ char *text = NULL;
	struct gr_stat stat;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
	r = gr_root_read(root, path, &text, NULL, err);
	if (r == -ENOENT || r == -ESRCH)
		return gr_process_gone(pid, err);
	if (r < 0)
		return r;
	if (gr_stat_parse(text, &stat) < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, EBADMSG, "/%s is not understood", path);
	*ret = stat;
	return 0;
}

static bool is_zombie(const struct gr_stat *stat)
{
	return stat->state == 'Z' || stat->state == 'X';
}

int gr_process_start_time(const struct gr_root *root, pid_t pid, uint64_t *ret,
			  struct gr_error *err)
{
	struct gr_stat stat;
	int r = read_stat(root, pid, &stat, err);

	if (r < 0)
		return r;
	/* While a thread lives on (stuck in a driver, say), so does the memory of the process. */
	if (is_zombie(&stat) && stat.threads < 2)
		return gr_process_gone(pid, err);
	*ret = stat.start_time;
	return 0;
}

int gr_status_bytes(char *text, const char *key, uint64_t *ret)
{
	size_t key_len = strlen(key);
	char *line;

	while ((line = gr_next_line(&text))) {
		const char *p = line + key_len + 1;
		uint64_t kib;

		if (strncmp(line, key, key_len) != 0 || line[key_len] != ':')
			continue;
		p += strspn(p, " \t");
		if (gr_scan_dec(&p, &kib) < 0 || strcmp(p, " kB") != 0 ||
		    __builtin_mul_overflow(kib, GR_KIB, &kib))
			return -EBADMSG;
		*ret = kib;
		return 0;
	}
	return -ENOENT;
}

int gr_process_status_bytes(const struct gr_root *root, pid_t pid, const char *key, uint64_t *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%d/status", (int)pid);
	r = gr_root_read(root, path, &text, NULL, NULL);
	return r < 0 ? r : gr_status_bytes(text, key, ret);
}

/* What the process holds; unknown where its fds may not be listed. */
static void read_fds(const struct gr_root *root, struct gr_process *process)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/fd", (int)process->pid);
	if (gr_root_list(root, path, &names, NULL) < 0)
		return;
	process->fds_known = true;
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *target = NULL;

		snprintf(path, sizeof(path), "proc/%d/fd/%.24s", (int)process->pid, names.names[i]);
		if (gr_root_readlink(root, path, &target) < 0)
			continue;
		if (!strcmp(target, "anon_inode:kvm-vm"))
			process->has_kvm_vm = true;
		if (!strncmp(target, "/dev/vfio/", 10) || !strncmp(target, "anon_inode:[vfio", 16))
			process->has_vfio = true;
	}
}

int gr_process_read(const struct gr_root *root, pid_t pid, struct gr_process *ret,
		    struct gr_error *err)
{
	_cleanup_process_ struct gr_process process = { .pid = pid };
	_cleanup_free_ char *cmdline = NULL;
	char path[64];
	size_t len;
	int r;

	r = read_stat(root, pid, &process.stat, err);
	if (r < 0)
		return r;
	if (is_zombie(&process.stat))
		return gr_process_gone(pid, err);
	snprintf(path, sizeof(path), "proc/%d/cmdline", (int)pid);
	r = gr_root_read(root, path, &cmdline, &len, err);
	if (r == -ENOENT || r == -ESRCH)
		return gr_process_gone(pid, err);
	if (r < 0)
		return r;
	if (gr_argv_split(cmdline, len, &process.argv, &process.argc) < 0)
		return gr_error_nomem(err);
	r = gr_argv_vm_name(process.argv, &process.vm_name);
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	snprintf(path, sizeof(path), "proc/%d/exe", (int)pid);
	if (gr_root_readlink(root, path, &process.exe) < 0)
		process.exe = strdup("");
	if (!process.exe)
		return gr_error_nomem(err);
	read_fds(root, &process);
	*ret = process;
	process = (struct gr_process){ 0 };
	return 0;
}

void gr_process_done(struct gr_process *process)
{
	gr_argv_free(process->argv);
	free(process->exe);
	free(process->vm_name);
	*process = (struct gr_process){ 0 };
}
