// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One pass over /proc, and what follows from it. Processes come and go meanwhile: who has to be
 * sure looks twice.
 */
#include "verify/holders.h"

#include <string.h>

#include "base/util.h"
#include "verify/holder_process.h"

/* The inode number of the first pid namespace: from another one not all processes can be seen. */
#define FIRST_PID_SPACE "pid:[4026531836]"

/* "key shmid perms size cpid lpid nattch ...": those that nobody has attached. */
static int read_segments(const struct gr_root *root, struct gr_holders *holders)
{
	_cleanup_free_ char *text = NULL;
	char *cursor, *line;

	/* A kernel without System V IPC has no such file. */
	if (gr_root_read(root, "proc/sysvipc/shm", &text, NULL, NULL) < 0)
		return 0;
	for (cursor = text; (line = gr_next_line(&cursor));) {
		unsigned long long id, bytes, attached;

		if (sscanf(line, "%*s %llu %*s %llu %*s %*s %llu", &id, &bytes, &attached) != 3 ||
		    attached)
			continue;
		if (gr_grow(&holders->segments, holders->segment_count,
			    sizeof(*holders->segments)) < 0)
			return -ENOMEM;
		holders->segments[holders->segment_count++] = (struct gr_segment){ id, bytes };
	}
	return 0;
}

/* The only node of the host that has pools; -1: there are several, or none. */
static int only_node(const struct gr_host *host)
{
	int only = -1;

	for (size_t i = 0; i < host->pool_count; i++) {
		int node = host->pools[i].node;

		if (node >= 0 && only >= 0 && node != only)
			return -1;
		only = node >= 0 ? node : only;
	}
	return only;
}

static uint64_t shares_sum(const struct gr_held *held)
{
	uint64_t pages = 0;

	for (size_t i = 0; i < held->share_count; i++)
		pages += held->shares[i].pages;
	return pages;
}

/* A file that is mapped twice says twice where it is; and where there is one node, it is there. */
static int settle(struct gr_held *held, int node)
{
	uint64_t pages, known;

	if (!held->page_size_bytes)
		return 0;
	pages = held->bytes / held->page_size_bytes;
	known = shares_sum(held);
	if (known > pages) {
		held->share_count = held->share_count == 1 ? 1 : 0;
		if (held->share_count)
			held->shares[0].pages = pages;
		known = shares_sum(held);
	}
	if (node < 0 || known == pages)
		return 0;
	return gr_held_add_share(held, node, pages - known);
}

static void held_done(struct gr_held *held)
{
	free(held->path);
	free(held->shares);
	free(held->pids);
}

/* Files without a page are of no interest, unless nothing could be found out about them. */
static int settle_all(struct gr_holder_walk *walk)
{
	struct gr_holders *holders = &walk->holders;
	int node = only_node(walk->host);
	size_t kept = 0;

	for (size_t i = 0; i < holders->count; i++) {
		struct gr_held *held = &holders->held[i];

		if (settle(held, node) < 0)
			return -ENOMEM;
		if (held->bytes || !held->page_size_bytes)
			holders->held[kept++] = *held;
		else
			held_done(held);
	}
	holders->count = kept;
	return 0;
}

static int walk_processes(struct gr_holder_walk *walk, struct gr_error *err)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int r = gr_root_list(walk->root, "proc", &names, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t pid;

		if (gr_parse_u64(names.names[i], &pid) < 0 || !pid || pid > INT32_MAX)
			continue;
		if (gr_holder_process(walk, (pid_t)pid) < 0)
			return gr_error_nomem(err);
	}
	return read_segments(walk->root, &walk->holders) < 0 ? gr_error_nomem(err) : 0;
}

int gr_holders_read(const struct gr_root *root, const struct gr_host *host, struct gr_holders *ret,
		    struct gr_error *err)
{
	struct gr_holder_walk walk = { .root = root, .host = host };
	_cleanup_free_ char *space = NULL;
	int r;

	walk.files.root = root;
	walk.files.holders = &walk.holders;
	r = walk_processes(&walk, err);
	if (r >= 0 && settle_all(&walk) < 0)
		r = gr_error_nomem(err);
	for (size_t i = 0; i < walk.space_count; i++)
		free(walk.spaces[i]);
	free(walk.spaces);
	gr_huge_files_done(&walk.files);
	if (r < 0) {
		gr_holders_done(&walk.holders);
		return r;
	}
	walk.holders.complete = gr_root_is_host(root) && !walk.holders.closed &&
				!walk.holders.ending && (!walk.holders.unread || geteuid() == 0) &&
				gr_root_readlink(root, "proc/self/ns/pid", &space) >= 0 &&
				!strcmp(space, FIRST_PID_SPACE);
	*ret = walk.holders;
	return 0;
}

void gr_holders_done(struct gr_holders *holders)
{
	for (size_t i = 0; i < holders->count; i++)
		held_done(&holders->held[i]);
	free(holders->held);
	free(holders->processes);
	free(holders->segments);
	*holders = (struct gr_holders){ 0 };
}

const struct gr_holder *gr_holders_process(const struct gr_holders *holders, pid_t pid)
{
	for (size_t i = 0; i < holders->process_count; i++) {
		if (holders->processes[i].pid == pid)
			return &holders->processes[i];
	}
	return NULL;
}

uint64_t gr_held_pages(const struct gr_held *held, uint64_t page_size_bytes, int node,
		       uint64_t *ret_maybe)
{
	uint64_t pages, here = 0;

	if (!held->page_size_bytes) {
		if (ret_maybe)
			*ret_maybe += held->bytes / page_size_bytes;
		return 0;
	}
	if (held->page_size_bytes != page_size_bytes)
		return 0;
	pages = held->bytes / page_size_bytes;
	if (node < 0)
		return pages;
	for (size_t i = 0; i < held->share_count; i++) {
		if (held->shares[i].node == node)
			here += held->shares[i].pages;
	}
	if (ret_maybe)
		*ret_maybe += gr_sub_floor(pages, shares_sum(held));
	return here;
}
