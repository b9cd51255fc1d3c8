// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The only file that opens /proc, /sys, /dev, /etc and /run. A root is an O_PATH directory fd; all
 * paths are relative to it. In a capture, links are resolved inside it (openat2 RESOLVE_IN_ROOT),
 * so that a fixture cannot lead to the host; on the host only the last component must be no link.
 */
#include "base/root.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/util.h"

#define READ_MAX (UINT64_C(64) << 20)

struct gr_root {
	int fd;
	bool host;
	char *dir;
};

int gr_root_open(const char *dir, struct gr_root **ret, struct gr_error *err)
{
	_cleanup_root_ struct gr_root *root = calloc(1, sizeof(*root));

	if (!root)
		return gr_error_nomem(err);
	root->host = !dir || !strcmp(dir, "/");
	root->fd = open(root->host ? "/" : dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0) {
		int r = gr_error_set(err, GR_CLASS_USAGE, errno, "%s: %s", dir ? dir : "/",
				     strerror(errno));

		gr_error_hint(err, "--root takes a directory with a captured proc/ and sys/");
		return r;
	}
	root->dir = strdup(root->host ? "" : dir);
	if (!root->dir)
		return gr_error_nomem(err);
	*ret = gr_steal_ptr(root);
	return 0;
}

void gr_root_close(struct gr_root *root)
{
	if (!root)
		return;
	if (root->fd >= 0)
		close(root->fd);
	free(root->dir);
	free(root);
}

bool gr_root_is_host(const struct gr_root *root)
{
	return root->host;
}

const char *gr_root_path(const struct gr_root *root, const char *path, char *buf, size_t buf_size)
{
	snprintf(buf, buf_size, "%s/%s", root->dir, path);
	return buf;
}

/* openat() below the root; -errno on failure. */
static int open_below(const struct gr_root *root, const char *path, int flags, mode_t mode)
{
	int fd;

	/* openat2() refuses flags that mean nothing with O_PATH. */
	flags |= flags & O_PATH ? O_CLOEXEC : O_CLOEXEC | O_NOCTTY;
	if (!root->host) {
		struct open_how how = {
			.flags = (uint64_t)flags,
			.mode = flags & O_CREAT ? mode : 0,
			.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
		};

		fd = (int)syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
		if (fd >= 0)
			return fd;
		/* A kernel or sandbox without openat2(): links may lead out then, so only read. */
		if ((errno != ENOSYS && errno != EPERM) || (flags & O_ACCMODE) != O_RDONLY)
			return -errno;
	}
	fd = openat(root->fd, path, flags, mode);
	return fd >= 0 ? fd : -errno;
}

/* Words for a failed access; the class follows from whose fault it is. */
static int access_error(const struct gr_root *root, const char *path, const char *verb, int errnum,
			struct gr_error *err)
{
	bool forbidden = errnum == EACCES || errnum == EPERM || errnum == EROFS;
	char buf[512];
	int r;

	r = gr_error_set(err, forbidden ? GR_CLASS_HOST : GR_CLASS_SYSTEM, errnum, "%s %s: %s", verb,
			 gr_root_path(root, path, buf, sizeof(buf)), strerror(errnum));
	if (errnum == EROFS)
		gr_error_hint(err, "/sys is read-only here, as in most containers: run this on the host");
	else if (forbidden && geteuid() != 0)
		gr_error_hint(err, "this needs root; `guestram host`, `plan` and `run -b thp` work without");
	return r;
}

int gr_root_open_fd(const struct gr_root *root, const char *path, int flags, unsigned int mode,
		    struct gr_error *err)
{
	int fd = open_below(root, path, flags & O_PATH ? flags : flags | O_NOFOLLOW, (mode_t)mode);

	if (fd < 0)
		return access_error(root, path, "cannot open", -fd, err);
	return fd;
}

static int read_all(int fd, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t room = 4096, len = 0;

	text = malloc(room);
	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, text + len, room - 1 - len);
		char *more;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (room - 1 - len > room / 4)
			continue;
		if (room >= READ_MAX)
			return -EFBIG;
		more = realloc(text, room * 2);
		if (!more)
			return -ENOMEM;
		text = more;
		room *= 2;
	}
	text[len] = '\0';
	*ret_text = gr_steal_ptr(text);
	*ret_len = len;
	return 0;
}

int gr_root_read(const struct gr_root *root, const char *path, char **ret_text, size_t *ret_len,
		 struct gr_error *err)
{
	_cleanup_close_ int fd = open_below(root, path, O_RDONLY, 0);
	char *text = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return access_error(root, path, "cannot read", -fd, err);
	r = read_all(fd, &text, &len);
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	if (r < 0)
		return access_error(root, path, "cannot read", -r, err);
	*ret_text = text;
	if (ret_len)
		*ret_len = len;
	return 0;
}

int gr_root_read_settings(const struct gr_root *root, const char *path, char **ret_text,
			  size_t *ret_len, struct gr_error *err)
{
	/* A FIFO in its place must not make us wait. */
	_cleanup_close_ int fd = open_below(root, path, O_RDONLY | O_NONBLOCK, 0);
	char *text = NULL, buf[512];
	struct stat st;
	size_t len = 0;
	int r;

	if (fd < 0)
		return access_error(root, path, "cannot read", -fd, err);
	if (fstat(fd, &st) < 0)
		return access_error(root, path, "cannot stat", errno, err);
	if (!S_ISREG(st.st_mode))
		return gr_error_set(err, GR_CLASS_SYSTEM, EINVAL, "%s is no regular file",
				    gr_root_path(root, path, buf, sizeof(buf)));
	/* What root does on this host is for root to say. For others it decides nothing that they
	 * could not decide by options, and a capture's files belong to whoever made it. */
	if (root->host && geteuid() == 0 && (st.st_uid != 0 || (st.st_mode & S_IWOTH) ||
					     (st.st_gid != 0 && (st.st_mode & S_IWGRP)))) {
		r = gr_error_set(err, GR_CLASS_HOST, EPERM,
				 "%s may be changed by others than root (uid %u, gid %u, mode %04o)",
				 gr_root_path(root, path, buf, sizeof(buf)),
				 (unsigned int)st.st_uid, (unsigned int)st.st_gid,
				 (unsigned int)(st.st_mode & 07777));
		gr_error_hint(err, "chown root:root and chmod 0644, when what it says is right");
		return r;
	}
	r = read_all(fd, &text, &len);
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	if (r < 0)
		return access_error(root, path, "cannot read", -r, err);
	*ret_text = text;
	*ret_len = len;
	return 0;
}

int gr_root_read_line(const struct gr_root *root, const char *path, char **ret,
		      struct gr_error *err)
{
	char *text;
	int r = gr_root_read(root, path, &text, NULL, err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	*ret = text;
	return 0;
}

int gr_root_read_u64(const struct gr_root *root, const char *path, uint64_t *ret,
		     struct gr_error *err)
{
	_cleanup_free_ char *line = NULL;
	char buf[512];
	int r = gr_root_read_line(root, path, &line, err);

	if (r < 0)
		return r;
	if (gr_parse_u64(line, ret) < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, EBADMSG, "%s says '%.32s', not a number",
				    gr_root_path(root, path, buf, sizeof(buf)), line);
	return 0;
}

int gr_root_write(const struct gr_root *root, const char *path, const char *text,
		  struct gr_error *err)
{
	size_t len = strlen(text);
	ssize_t n;
	int flags = O_WRONLY | O_NOFOLLOW | (root->host ? 0 : O_TRUNC);
	_cleanup_close_ int fd = open_below(root, path, flags, 0);

	if (fd < 0)
		return access_error(root, path, "cannot write", -fd, err);
	do
		n = write(fd, text, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return access_error(root, path, "cannot write", errno, err);
	if ((size_t)n != len)
		return access_error(root, path, "short write to", EIO, err);
	return 0;
}

int gr_root_write_u64(const struct gr_root *root, const char *path, uint64_t value,
		      uint64_t *ret_readback, struct gr_error *err)
{
	char text[24];
	int r;

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	r = gr_root_write(root, path, text, err);
	if (r < 0 || !ret_readback)
		return r;
	return gr_root_read_u64(root, path, ret_readback, err);
}

int gr_root_file_system(const struct gr_root *root, const char *path, uint64_t *ret_magic,
			uint64_t *ret_block_bytes, bool *ret_regular, struct gr_error *err)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_close_ int fd = -1;
	struct statfs fs;
	struct stat st;

	path += strspn(path, "/");
	fd = open_below(root, *path ? path : ".", O_PATH, 0);
	if (fd == -ENOENT) {
		char *slash;

		dir = strdup(path);
		if (!dir)
			return gr_error_nomem(err);
		slash = strrchr(dir, '/');
		if (slash)
			*slash = '\0';
		fd = open_below(root, slash ? dir : ".", O_PATH, 0);
	}
	if (fd < 0)
		return access_error(root, path, "cannot find", -fd, err);
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return access_error(root, path, "cannot stat", errno, err);
	*ret_magic = (uint64_t)fs.f_type;
	*ret_block_bytes = (uint64_t)fs.f_bsize;
	*ret_regular = S_ISREG(st.st_mode);
	return 0;
}

int gr_root_stat(const struct gr_root *root, const char *path, struct stat *ret)
{
	_cleanup_close_ int fd = open_below(root, path + strspn(path, "/"), O_PATH, 0);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

int gr_root_space(const struct gr_root *root, const char *path, uint64_t *ret_total_bytes,
		  uint64_t *ret_free_bytes)
{
	_cleanup_close_ int fd = open_below(root, path + strspn(path, "/"), O_PATH, 0);
	struct statfs fs;

	if (fd < 0)
		return fd;
	if (!root->host)
		return -EOPNOTSUPP;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (__builtin_mul_overflow((uint64_t)fs.f_blocks, (uint64_t)fs.f_bsize, ret_total_bytes) ||
	    __builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_bsize, ret_free_bytes))
		return -EOVERFLOW;
	return 0;
}

bool gr_root_exists(const struct gr_root *root, const char *path)
{
	_cleanup_close_ int fd = open_below(root, path, O_PATH, 0);

	return fd >= 0 || fd == -EACCES || fd == -EPERM || fd == -ELOOP;
}

int gr_root_writable(const struct gr_root *root, const char *path)
{
	/* Opening a sysfs or proc file for writing has no effect; access(2) would ask for the
	 * real user and knows nothing of read-only mounts in all cases. */
	_cleanup_close_ int fd = open_below(root, path, O_WRONLY | O_NOFOLLOW, 0);

	return fd < 0 ? fd : 0;
}

int gr_root_readlink(const struct gr_root *root, const char *path, char **ret)
{
	_cleanup_close_ int fd = open_below(root, path, O_PATH | O_NOFOLLOW, 0);
	char buf[4096];
	ssize_t n;
	char *text;

	if (fd < 0)
		return fd;
	n = readlinkat(fd, "", buf, sizeof(buf) - 1);
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno; /* ENOENT: not a link */
	buf[n] = '\0';
	text = strdup(buf);
	if (!text)
		return -ENOMEM;
	*ret = text;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

int gr_root_list(const struct gr_root *root, const char *path, struct gr_names *ret,
		 struct gr_error *err)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int fd = open_below(root, path, O_RDONLY | O_DIRECTORY, 0);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return access_error(root, path, "cannot list", -fd, err);
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return gr_error_nomem(err);
	}
	while ((entry = readdir(dir))) {
		char *name;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		name = strdup(entry->d_name);
		if (!name || gr_grow(&names.names, names.count, sizeof(*names.names)) < 0) {
			free(name);
			closedir(dir);
			return gr_error_nomem(err);
		}
		names.names[names.count++] = name;
	}
	closedir(dir);
	if (names.count)
		qsort(names.names, names.count, sizeof(*names.names), compare_names);
	*ret = names;
	names = (struct gr_names){ 0 };
	return 0;
}

void gr_names_done(struct gr_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct gr_names){ 0 };
}
