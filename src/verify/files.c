// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * st_blocks of a tmpfs, memfd or hugetlbfs file is what it has in memory (measured: exact for
 * hugetlb memfds, page by page). The file is reached by /proc/PID/map_files, which asks for a
 * capability, or by the descriptor that the VMM still holds; O_PATH opens neither. A file on a
 * disk has blocks as well, but those are not memory: only the three kinds count.
 */
#include "verify/files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/util.h"

#define STAT_BLOCK 512 /* the unit of st_blocks, whatever st_blksize says */

int gr_file_part(uint64_t file_bytes, uint64_t allocated_bytes, uint64_t offset,
		 uint64_t size_bytes, uint64_t *ret)
{
	uint64_t part = gr_min_u64(gr_sub_floor(file_bytes, offset), size_bytes);

	if (allocated_bytes >= file_bytes)
		*ret = part;
	else if (allocated_bytes == 0 || part == file_bytes)
		*ret = allocated_bytes;
	else
		return -ENODATA;
	return 0;
}

/* Is it the file that the mapping has? */
static bool is_file(int fd, const struct gr_region *region, struct stat *ret)
{
	return fstat(fd, ret) == 0 && ret->st_ino == region->file.inode &&
	       major(ret->st_dev) == region->file.dev_major &&
	       minor(ret->st_dev) == region->file.dev_minor;
}

/* An O_PATH descriptor of the file, or -errno. */
static int open_file(const struct gr_root *root, pid_t pid, const struct gr_region *region,
		     struct stat *ret)
{
	_cleanup_names_ struct gr_names names = { 0 };
	char path[96];
	int r;

	snprintf(path, sizeof(path), "proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)region->start, (unsigned long long)region->file.first_vma_end);
	r = gr_root_open_fd(root, path, O_PATH, 0, NULL);
	if (r >= 0 && is_file(r, region, ret))
		return r;
	gr_closep(&r);
	snprintf(path, sizeof(path), "proc/%d/fd", (int)pid);
	r = gr_root_list(root, path, &names, NULL);
	for (size_t i = 0; i < names.count; i++) {
		_cleanup_free_ char *target = NULL;
		int fd;

		snprintf(path, sizeof(path), "proc/%d/fd/%.24s", (int)pid, names.names[i]);
		if (gr_root_readlink(root, path, &target) < 0 || strcmp(target, region->path) != 0)
			continue;
		fd = gr_root_open_fd(root, path, O_PATH, 0, NULL);
		if (fd >= 0 && is_file(fd, region, ret))
			return fd;
		gr_closep(&fd);
	}
	return r < 0 ? r : -ENOENT;
}

int gr_file_allocated(const struct gr_root *root, pid_t pid, const struct gr_region *region,
		      uint64_t *ret)
{
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	struct stat st;

	if (!region->file.inode)
		return -ENOENT;
	if (!gr_root_is_host(root))
		return -EOPNOTSUPP;
	fd = open_file(root, pid, region, &st);
	if (fd < 0)
		return fd;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
		return -EMEDIUMTYPE;
	return gr_file_part((uint64_t)st.st_size, (uint64_t)st.st_blocks * STAT_BLOCK,
			    region->file.offset, region->size_bytes, ret);
}
