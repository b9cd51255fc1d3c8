// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of VMs: QEMU's -name (with its guest= and doubled commas), --name of kvmtool, crosvm and
 * guestram, --id of firecracker. A search looks at libvirt's files and at the command lines of all
 * processes; only when none has that name do the process names (comm) count.
 */
#include "verify/process.h"

#include <string.h>

#include "base/util.h"
#include "guest/argv.h"
#include "verify/libvirt_pid.h"
#include "verify/recognise.h"
#include "verify/verify.h"

int gr_argv_split(const char *text, size_t len, char ***ret, size_t *ret_count)
{
	char **argv = NULL;
	size_t count = 0;

	for (size_t i = 0; i < len;) {
		size_t n = strnlen(text + i, len - i);

		if (gr_grow(&argv, count, sizeof(*argv)) < 0)
			goto fail;
		argv[count] = strndup(text + i, n);
		if (!argv[count])
			goto fail;
		count++;
		i += n + 1;
	}
	if (gr_grow(&argv, count, sizeof(*argv)) < 0)
		goto fail;
	*ret = argv;
	*ret_count = count;
	return 0;
fail:
	for (size_t i = 0; i < count; i++)
		free(argv[i]);
	free(argv);
	return -ENOMEM;
}

/* The value of -name: "web", "web,process=x" or "debug-threads=on,guest=web"; ",," is a comma. */
static int qemu_name(const char *value, char **ret)
{
	_cleanup_free_ char *word = malloc(strlen(value) + 1);
	bool first = true;

	if (!word)
		return -ENOMEM;
	for (const char *p = value; *p; first = false) {
		const char *name = NULL;
		size_t len = 0;

		for (; *p && !(p[0] == ',' && p[1] != ','); p++) {
			word[len++] = *p;
			if (p[0] == ',')
				p++;
		}
		if (*p == ',')
			p++;
		word[len] = '\0';
		if (!strncmp(word, "guest=", 6))
			name = word + 6;
		else if (first && !strchr(word, '='))
			name = word;
		if (name && *name) {
			*ret = strdup(name);
			return *ret ? 0 : -ENOMEM;
		}
	}
	return -ENOENT;
}

int gr_argv_vm_name(char *const *argv, char **ret)
{
	static const char *const options[] = { "-name", "--name", "--id" };

	for (size_t i = 0; argv && argv[0] && argv[i + 1]; i++) {
		const char *word = argv[i + 1];

		for (size_t k = 0; k < GR_ARRAY_SIZE(options); k++) {
			size_t len = strlen(options[k]);

			if (!strcmp(word, options[k]) && argv[i + 2])
				return qemu_name(argv[i + 2], ret);
			if (k > 0 && !strncmp(word, options[k], len) && word[len] == '=')
				return qemu_name(word + len + 1, ret);
		}
	}
	return -ENOENT;
}

struct pids {
	pid_t *pids;
	size_t count;
};

static int add_pid(struct pids *pids, pid_t pid)
{
	int r;

	for (size_t i = 0; i < pids->count; i++) {
		if (pids->pids[i] == pid) /* a domain's own process, found again by its name */
			return 0;
	}
	r = gr_grow(&pids->pids, pids->count, sizeof(*pids->pids));

	if (r == 0)
		pids->pids[pids->count++] = pid;
	return r;
}

/* A VMM itself, not a guestram that started another one ("guestram run -- qemu-system-x86_64"). */
static bool is_vmm(char *const *argv, const char *comm)
{
	const char *vmm = gr_vmm_name(NULL, argv[0], comm);

	for (size_t i = 0; vmm && !strcmp(vmm, "guestram") && argv[i]; i++) {
		if (!strcmp(argv[i], "--"))
			return false;
	}
	return vmm != NULL;
}

/* Put the process into the lists that its names match; one that is gone or forbidden, in none. */
static int match_process(const struct gr_root *root, pid_t pid, const char *name,
			 struct pids *by_name, struct pids *by_comm)
{
	_cleanup_free_ char *stat_text = NULL, *cmdline = NULL, *vm_name = NULL;
	struct gr_stat stat;
	char **argv = NULL;
	char path[64];
	size_t len, argc;
	int r;

	snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
	if (gr_root_read(root, path, &stat_text, NULL, NULL) < 0 ||
	    gr_stat_parse(stat_text, &stat) < 0 || stat.state == 'Z' || stat.state == 'X')
		return 0;
	if (!strcmp(stat.comm, name)) {
		r = add_pid(by_comm, pid);
		if (r < 0)
			return r;
	}
	snprintf(path, sizeof(path), "proc/%d/cmdline", (int)pid);
	if (gr_root_read(root, path, &cmdline, &len, NULL) < 0)
		return 0;
	r = gr_argv_split(cmdline, len, &argv, &argc);
	if (r == 0)
		r = is_vmm(argv, stat.comm) ? gr_argv_vm_name(argv, &vm_name) : -ENOENT;
	gr_argv_free(argv);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	return strcmp(vm_name, name) ? 0 : add_pid(by_name, pid);
}

int gr_find_by_name(const struct gr_root *root, const char *name, pid_t **ret, struct gr_error *err)
{
	_cleanup_names_ struct gr_names names = { 0 };
	struct pids by_name = { 0 }, by_comm = { 0 };
	int r = gr_root_list(root, "proc", &names, err);

	if (r < 0)
		return r;
	r = gr_libvirt_pids(root, name, &by_name.pids, &by_name.count);
	for (size_t i = 0; i < names.count && r == 0; i++) {
		uint64_t pid;

		if (gr_parse_u64(names.names[i], &pid) < 0 || pid == 0 || pid > INT32_MAX)
			continue;
		/* Our own command line has the name in it, too: `inspect --name x`. */
		if (gr_root_is_host(root) && (pid_t)pid == getpid())
			continue;
		r = match_process(root, (pid_t)pid, name, &by_name, &by_comm);
	}
	if (r < 0) {
		free(by_name.pids);
		free(by_comm.pids);
		return gr_error_nomem(err);
	}
	if (by_name.count) {
		free(by_comm.pids);
		by_comm = by_name;
	}
	*ret = by_comm.pids;
	return (int)by_comm.count;
}
