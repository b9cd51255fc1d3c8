/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only door to the host: every file below /proc, /sys, /dev, /etc and /run is opened through a
 * struct gr_root, by a path relative to it without a leading slash ("proc/meminfo"). A root is the
 * host itself or a directory with a capture of one (--root DIR). Absent (-ENOENT), forbidden
 * (-EACCES, -EPERM, -EROFS) and malformed (-EBADMSG) are three different answers.
 */
#ifndef GR_BASE_ROOT_H
#define GR_BASE_ROOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct gr_root;

/**
 * gr_root_open - open the host (@dir NULL) or a capture
 *
 * Return: 0 or -errno. Free with gr_root_close().
 */
int gr_root_open(const char *dir, struct gr_root **ret, struct gr_error *err);
void gr_root_close(struct gr_root *root);

static inline void gr_root_closep(struct gr_root **root)
{
	gr_root_close(*root);
}
#define _cleanup_root_ __attribute__((cleanup(gr_root_closep)))

/** gr_root_is_host - false for a capture: there no process and no device is real. */
bool gr_root_is_host(const struct gr_root *root);

/** gr_root_path - how people should see @path: "/proc/meminfo", or "DIR/proc/meminfo". */
const char *gr_root_path(const struct gr_root *root, const char *path, char *buf, size_t buf_size);

/**
 * gr_root_read - read a whole file (at most 64 MiB)
 * @ret_text: NUL-terminated, malloc'ed; @ret_len may be NULL
 *
 * NUL bytes in the middle are kept (cmdline files); take @ret_len then.
 * Return: 0; -ENOENT, -EACCES, -EPERM as the kernel said; -EFBIG.
 */
int gr_root_read(const struct gr_root *root, const char *path, char **ret_text, size_t *ret_len,
		 struct gr_error *err);

/**
 * gr_root_read_settings - the same for a file that says what root's command may do
 *
 * On the host and as root, one that others than root may change is refused (-EPERM, class host),
 * and so is anything but a regular file everywhere.
 */
int gr_root_read_settings(const struct gr_root *root, const char *path, char **ret_text,
			  size_t *ret_len, struct gr_error *err);

/** gr_root_read_u64 - a file with one decimal number. Return: 0, -errno, -EBADMSG if it is none. */
int gr_root_read_u64(const struct gr_root *root, const char *path, uint64_t *ret,
		     struct gr_error *err);

/** gr_root_read_line - first line without its newline. Return: 0 or -errno. */
int gr_root_read_line(const struct gr_root *root, const char *path, char **ret,
		      struct gr_error *err);

/**
 * gr_root_write - write @text to an existing file in one write()
 *
 * Return: 0 or -errno (-EIO for a short write). The kernel may have done less than was asked
 * (pools!): read back.
 */
int gr_root_write(const struct gr_root *root, const char *path, const char *text,
		  struct gr_error *err);

/**
 * gr_root_write_u64 - write a number, then read the file again
 * @ret_readback: what the file says afterwards; may be NULL (then nothing is read)
 */
int gr_root_write_u64(const struct gr_root *root, const char *path, uint64_t value,
		      uint64_t *ret_readback, struct gr_error *err);

/** gr_root_open_fd - openat() with O_CLOEXEC (and O_NOFOLLOW unless O_PATH is in @flags). */
int gr_root_open_fd(const struct gr_root *root, const char *path, int flags, unsigned int mode,
		    struct gr_error *err);

/**
 * gr_root_file_system - what kind of file system a path is on (its directory, if it is not there)
 * @ret_magic: f_type of statfs(2); @ret_block_bytes: f_bsize, on hugetlbfs the page size
 * @ret_regular: there is a regular file at @path
 */
int gr_root_file_system(const struct gr_root *root, const char *path, uint64_t *ret_magic,
			uint64_t *ret_block_bytes, bool *ret_regular, struct gr_error *err);

/** gr_root_stat - mode, owner and times of what a path leads to; struct stat of <sys/stat.h>. Return: 0 or
 * -errno. */
struct stat;
int gr_root_stat(const struct gr_root *root, const char *path, struct stat *ret);

/**
 * gr_root_space - size and free space of the file system that @path is on
 *
 * Return: 0; -EOPNOTSUPP in a capture, whose file system is another one; -errno.
 */
int gr_root_space(const struct gr_root *root, const char *path, uint64_t *ret_total_bytes,
		  uint64_t *ret_free_bytes);

/** gr_root_exists - does the file exist (of any type)? Forbidden counts as existing. */
bool gr_root_exists(const struct gr_root *root, const char *path);

/** gr_root_writable - may we write it? Return: 0, or -ENOENT, -EACCES, -EROFS. */
int gr_root_writable(const struct gr_root *root, const char *path);

/** gr_root_readlink - target of a link in malloc'ed memory. Return: 0 or -errno. */
int gr_root_readlink(const struct gr_root *root, const char *path, char **ret);

struct gr_names {
	char **names; /* sorted: numbers inside by value ("node2" before "node10") */
	size_t count;
};

/** gr_root_list - names in a directory, without . and .. Return: 0 or -errno. */
int gr_root_list(const struct gr_root *root, const char *path, struct gr_names *ret,
		 struct gr_error *err);
void gr_names_done(struct gr_names *names);
#define _cleanup_names_ __attribute__((cleanup(gr_names_done)))

#endif
