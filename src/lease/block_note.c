// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A note is one line, "kernel|movable TRIES RETRY_NS BOOT_ID", replaced by rename as leases are.
 * The boot is in it because after the next one all blocks are online anew: what is offline then is
 * somebody else's doing.
 */
#include "lease/block_note.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

#define DIR_NAME "blocks"
#define TEXT_MAX 128

static int open_dir(const struct gr_ledger *ledger, bool make)
{
	int fd;

	if (ledger->dir_fd < 0)
		return -ENOENT;
	if (make && mkdirat(ledger->dir_fd, DIR_NAME, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(ledger->dir_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_text(int dir_fd, const char *name, const char *text)
{
	_cleanup_close_ int fd = openat(dir_fd, name,
					O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = write(fd, text, strlen(text));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == (ssize_t)strlen(text) ? 0 : -EIO;
}

int gr_block_note_save(const struct gr_ledger *ledger, uint64_t block,
		       const struct gr_block_note *note)
{
	_cleanup_close_ int dir = open_dir(ledger, true);
	char name[24], temporary[32], text[TEXT_MAX];
	int r;

	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%" PRIu64, block);
	snprintf(temporary, sizeof(temporary), ".%" PRIu64 ".new", block);
	snprintf(text, sizeof(text), "%s %u %" PRIu64 " %s\n", note->movable ? "movable" : "kernel",
		 note->tries, note->retry_ns, ledger->boot_id[0] ? ledger->boot_id : "-");
	r = write_text(dir, temporary, text);
	if (r >= 0 && renameat(dir, temporary, dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, temporary, 0);
	return r;
}

static int parse(const struct gr_ledger *ledger, const char *text, struct gr_block_note *ret)
{
	struct gr_block_note note = { 0 };
	char zone[8], boot[40];
	int end = 0;

	if (sscanf(text, "%7s %u %" SCNu64 " %39s%n", zone, &note.tries, &note.retry_ns, boot,
		   &end) != 4 || strcmp(text + end, "\n") != 0)
		return -EBADMSG;
	note.movable = !strcmp(zone, "movable");
	if (!note.movable && strcmp(zone, "kernel") != 0)
		return -EBADMSG;
	if (ledger->boot_id[0] && strcmp(boot, ledger->boot_id) != 0)
		return -ESTALE;
	*ret = note;
	return 0;
}

int gr_block_note_read(const struct gr_ledger *ledger, uint64_t block, struct gr_block_note *ret)
{
	_cleanup_close_ int dir = open_dir(ledger, false), fd = -1;
	char name[24], text[TEXT_MAX];
	ssize_t n;

	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%" PRIu64, block);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do
		n = read(fd, text, sizeof(text) - 1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return parse(ledger, text, ret);
}

void gr_block_note_drop(const struct gr_ledger *ledger, uint64_t block)
{
	_cleanup_close_ int dir = open_dir(ledger, false);
	char name[24];

	if (dir < 0)
		return;
	snprintf(name, sizeof(name), "%" PRIu64, block);
	unlinkat(dir, name, 0);
	/* Fails while there are others. */
	unlinkat(ledger->dir_fd, DIR_NAME, AT_REMOVEDIR);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int read_names(const struct gr_ledger *ledger, DIR *dir, uint64_t **blocks, size_t *count)
{
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		uint64_t block;

		/* Who has the lock is the only writer: this was left by a kill. */
		if (ledger->lock_fd >= 0 && entry->d_name[0] == '.' && strstr(entry->d_name, ".new"))
			unlinkat(dirfd(dir), entry->d_name, 0);
		if (gr_parse_u64(entry->d_name, &block) < 0)
			continue;
		if (gr_grow(blocks, *count, sizeof(**blocks)) < 0)
			return -ENOMEM;
		(*blocks)[(*count)++] = block;
	}
	return 0;
}

int gr_block_notes(const struct gr_ledger *ledger, uint64_t **ret, size_t *ret_count)
{
	_cleanup_free_ uint64_t *blocks = NULL;
	size_t count = 0;
	int fd = open_dir(ledger, false), r;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	*ret = NULL;
	*ret_count = 0;
	if (!dir) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return r == -ENOENT ? 0 : r;
	}
	r = read_names(ledger, dir, &blocks, &count);
	closedir(dir);
	if (r < 0)
		return r;
	if (count)
		qsort(blocks, count, sizeof(*blocks), compare);
	else if (ledger->lock_fd >= 0) /* a kill came between the last note and its directory */
		unlinkat(ledger->dir_fd, DIR_NAME, AT_REMOVEDIR);
	*ret = gr_steal_ptr(blocks);
	*ret_count = count;
	return 0;
}
