// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What one process holds: the mappings whose file is on hugetlbfs, its open files there, and the
 * mounts that it sees. Pages of a file are counted by the file (st_blocks is exact on hugetlbfs),
 * pages that only the process has by numa_maps.
 */
#include "verify/holder_process.h"

#include <string.h>

#include "base/util.h"
#include "verify/recognise.h"
#include "verify/scan_text.h"

int gr_holder_read(const struct gr_holder_one *one, const char *file, char **ret)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", one->dir, file);
	return gr_root_read(one->walk->root, path, ret, NULL, NULL);
}

static int take_mapping(struct gr_holder_one *one, size_t file, uint64_t start)
{
	if (gr_grow(&one->mappings, one->mapping_count, sizeof(*one->mappings)) < 0)
		return -ENOMEM;
	one->mappings[one->mapping_count++] = (struct gr_held_mapping){ start, file };
	one->holds = true;
	return 0;
}

/* "7f0000000000-7f0000400000 rw-s 00000000 00:11 700   /memfd:a (deleted)" */
static int take_map_line(struct gr_holder_one *one, char *line)
{
	struct gr_huge_files *files = &one->walk->files;
	const char *p = line + strcspn(line, " "), *start_at = line;
	uint64_t start, major, minor, dev, inode;
	char path[128];
	size_t file;
	int r, huge;

	if (!*p || gr_scan_hex(&start_at, &start) < 0)
		return 0;
	for (int i = 0; i < 2; i++) { /* permissions, offset */
		p += strspn(p, " ");
		p += strcspn(p, " ");
	}
	p += strspn(p, " ");
	if (gr_scan_hex(&p, &major) < 0 || *p++ != ':' || gr_scan_hex(&p, &minor) < 0 ||
	    *p++ != ' ' || gr_scan_dec(&p, &inode) < 0 || major || !minor)
		return 0;
	dev = GR_HUGE_DEV(major, minor);
	huge = gr_huge_dev(files, dev);
	if (huge == 0)
		return 0;
	p += strspn(p, " ");
	snprintf(path, sizeof(path), "%s/map_files/%.*s", one->dir, (int)strcspn(line, " "), line);
	r = gr_huge_file(files, path, p, one->pid, &file);
	/* The mapping of a file system may have another number than its files (overlays). */
	if (r == -ENOTTY && huge < 0)
		return gr_huge_dev_add(files, dev, false);
	return r < 0 ? r : take_mapping(one, file, start);
}

/* Return: 0; -EACCES, -EPERM where it may not be seen; -ENOMEM. */
static int take_maps(struct gr_holder_one *one)
{
	_cleanup_free_ char *text = NULL;
	char *cursor, *line;
	int r = gr_holder_read(one, "maps", &text);

	if (r < 0)
		return gr_holder_gone(r) ? 0 : r;
	for (cursor = text; (line = gr_next_line(&cursor));) {
		r = take_map_line(one, line);
		if (r < 0 && !gr_holder_gone(r) && r != -ENOTTY)
			return r;
	}
	return 0;
}

static int take_fds(struct gr_holder_one *one)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char path[96];
	int r;

	snprintf(path, sizeof(path), "%s/fd", one->dir);
	r = gr_root_list(one->walk->root, path, &names, NULL);
	if (r < 0)
		return gr_holder_gone(r) ? 0 : r;
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *target = NULL;
		size_t file;

		snprintf(path, sizeof(path), "%s/fd/%.24s", one->dir, names.names[i]);
		r = gr_root_readlink(one->walk->root, path, &target);
		if (r < 0 || target[0] != '/')
			continue;
		r = gr_huge_file(&one->walk->files, path, target, one->pid, &file);
		if (r == -ENOMEM)
			return r;
		one->holds |= r >= 0;
	}
	return 0;
}

/* The mount that @target is below, or NULL. */
static const struct gr_mount *find_mount(const struct gr_host *host, const char *target)
{
	for (size_t i = 0; i < host->mount_count; i++) {
		size_t len = strlen(host->mounts[i].path);

		if (!strncmp(target, host->mounts[i].path, len) && target[len] == '/')
			return &host->mounts[i];
	}
	return NULL;
}

/* Names of files that cannot be looked at themselves: those of a capture. */
static int take_names(struct gr_holder_one *one)
{
	struct gr_holders *holders = &one->walk->holders;
	_cleanup_names_ struct gr_names names = { 0 };
	char path[96];

	snprintf(path, sizeof(path), "%s/fd", one->dir);
	if (gr_root_list(one->walk->root, path, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *target = NULL;
		const struct gr_mount *mount;
		struct gr_held *held;
		char *end;

		snprintf(path, sizeof(path), "%s/fd/%.24s", one->dir, names.names[i]);
		if (gr_root_readlink(one->walk->root, path, &target) < 0)
			continue;
		mount = find_mount(one->walk->host, target);
		if (!mount)
			continue;
		held = one->first_own < holders->count ? &holders->held[one->first_own] :
							 gr_held_add(holders);
		if (!held || gr_held_add_pid(held, one->pid) < 0)
			return -ENOMEM;
		end = strstr(target, GR_HUGE_DELETED);
		held->deleted = end && !end[strlen(GR_HUGE_DELETED)];
		if (held->deleted)
			*end = '\0';
		if (!held->page_size_bytes)
			held->page_size_bytes = mount->page_size_bytes;
		free(held->path);
		held->path = gr_steal_ptr(target);
		one->holds = true;
		break;
	}
	return 0;
}

/* What is known of a process in a capture, and of one that is closed to us: a sum, perhaps a name.
 */
static int take_sum(struct gr_holder_one *one)
{
	struct gr_held *held;
	int r = gr_holder_numa(one);

	if (r == -ENOMEM)
		return r;
	if (!one->holds && one->hugetlb_bytes) {
		held = gr_held_add(&one->walk->holders);
		if (!held || gr_held_add_pid(held, one->pid) < 0)
			return -ENOMEM;
		held->bytes = one->hugetlb_bytes;
		one->holds = true;
	}
	return take_names(one);
}

/* A process whose first thread has ended lives on in the others, and so does its memory. */
static bool find_living_thread(struct gr_holder_one *one)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/task", (int)one->pid);
	if (one->stat.threads < 2 || gr_root_list(one->walk->root, path, &names, NULL) < 0)
		return false;
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *text = NULL;
		struct gr_stat stat;

		snprintf(one->dir, sizeof(one->dir), "proc/%d/task/%.12s", (int)one->pid,
			 names.names[i]);
		if (gr_holder_read(one, "stat", &text) >= 0 && gr_stat_parse(text, &stat) >= 0 &&
		    stat.state != 'Z' && stat.state != 'X') {
			one->stat.flags = stat.flags;
			return true;
		}
	}
	return false;
}

static int note_process(struct gr_holder_one *one)
{
	struct gr_holders *holders = &one->walk->holders;
	_cleanup_free_ char *exe = NULL, *argv0 = NULL;
	struct gr_holder *holder;
	char path[96];

	if (!one->holds)
		return 0;
	if (gr_grow(&holders->processes, holders->process_count, sizeof(*holders->processes)) < 0)
		return -ENOMEM;
	snprintf(path, sizeof(path), "%s/exe", one->dir);
	gr_root_readlink(one->walk->root, path, &exe);
	gr_holder_read(one, "cmdline", &argv0);
	holder = &holders->processes[holders->process_count++];
	holder->pid = one->pid;
	holder->start_time = one->stat.start_time;
	memcpy(holder->comm, one->stat.comm, sizeof(holder->comm));
	holder->vmm = gr_vmm_name(exe, argv0, one->stat.comm);
	return 0;
}

/* The mounts that this process sees, unless one with the same view came before. */
static int take_mounts(struct gr_holder_walk *walk, const char *dir, pid_t pid)
{
	_cleanup_free_ char *space = NULL;
	char path[96];
	int r;

	snprintf(path, sizeof(path), "%s/ns/mnt", dir);
	r = gr_root_readlink(walk->root, path, &space);
	if (r < 0)
		return gr_holder_gone(r) ? 0 : r;
	for (size_t i = 0; i < walk->space_count; i++) {
		if (!strcmp(walk->spaces[i], space))
			return 0;
	}
	if (gr_grow(&walk->spaces, walk->space_count, sizeof(char *)) < 0)
		return -ENOMEM;
	walk->spaces[walk->space_count++] = gr_steal_ptr(space);
	return gr_huge_mounts(&walk->files, pid, walk->host->default_page_size_bytes);
}

static int take_all(struct gr_holder_one *one)
{
	int r;

	if (!gr_root_is_host(one->walk->root))
		return take_sum(one);
	r = take_maps(one);
	if (r >= 0)
		r = take_fds(one);
	if (r >= 0 && one->hugetlb_bytes)
		r = gr_holder_numa(one);
	if (r >= 0)
		r = take_mounts(one->walk, one->dir, one->pid);
	if (r >= 0 || r == -ENOMEM)
		return r;
	one->walk->holders.unread++;
	return one->mapping_count ? 0 : take_sum(one);
}

int gr_holder_process(struct gr_holder_walk *walk, pid_t pid)
{
	struct gr_holder_one one = { .walk = walk, .pid = pid };
	_cleanup_free_ char *text = NULL, *status = NULL;
	int r;

	snprintf(one.dir, sizeof(one.dir), "proc/%d", (int)pid);
	if (gr_holder_read(&one, "stat", &text) < 0 || gr_stat_parse(text, &one.stat) < 0) {
		/* Gone; or a capture that has only some of its files. */
		if (gr_root_is_host(walk->root))
			return 0;
	} else if (one.stat.state == 'Z' || one.stat.state == 'X') {
		if (!find_living_thread(&one))
			return 0;
	}
	one.first_own = walk->holders.count;
	r = gr_holder_read(&one, "status", &status);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		r = gr_status_bytes(status, "HugetlbPages", &one.hugetlb_bytes);
	else if (gr_root_is_host(walk->root) && !gr_holder_gone(r))
		walk->holders.closed++;
	if (r < 0 && gr_root_is_host(walk->root)) {
		/* A kernel thread, or closed to us; or its memory is being taken down just now. */
		if (r == -ENOENT && one.stat.flags & GR_STAT_EXITING)
			walk->holders.ending++;
		return 0;
	}
	r = take_all(&one);
	if (r >= 0)
		r = note_process(&one);
	free(one.mappings);
	return r;
}
