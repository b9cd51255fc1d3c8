// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A file is known by its file system and inode. Which file systems are hugetlbfs is asked once for
 * each: memfds, anonymous mappings and System V segments are files of mounts that no mount table
 * shows. O_PATH opens nothing, and statx() without synchronisation does not wait for a server that
 * is gone; only a file whose block size may be a huge page is looked at closer.
 */
#include "verify/huge_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/util.h"

#define BLOCK_MIN (UINT64_C(64) << 10) /* the smallest huge page there is */
#define STAT_BLOCK 512
#define DEPTH_MAX 16
#define ENTRIES_MAX 100000
#define DELETED GR_HUGE_DELETED

struct look {
	uint64_t dev, inode, bytes, page_size_bytes;
	bool regular, directory;
};

int gr_huge_dev(const struct gr_huge_files *files, uint64_t dev)
{
	for (size_t i = 0; i < files->dev_count; i++) {
		if (files->devs[i].dev == dev)
			return files->devs[i].huge;
	}
	return -1;
}

int gr_huge_dev_add(struct gr_huge_files *files, uint64_t dev, bool huge)
{
	if (gr_huge_dev(files, dev) >= 0)
		return 0;
	if (gr_grow(&files->devs, files->dev_count, sizeof(*files->devs)) < 0)
		return -ENOMEM;
	files->devs[files->dev_count].dev = dev;
	files->devs[files->dev_count++].huge = huge;
	return 0;
}

/* Return: 0; -ENOTTY if it is not on hugetlbfs; -errno. */
static int look_at(struct gr_huge_files *files, int fd, struct look *ret)
{
	struct statx stx;
	struct statfs fs;
	int huge;

	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_BASIC_STATS,
		  &stx) < 0)
		return -errno;
	ret->dev = GR_HUGE_DEV(stx.stx_dev_major, stx.stx_dev_minor);
	ret->inode = stx.stx_ino;
	ret->bytes = stx.stx_blocks * STAT_BLOCK;
	ret->page_size_bytes = stx.stx_blksize;
	ret->regular = S_ISREG(stx.stx_mode);
	ret->directory = S_ISDIR(stx.stx_mode);
	huge = stx.stx_dev_major ? 0 : gr_huge_dev(files, ret->dev);
	if (huge < 0) {
		huge = stx.stx_blksize >= BLOCK_MIN && fstatfs(fd, &fs) == 0 &&
		       fs.f_type == HUGETLBFS_MAGIC;
		if (gr_huge_dev_add(files, ret->dev, huge) < 0)
			return -ENOMEM;
	}
	return huge ? 0 : -ENOTTY;
}

struct gr_held *gr_held_add(struct gr_holders *holders)
{
	if (gr_grow(&holders->held, holders->count, sizeof(*holders->held)) < 0)
		return NULL;
	return &holders->held[holders->count++];
}

int gr_held_add_pid(struct gr_held *held, pid_t pid)
{
	for (size_t i = 0; i < held->pid_count; i++) {
		if (held->pids[i] == pid)
			return 0;
	}
	if (gr_grow(&held->pids, held->pid_count, sizeof(*held->pids)) < 0)
		return -ENOMEM;
	held->pids[held->pid_count++] = pid;
	return 0;
}

int gr_held_add_share(struct gr_held *held, int node, uint64_t pages)
{
	for (size_t i = 0; i < held->share_count; i++) {
		if (held->shares[i].node == node) {
			held->shares[i].pages += pages;
			return 0;
		}
	}
	if (gr_grow(&held->shares, held->share_count, sizeof(*held->shares)) < 0)
		return -ENOMEM;
	held->shares[held->share_count++] = (struct gr_held_share){ node, pages };
	return 0;
}

/* The entry of that file, made if it is the first time that it is met. */
static int find_file(struct gr_huge_files *files, const struct look *look, const char *name,
		     size_t *ret)
{
	size_t len = strlen(name), end = strlen(DELETED);
	struct gr_huge_file *file;
	struct gr_held *held;

	for (size_t i = 0; i < files->count; i++) {
		if (files->files[i].dev == look->dev && files->files[i].inode == look->inode) {
			*ret = i;
			return 0;
		}
	}
	if (gr_grow(&files->files, files->count, sizeof(*files->files)) < 0)
		return -ENOMEM;
	held = gr_held_add(files->holders);
	if (!held)
		return -ENOMEM;
	held->deleted = len > end && !strcmp(name + len - end, DELETED);
	held->path = strndup(name, held->deleted ? len - end : len);
	if (!held->path)
		return -ENOMEM;
	held->page_size_bytes = look->page_size_bytes;
	file = &files->files[files->count];
	file->dev = look->dev;
	file->inode = look->inode;
	file->held = files->holders->count - 1;
	*ret = files->count++;
	return 0;
}

static int add_look(struct gr_huge_files *files, const struct look *look, const char *name,
		    pid_t pid, size_t *ret)
{
	struct gr_held *held;
	int r = find_file(files, look, name, ret);

	if (r < 0)
		return r;
	held = &files->holders->held[files->files[*ret].held];
	held->bytes = gr_max_u64(held->bytes, look->bytes);
	return pid ? gr_held_add_pid(held, pid) : 0;
}

int gr_huge_file(struct gr_huge_files *files, const char *path, const char *name, pid_t pid,
		 size_t *ret)
{
	_cleanup_close_ int fd = gr_root_open_fd(files->root, path, O_PATH, 0, NULL);
	struct look look;
	int r;

	if (fd < 0)
		return fd;
	r = look_at(files, fd, &look);
	if (r < 0)
		return r;
	return look.regular ? add_look(files, &look, name, pid, ret) : -ENOTTY;
}

/* @path as base/root.h has it, @name as its users see it. */
static int walk(struct gr_huge_files *files, const char *path, const char *name, int depth,
		unsigned int *entries)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int r = gr_root_list(files->root, path, &names, NULL);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *below = NULL, *called = NULL;
		_cleanup_close_ int fd = -1;
		struct look look;
		size_t index;

		if (++*entries > ENTRIES_MAX)
			return -E2BIG;
		if (gr_asprintf(&below, "%s/%s", path, names.names[i]) < 0 ||
		    gr_asprintf(&called, "%s/%s", name, names.names[i]) < 0)
			return -ENOMEM;
		fd = gr_root_open_fd(files->root, below, O_PATH | O_NOFOLLOW, 0, NULL);
		r = fd < 0 ? fd : look_at(files, fd, &look);
		if (r >= 0 && look.directory)
			r = depth < DEPTH_MAX ? walk(files, below, called, depth + 1, entries) :
						-E2BIG;
		else if (r >= 0 && look.regular)
			r = add_look(files, &look, called, 0, &index);
		/* Gone meanwhile, or another file system mounted there. */
		if (r < 0 && r != -ENOENT && r != -ENOTTY)
			return r;
	}
	return 0;
}

int gr_huge_mounts(struct gr_huge_files *files, pid_t pid, uint64_t default_page_size_bytes)
{
	struct gr_mount *mounts = NULL;
	unsigned int entries = 0;
	size_t count = 0;
	char path[64];
	int r;

	snprintf(path, sizeof(path), pid ? "proc/%d/mountinfo" : "proc/self/mountinfo", (int)pid);
	r = gr_host_hugetlbfs(files->root, path, default_page_size_bytes, &mounts, &count);
	if (r < 0)
		return r == -ENOENT || r == -ESRCH || r == -EINVAL ? 0 : r;
	r = 0;
	for (size_t i = 0; i < count && r >= 0; i++) {
		_cleanup_free_ char *dir = NULL;

		snprintf(path, sizeof(path), "proc/%d/root", (int)pid);
		if (gr_asprintf(&dir, "%s%s", pid ? path : "", mounts[i].path + !pid) < 0)
			r = -ENOMEM;
		else
			r = walk(files, dir, mounts[i].path, 0, &entries);
	}
	gr_mounts_free(mounts, count);
	return r;
}

void gr_huge_files_done(struct gr_huge_files *files)
{
	free(files->files);
	free(files->devs);
	files->files = NULL;
	files->devs = NULL;
	files->count = files->dev_count = 0;
}
