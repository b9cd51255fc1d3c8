// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A block that is offline belongs to nobody, and stays so until somebody brings it back: therefore
 * the note blocks/N in the state directory, with the zone that the block was in, is there before the
 * write and goes when it is online in that zone again. A block of ZONE_MOVABLE that came back as the
 * kernel's own memory is lent: it returns when no lease has gigantic pages any more. Offlining may take long where pages are pinned, and no signal of ours may be lost
 * over it: a child does it, which is killed at the deadline and left behind if even that takes long.
 */
#include "lease/blocks.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/util.h"

#define DIR_NAME "blocks"
#define POLL_NS 5000000
#define RETURN_NS (UINT64_C(2) * 1000000000)
#define KILL_WAIT_NS UINT64_C(1000000000)

static void block_file(uint64_t block, const char *file, char *buf, size_t buf_size)
{
	snprintf(buf, buf_size, "sys/devices/system/memory/memory%" PRIu64 "/%s", block, file);
}

int gr_block_bytes(const struct gr_root *root, uint64_t *ret)
{
	_cleanup_free_ char *line = NULL;
	char *end;
	int r = gr_root_read_line(root, "sys/devices/system/memory/block_size_bytes", &line, NULL);

	if (r < 0)
		return r;
	*ret = strtoull(line, &end, 16); /* hexadecimal, without 0x */
	return *ret && !*end ? 0 : -EBADMSG;
}

static bool in_state(const struct gr_root *root, uint64_t block, const char *wanted)
{
	_cleanup_free_ char *state = NULL;
	char path[96];

	block_file(block, "state", path, sizeof(path));
	return gr_root_read_line(root, path, &state, NULL) >= 0 && !strcmp(state, wanted);
}

static int notes_fd(const struct gr_ledger *ledger, bool make)
{
	int fd;

	if (make && mkdirat(ledger->dir_fd, DIR_NAME, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(ledger->dir_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static bool in_movable_zone(const struct gr_root *root, uint64_t block)
{
	_cleanup_free_ char *zones = NULL;
	char path[96];

	block_file(block, "valid_zones", path, sizeof(path)); /* online: the one that it is in */
	return gr_root_read_line(root, path, &zones, NULL) >= 0 && !strncmp(zones, "Movable", 7);
}

static int add_note(const struct gr_ledger *ledger, uint64_t block, bool movable)
{
	const char *text = movable ? "movable\n" : "kernel\n";
	_cleanup_close_ int dir = notes_fd(ledger, true), fd = -1;
	char name[24];

	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%" PRIu64, block);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* Was the block in ZONE_MOVABLE, as its note says? */
static bool noted_movable(const struct gr_ledger *ledger, uint64_t block)
{
	_cleanup_close_ int dir = notes_fd(ledger, false), fd = -1;
	char name[24], first = 0;

	snprintf(name, sizeof(name), "%" PRIu64, block);
	if (dir >= 0)
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && read(fd, &first, 1) == 1 && first == 'm';
}

static void drop_note(const struct gr_ledger *ledger, uint64_t block)
{
	_cleanup_close_ int dir = notes_fd(ledger, false);
	char name[24];

	snprintf(name, sizeof(name), "%" PRIu64, block);
	if (dir >= 0)
		unlinkat(dir, name, 0);
}

static pid_t start_child(const struct gr_root *root, const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* who is killed leaves nothing running */
		/* Ends this child alone, and runs nothing of the process that it is a copy of. */
		syscall(SYS_exit_group, -gr_root_write(root, path, "offline\n", NULL) & 0x7f);
	}
	return pid;
}

/* Waits for the child; kills it at the deadline. Return: its answer. */
static int wait_child(pid_t pid, uint64_t deadline_ns, const volatile int *interrupted)
{
	const struct timespec pause = { .tv_nsec = POLL_NS };
	bool killed = false;
	int status, why = 0;

	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done == pid && WIFEXITED(status))
			return -WEXITSTATUS(status);
		if (done == pid)
			return why ? why : -EINTR;
		if (killed && gr_now_ns() > deadline_ns + KILL_WAIT_NS)
			return why; /* stuck in the kernel: left behind */
		if (!killed && ((interrupted && *interrupted) || gr_now_ns() > deadline_ns)) {
			why = interrupted && *interrupted ? -EINTR : -ETIMEDOUT;
			deadline_ns = gr_now_ns();
			kill(pid, SIGKILL);
			killed = true;
		}
		nanosleep(&pause, NULL);
	}
}

/* Online, but not in the zone where it belongs. */
static bool lent(const struct gr_ledger *ledger, uint64_t block)
{
	return noted_movable(ledger, block) && !in_movable_zone(ledger->root, block);
}

int gr_block_offline(struct gr_ledger *ledger, uint64_t block, uint64_t deadline_ns,
		     const volatile int *interrupted)
{
	char path[96];
	bool movable;
	pid_t pid;
	int r;

	if (in_state(ledger->root, block, "offline"))
		return -EALREADY; /* somebody else's doing: not ours to bring back */
	movable = in_movable_zone(ledger->root, block) || noted_movable(ledger, block);
	r = add_note(ledger, block, movable);
	if (r < 0)
		return r;
	block_file(block, "state", path, sizeof(path));
	pid = start_child(ledger->root, path);
	r = pid < 0 ? -errno : wait_child(pid, deadline_ns, interrupted);
	/* What counts is where it is now. */
	if (in_state(ledger->root, block, "offline"))
		return 0;
	/* A child left behind may still succeed, and a lent block is still lent. */
	if (r != -ETIMEDOUT && r != -EINTR && !lent(ledger, block))
		drop_note(ledger, block);
	return r < 0 ? r : -EBUSY;
}

int gr_block_online(struct gr_ledger *ledger, uint64_t block, bool home)
{
	bool movable = noted_movable(ledger, block);
	char path[96];
	int r = 0;

	block_file(block, "state", path, sizeof(path));
	if (in_state(ledger->root, block, "offline"))
		r = gr_root_write(ledger->root, path,
				  home && movable ? "online_movable\n" : "online_kernel\n", NULL);
	if (r < 0)
		r = gr_root_write(ledger->root, path, "online\n", NULL);
	if (!in_state(ledger->root, block, "online"))
		return r < 0 ? r : -EIO; /* or on its way offline, by a child left behind */
	if (!lent(ledger, block))
		drop_note(ledger, block);
	return 0;
}

/* One block with a note. Return: 1 if something was done, 0 or -errno. */
static int recover_block(struct gr_ledger *ledger, uint64_t block, bool lent_over)
{
	bool back = in_state(ledger->root, block, "offline");
	int r;

	if (!back && lent_over && lent(ledger, block)) {
		/* What cannot leave it now will be tried again; meanwhile the host uses it. */
		if (gr_block_offline(ledger, block, gr_now_ns() + RETURN_NS, NULL) < 0)
			return 0;
		back = true;
	}
	r = gr_block_online(ledger, block, back);
	return r < 0 ? r : back;
}

int gr_blocks_recover(struct gr_ledger *ledger, bool lent_over, uint64_t *ret_blocks,
		      struct gr_error *err)
{
	int fd = notes_fd(ledger, false), failed = 0;
	struct dirent *entry;
	DIR *dir;

	*ret_blocks = 0;
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return gr_error_nomem(err);
	}
	while ((entry = readdir(dir))) {
		uint64_t block;
		int r;

		if (gr_parse_u64(entry->d_name, &block) < 0)
			continue;
		r = recover_block(ledger, block, lent_over);
		*ret_blocks += r > 0;
		if (r < 0 && !failed) {
			failed = gr_error_set(err, GR_CLASS_STRANDED, -r, "memory block %" PRIu64
					      " is offline and does not come back: %s", block,
					      strerror(-r));
			gr_error_hint(err, "as root: echo online > /sys/devices/system/memory/"
					   "memory%" PRIu64 "/state", block);
		}
	}
	closedir(dir);
	return failed;
}

bool gr_blocks_noted(const struct gr_ledger *ledger)
{
	_cleanup_close_ int fd = notes_fd(ledger, false);

	return fd >= 0;
}

bool gr_ledger_has_gigantic(struct gr_ledger *ledger)
{
	struct gr_leases leases = { 0 };
	uint64_t block_bytes;
	bool has = false;

	if (gr_block_bytes(ledger->root, &block_bytes) < 0 ||
	    gr_ledger_list(ledger, &leases, NULL) < 0)
		return true;
	for (size_t i = 0; i < leases.count; i++) {
		for (size_t k = 0; k < leases.leases[i]->grant_count; k++)
			has |= leases.leases[i]->grants[k].page_size_bytes >= block_bytes;
	}
	gr_leases_done(&leases);
	return has;
}
