// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * MADV_COLLAPSE from outside, by a pidfd. The page map says which huge pages' worth of addresses
 * holds small pages; those alone are named, one iovec each, so that the kernel's answer tells how
 * far it came. What is less than half in use is left alone: a huge page there would be mostly new
 * memory. Between chunks: is it too fast, does it stall, is there memory left?
 */
#include "verify/collapse.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "base/util.h"
#include "verify/pagemap.h"
#include "verify/process.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define CHUNK_BLOCKS 16 /* 32 MiB of 2 MiB pages: short enough to stop in time */

struct work {
	const struct gr_root *root;
	const struct gr_inspection *inspection;
	const struct gr_collapse_options *options;
	struct gr_collapse_report *report;
	int pidfd, pagemap_fd;
	struct gr_pace pace;
	uint64_t started_ns, asked_bytes;
};

/* Small pages of each block of a chunk; what is huge already is counted apart. */
struct chunk {
	uint64_t start, block_bytes;
	uint64_t small_bytes[CHUNK_BLOCKS];
	uint64_t huge_bytes;
};

static int count_range(void *data, const struct gr_pagemap_range *range)
{
	struct chunk *chunk = data;

	if (range->present && range->huge && !range->zero)
		chunk->huge_bytes += range->end - range->start;
	if (range->huge || range->zero || !(range->present || range->swapped))
		return 0;
	for (uint64_t at = range->start; at < range->end;) {
		uint64_t block = (at - chunk->start) / chunk->block_bytes;
		uint64_t end =
			gr_min_u64(range->end, chunk->start + (block + 1) * chunk->block_bytes);

		if (block >= CHUNK_BLOCKS)
			break;
		chunk->small_bytes[block] += end - at;
		at = end;
	}
	return 0;
}

static enum gr_collapse_stop check_host(struct work *w)
{
	_cleanup_free_ char *text = NULL, *memory = NULL;
	uint64_t total_ns;

	if (*w->options->interrupted)
		return GR_COLLAPSE_INTERRUPTED;
	if (gr_root_read(w->root, "proc/meminfo", &memory, NULL, NULL) == 0 &&
	    gr_below_floor(memory, CHUNK_BLOCKS * w->inspection->pmd_bytes))
		return GR_COLLAPSE_FLOOR;
	if (gr_root_read(w->root, "proc/pressure/memory", &text, NULL, NULL) < 0 ||
	    gr_psi_total(text, &total_ns) < 0)
		return GR_COLLAPSE_DONE;
	return gr_pace_pressure(&w->pace, total_ns, gr_now_ns());
}

/* Not faster than was asked: sleep until the bytes so far are due. */
static void keep_rate(const struct work *w)
{
	unsigned __int128 due = (unsigned __int128)w->asked_bytes * 1000000000 /
				gr_max_u64(w->options->bytes_per_second, 1);
	uint64_t at = w->started_ns + (uint64_t)due, now = gr_now_ns();
	struct timespec pause;

	if (at <= now)
		return;
	pause = (struct timespec){
		.tv_sec = (time_t)((at - now) / 1000000000),
		.tv_nsec = (long)((at - now) % 1000000000),
	};
	nanosleep(&pause, NULL); /* a signal ends it, and then the whole */
}

/* Return: how many leading iovecs were done, or -errno of the first. */
static long advise(struct work *w, const struct iovec *iov, size_t count)
{
	long n = syscall(SYS_process_madvise, w->pidfd, iov, count, MADV_COLLAPSE, 0);

	return n < 0 ? -errno : n / (long)w->inspection->pmd_bytes;
}

static enum gr_collapse_stop advise_all(struct work *w, const struct iovec *iov, size_t count)
{
	enum gr_collapse_stop stop = GR_COLLAPSE_DONE;
	bool again = false;

	for (size_t i = 0; i < count && stop == GR_COLLAPSE_DONE;) {
		long n = advise(w, iov + i, count - i);

		if (n > 0) {
			gr_pace_block(&w->pace, 0);
			i += (size_t)n;
			again = false;
			continue;
		}
		if (n == -EINTR)
			return GR_COLLAPSE_INTERRUPTED;
		if (n == 0 || (n == -EAGAIN && !again)) { /* the kernel's advice: once more */
			again = true;
			if (n < 0)
				continue;
			n = -EAGAIN;
		}
		stop = gr_pace_block(&w->pace, (int)n);
		*(n == -EINVAL ? &w->report->refused_bytes : &w->report->failed_bytes) +=
			iov[i].iov_len;
		again = false;
		i++;
	}
	return stop;
}

/* Return: 0, or -errno of the page map. */
static int collapse_chunk(struct work *w, uint64_t start, uint64_t end, enum gr_collapse_stop *stop)
{
	struct chunk chunk = { .start = start, .block_bytes = w->inspection->pmd_bytes };
	struct iovec iov[CHUNK_BLOCKS];
	uint64_t began;
	size_t count = 0;
	int r = gr_pagemap_ranges(w->pagemap_fd, start, end, count_range, &chunk);

	if (r < 0)
		return r;
	for (size_t i = 0; i < CHUNK_BLOCKS; i++) {
		if (!chunk.small_bytes[i])
			continue;
		if (chunk.small_bytes[i] < chunk.block_bytes / 2) {
			w->report->sparse_bytes += chunk.block_bytes;
			continue;
		}
		iov[count++] = (struct iovec){
			.iov_base = (void *)(uintptr_t)(start + i * chunk.block_bytes),
			.iov_len = chunk.block_bytes,
		};
	}
	w->report->candidate_bytes += count * chunk.block_bytes;
	if (!count)
		return 0;
	*stop = check_host(w);
	if (*stop != GR_COLLAPSE_DONE)
		return 0;
	began = gr_now_ns();
	*stop = advise_all(w, iov, count);
	if (*stop == GR_COLLAPSE_DONE && count == CHUNK_BLOCKS)
		*stop = gr_pace_chunk(&w->pace, gr_now_ns() - began);
	w->asked_bytes += count * chunk.block_bytes;
	keep_rate(w);
	return 0;
}

/* The whole huge pages' worth of a region. */
static int collapse_region(struct work *w, const struct gr_region *region,
			   enum gr_collapse_stop *stop)
{
	uint64_t block = w->inspection->pmd_bytes;
	uint64_t at = gr_div_up(region->start, block) * block;
	uint64_t end = (region->start + region->size_bytes) / block * block;
	int r = 0;

	while (at < end && r == 0 && *stop == GR_COLLAPSE_DONE) {
		uint64_t next = gr_min_u64(at + CHUNK_BLOCKS * block, end);

		r = collapse_chunk(w, at, next, stop);
		at = next;
	}
	return r;
}

/* Bytes of transparent huge pages, by the page map. */
static int count_huge(const struct work *w, uint64_t *ret)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < w->inspection->region_count; i++) {
		const struct gr_region *region = &w->inspection->regions[i];
		struct gr_pagemap_bytes is;
		int r;

		if (region->hugetlb)
			continue;
		r = gr_pagemap_scan(w->pagemap_fd, region->start,
				    region->start + region->size_bytes, &is);
		if (r < 0)
			return r;
		bytes += is.huge_bytes;
	}
	*ret = bytes;
	return 0;
}

static int say_why(const struct work *w, int r, struct gr_error *err)
{
	if (r == -EPERM || r == -EACCES) {
		gr_error_set(err, GR_CLASS_HOST, EPERM,
			     "process %d: collapsing its memory is not permitted",
			     (int)w->inspection->pid);
		gr_error_hint(err,
			      "it needs CAP_SYS_NICE and the right to trace the process: run it "
			      "as root");
		return -EPERM;
	}
	if (r == -ENOTTY) {
		gr_error_set(err, GR_CLASS_HOST, ENOTTY,
			     "this kernel has no PAGEMAP_SCAN: small pages cannot be found");
		gr_error_hint(err, "Linux 6.7 has it");
		return r;
	}
	if (r == -ESRCH)
		return gr_process_gone(w->inspection->pid, err);
	if (r == -ENOMEM)
		return gr_error_nomem(err);
	return gr_error_set(err, GR_CLASS_SYSTEM, -r, "process %d: %s", (int)w->inspection->pid,
			    strerror(-r));
}

/* Does the kernel know MADV_COLLAPSE from outside, and may we? An advice on nothing tells. */
static int probe(struct work *w, struct gr_error *err)
{
	const struct iovec none = { 0 };
	char path[48];
	long n;

	if (!w->inspection->pmd_bytes)
		return gr_error_set(err, GR_CLASS_HOST, EOPNOTSUPP,
				    "this kernel has no transparent huge pages");
	w->pidfd = (int)syscall(SYS_pidfd_open, w->inspection->pid, 0);
	if (w->pidfd < 0)
		return say_why(w, -errno, err);
	n = syscall(SYS_process_madvise, w->pidfd, &none, 0, MADV_COLLAPSE, 0);
	if (n < 0 && (errno == EINVAL || errno == ENOSYS)) {
		gr_error_set(err, GR_CLASS_HOST, EOPNOTSUPP,
			     "this kernel cannot collapse another process's memory");
		gr_error_hint(err, "Linux 6.1 can; before it, khugepaged does it in its own time");
		return -EOPNOTSUPP;
	}
	if (n < 0)
		return say_why(w, -errno, err);
	snprintf(path, sizeof(path), "proc/%d/pagemap", (int)w->inspection->pid);
	w->pagemap_fd = gr_root_open_fd(w->root, path, O_RDONLY, 0, NULL);
	return w->pagemap_fd < 0 ? say_why(w, w->pagemap_fd, err) : 0;
}

static int collapse(struct work *w, struct gr_error *err)
{
	uint64_t start_time;
	int r = probe(w, err);

	if (r < 0)
		return r;
	/* The pidfd is open: if the start time is still the one that was inspected, it is that one.
	 */
	r = gr_process_start_time(w->root, w->inspection->pid, &start_time, err);
	if (r < 0)
		return r;
	if (start_time != w->inspection->start_time)
		return gr_process_gone(w->inspection->pid, err);
	r = count_huge(w, &w->report->before_bytes);
	for (size_t i = 0; i < w->inspection->region_count && r == 0; i++) {
		if (!w->inspection->regions[i].hugetlb && w->report->stop == GR_COLLAPSE_DONE)
			r = collapse_region(w, &w->inspection->regions[i], &w->report->stop);
	}
	w->report->elapsed_ns = gr_now_ns() - w->started_ns;
	if (r == 0)
		r = count_huge(w, &w->report->after_bytes);
	return r < 0 ? say_why(w, r, err) : 0;
}

int gr_collapse(const struct gr_root *root, const struct gr_inspection *inspection,
		const struct gr_collapse_options *options, struct gr_collapse_report *ret,
		struct gr_error *err)
{
	struct gr_collapse_report report = { .stop = GR_COLLAPSE_DONE };
	struct work w = {
		.root = root,
		.inspection = inspection,
		.options = options,
		.report = &report,
		.pidfd = -1,
		.pagemap_fd = -1,
		.started_ns = gr_now_ns(),
	};
	int r;

	if (!gr_root_is_host(root))
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL,
				    "a capture has no memory that could be collapsed");
	r = collapse(&w, err);
	gr_closep(&w.pidfd);
	gr_closep(&w.pagemap_fd);
	if (r == 0)
		*ret = report;
	return r;
}
