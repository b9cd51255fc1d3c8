// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What libvirt goes by: the mounts that its daemon sees (it reads them once, at its start), its
 * qemu.conf, and the hook. The daemon is found by its name among all processes.
 */
#include <string.h>
#include <time.h>

#include "base/util.h"
#include "doctor/evidence.h"
#include "host/read.h"
#include "verify/process.h"

static const char *const daemons[] = { "virtqemud", "libvirtd" };

/* Of a start time in ticks since boot. */
static uint64_t start_ns(const struct gr_root *root, uint64_t ticks)
{
	_cleanup_free_ char *text = NULL;
	struct gr_figure boot = { 0 };
	long hz = sysconf(_SC_CLK_TCK);

	if (gr_root_read(root, "proc/stat", &text, NULL, NULL) < 0 || hz <= 0)
		return 0;
	gr_counter_parse(text, "btime", &boot);
	return boot.known ? boot.value * 1000000000 + ticks * (1000000000 / (uint64_t)hz) : 0;
}

static int read_daemon_mounts(struct gr_evidence *ev)
{
	struct gr_daemon *daemon = &ev->daemon;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "proc/%d/mountinfo", (int)daemon->pid);
	r = gr_host_hugetlbfs(ev->root, path, ev->host->default_page_size_bytes, &daemon->mounts,
			      &daemon->mount_count);
	daemon->mounts_answer = gr_answer_of(r);
	return r == -ENOMEM ? r : 0;
}

static int read_daemon(struct gr_evidence *ev)
{
	_cleanup_names_ struct gr_names names = { 0 };

	if (gr_root_list(ev->root, "proc", &names, NULL) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *text = NULL;
		struct gr_stat stat;
		char path[64];
		uint64_t pid;

		if (gr_parse_u64(names.names[i], &pid) < 0 || !pid || pid > INT32_MAX)
			continue;
		snprintf(path, sizeof(path), "proc/%d/stat", (int)pid);
		if (gr_root_read(ev->root, path, &text, NULL, NULL) < 0 ||
		    gr_stat_parse(text, &stat) < 0 || stat.state == 'Z')
			continue;
		for (size_t k = 0; k < GR_ARRAY_SIZE(daemons); k++) {
			if (strcmp(stat.comm, daemons[k]) != 0)
				continue;
			ev->daemon.pid = (pid_t)pid;
			snprintf(ev->daemon.name, sizeof(ev->daemon.name), "%s", daemons[k]);
			ev->daemon.start_ns = start_ns(ev->root, stat.start_time);
			return read_daemon_mounts(ev);
		}
	}
	return 0;
}

static int read_conf(struct gr_evidence *ev)
{
	_cleanup_free_ char *text = NULL;
	int r = gr_root_read(ev->root, "etc/libvirt/qemu.conf", &text, NULL, NULL);

	if (r >= 0)
		r = gr_qemu_conf_parse(text, &ev->conf);
	ev->conf.answer = gr_answer_of(r);
	return r == -ENOMEM ? r : 0;
}

static bool is_file(const struct gr_root *root, const char *path, mode_t *ret_mode)
{
	struct stat st;

	if (gr_root_stat(root, path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*ret_mode = st.st_mode;
	return true;
}

static int note_hook(struct gr_hook *hook, const char *path, mode_t mode)
{
	char *copy;

	if (hook->path && (!hook->executable || mode & 0111))
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(hook->path);
	hook->path = copy;
	hook->executable = mode & 0111;
	return 0;
}

/* The script itself, then those beside it, which newer versions of libvirt run as well. */
static int read_hook(struct gr_evidence *ev)
{
	static const char main_path[] = "etc/libvirt/hooks/qemu";
	_cleanup_names_ struct gr_names names = { 0 };
	struct gr_hook *hook = &ev->hook;
	struct stat st;
	mode_t mode;
	int r = gr_root_stat(ev->root, main_path, &st);

	hook->answer = gr_answer_of(r);
	r = is_file(ev->root, main_path, &mode) ? note_hook(hook, main_path, mode) : 0;
	if (r < 0 || gr_root_list(ev->root, "etc/libvirt/hooks/qemu.d", &names, NULL) < 0)
		return r;
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		char path[320];

		snprintf(path, sizeof(path), "etc/libvirt/hooks/qemu.d/%.255s", names.names[i]);
		if (!is_file(ev->root, path, &mode))
			continue;
		hook->in_parts = true;
		hook->answer = GR_ANSWER_OK;
		r = note_hook(hook, path, mode);
	}
	return r;
}

int gr_evidence_libvirt(struct gr_evidence *ev)
{
	int r = read_daemon(ev);

	if (r >= 0)
		r = read_conf(ev);
	return r < 0 ? r : read_hook(ev);
}
