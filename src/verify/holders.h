/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who holds the huge pages of this host: memory of processes, files that processes have open or
 * mapped (deleted ones too), and files that lie in a hugetlbfs mount. A file counts once, however
 * many processes share it. What none of these has is held by something that /proc does not show.
 */
#ifndef GR_VERIFY_HOLDERS_H
#define GR_VERIFY_HOLDERS_H

#include <sys/types.h>

#include "host/host.h"

struct gr_held_share {
	int node;
	uint64_t pages;
};

struct gr_held { /* a file, or what one process has for itself */
	char *path;                    /* NULL: memory of a process, in no file */
	bool deleted;                  /* the file has no name any more */
	uint64_t page_size_bytes;      /* 0: unknown */
	uint64_t bytes;
	struct gr_held_share *shares;  /* where it is; what is missing is on an unknown node */
	size_t share_count;
	pid_t *pids;                   /* who has it; none: its name alone keeps it */
	size_t pid_count;
};

struct gr_holder {
	pid_t pid;
	uint64_t start_time;
	char comm[64];
	const char *vmm; /* "qemu" ..., NULL: no VMM that we know */
};

struct gr_segment { /* System V shared memory that no process has attached */
	uint64_t id;
	uint64_t bytes; /* at most; whether it is of huge pages cannot be seen */
};

struct gr_holders {
	struct gr_held *held;
	size_t count;
	struct gr_holder *processes;   /* those that hold something, by pid */
	size_t process_count;
	struct gr_segment *segments;
	size_t segment_count;
	uint64_t unread; /* processes of which only the sum of what they have mapped is known */
	uint64_t closed; /* processes of which nothing is known */
	uint64_t ending; /* processes whose memory is being taken down at this moment */
	/* Everything that holds pages was seen. As root a few processes may stay unread: what they
	 * have mapped is counted, and a bare descriptor is unlikely in them. */
	bool complete;
};

/**
 * gr_holders_read - look at every process and every hugetlbfs mount
 * @host: its page sizes
 *
 * In a capture, and of processes that may not be read, only the sum (HugetlbPages of status) and
 * names are known. Takes about 0.1 ms a process. Return: 0 or -errno. Free with gr_holders_done().
 */
int gr_holders_read(const struct gr_root *root, const struct gr_host *host, struct gr_holders *ret,
		    struct gr_error *err);
void gr_holders_done(struct gr_holders *holders);
#define _cleanup_holders_ __attribute__((cleanup(gr_holders_done)))

const struct gr_holder *gr_holders_process(const struct gr_holders *holders, pid_t pid);

/** gr_held_pages - pages of a size on a node (-1: of all nodes). What is on an unknown node, or of
 * an unknown size, is added to @ret_maybe (may be NULL). */
uint64_t gr_held_pages(const struct gr_held *held, uint64_t page_size_bytes, int node,
		       uint64_t *ret_maybe);

struct gr_taken { /* what one process has mapped */
	uint64_t page_size_bytes;
	int node; /* -1: unknown */
	uint64_t pages;
};

/**
 * gr_process_taken - huge pages in the page tables of a process, by size and node
 *
 * Return: 0; -errno where numa_maps cannot be read or the kernel has none. Free *@ret with free().
 */
int gr_process_taken(const struct gr_root *root, pid_t pid, struct gr_taken **ret,
		     size_t *ret_count);

#endif
