// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * libvirt writes the pid of a domain's QEMU to qemu/NAME.pid in its state directory, NAME as it
 * is: a domain's name has no slash. A file outlives its process when the host was reset or libvirt
 * killed, and the pid may be another program's by now. So one is believed only if the process of
 * that pid has the domain's name on its command line, where libvirt always puts it.
 */
#include "verify/libvirt_pid.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "guest/argv.h"
#include "verify/process.h"

/* A number in a regular file: the folder is a user's own, who may put a FIFO there. 0: none. */
static uint64_t read_number(const struct gr_root *root, const char *path)
{
	_cleanup_close_ int fd = gr_root_open_fd(root, path, O_RDONLY | O_NONBLOCK, 0, NULL);
	char text[24] = "";
	struct stat st;
	uint64_t number;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return gr_parse_u64(text, &number) == 0 && number <= INT32_MAX ? number : 0;
}

/* The pid in a file, if it is that domain's; else 0. */
static pid_t read_pid_file(const struct gr_root *root, const char *path, const char *name)
{
	_cleanup_free_ char *cmdline = NULL, *found = NULL;
	_cleanup_argv_ char **argv = NULL;
	uint64_t pid = read_number(root, path);
	char proc_path[64];
	size_t len, argc;

	if (!pid)
		return 0;
	snprintf(proc_path, sizeof(proc_path), "proc/%d/cmdline", (int)pid);
	if (gr_root_read(root, proc_path, &cmdline, &len, NULL) < 0 ||
	    gr_argv_split(cmdline, len, &argv, &argc) < 0 || gr_argv_vm_name(argv, &found) < 0)
		return 0;
	return strcmp(found, name) ? 0 : (pid_t)pid;
}

static int add_domain(const struct gr_root *root, const char *folder, const char *name,
		      pid_t **pids, size_t *count)
{
	_cleanup_free_ char *path = NULL;
	pid_t pid;

	if (gr_asprintf(&path, "%s/%s.pid", folder, name) < 0)
		return -ENOMEM;
	pid = read_pid_file(root, path, name);
	for (size_t i = 0; i < *count && pid; i++) {
		if ((*pids)[i] == pid) /* /var/run is /run nearly everywhere */
			return 0;
	}
	if (!pid)
		return 0;
	if (gr_grow(pids, *count, sizeof(**pids)) < 0)
		return -ENOMEM;
	(*pids)[(*count)++] = pid;
	return 0;
}

int gr_libvirt_pids(const struct gr_root *root, const char *name, pid_t **ret, size_t *ret_count)
{
	static const char *const folders[] = { "run/libvirt/qemu", "var/run/libvirt/qemu" };
	_cleanup_names_ struct gr_names users = { 0 };
	_cleanup_free_ pid_t *pids = NULL;
	size_t count = 0;
	int r = 0;

	if (!name[0] || name[0] == '.' || strchr(name, '/') || strlen(name) > NAME_MAX - 4)
		return 0;
	for (size_t i = 0; i < GR_ARRAY_SIZE(folders) && r == 0; i++)
		r = add_domain(root, folders[i], name, &pids, &count);
	if (r == 0 && gr_root_list(root, "run/user", &users, NULL) == 0) {
		for (size_t i = 0; i < users.count && r == 0; i++) {
			char folder[NAME_MAX + 40];

			snprintf(folder, sizeof(folder), "run/user/%s/libvirt/qemu/run",
				 users.names[i]);
			r = add_domain(root, folder, name, &pids, &count);
		}
	}
	if (r < 0)
		return r;
	*ret = gr_steal_ptr(pids);
	*ret_count = count;
	return 0;
}
