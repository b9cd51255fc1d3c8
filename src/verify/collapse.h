/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Huge pages for a VM that runs already: the kernel is asked to put small pages together, chunk by
 * chunk, and stops being asked when that hurts.
 */
#ifndef GR_VERIFY_COLLAPSE_H
#define GR_VERIFY_COLLAPSE_H

#include "verify/verify.h"

enum gr_collapse_stop {
	GR_COLLAPSE_DONE,
	GR_COLLAPSE_INTERRUPTED,
	GR_COLLAPSE_STALL,    /* a chunk took many times longer than the others */
	GR_COLLAPSE_PRESSURE, /* processes wait for memory (PSI) */
	GR_COLLAPSE_FLOOR,    /* too little memory would be left for the host */
	GR_COLLAPSE_FAILS, /* the kernel had no huge page, or could not move pages, thrice in a row
			    */
	GR_COLLAPSE_ENDED, /* the process */
	GR_COLLAPSE_STOPS
};

/** gr_collapse_stop_name - "done", "interrupted", "stall" ... */
const char *gr_collapse_stop_name(enum gr_collapse_stop stop);

struct gr_collapse_options {
	uint64_t bytes_per_second; /* at most */
	const volatile int *interrupted;
};

struct gr_collapse_report {
	uint64_t before_bytes, after_bytes; /* on transparent huge pages, from the page map */
	uint64_t candidate_bytes;	    /* huge pages' worth with enough small pages in them */
	uint64_t sparse_bytes;		    /* left alone: less than half of it is in use */
	uint64_t refused_bytes;		    /* the kernel does not do it there */
	uint64_t failed_bytes;		    /* it tried and could not */
	uint64_t elapsed_ns;
	enum gr_collapse_stop stop;
};

/**
 * gr_collapse - put the small pages of a VM's transparent memory together
 * @inspection: what to do it on; its regions on hugetlb pages are left alone
 *
 * Return: 0, also when it stopped early: see @ret. -EOPNOTSUPP (class host): the kernel is older
 * than 6.1, or has no transparent huge pages; -EPERM (class host): CAP_SYS_NICE and ptrace access
 * are needed; -ESRCH; -ENOTTY (class host): no PAGEMAP_SCAN, so small pages cannot be found.
 */
int gr_collapse(const struct gr_root *root, const struct gr_inspection *inspection,
		const struct gr_collapse_options *options, struct gr_collapse_report *ret,
		struct gr_error *err);

/* When to stop: pure. */
#define GR_PACE_SAMPLES 32

struct gr_pace {
	uint64_t chunk_ns[GR_PACE_SAMPLES]; /* of the last chunks, a ring */
	size_t chunks;
	unsigned int failures; /* in a row */
	bool psi_known;
	uint64_t psi_ns, psi_at_ns; /* at the start of the second that is being watched */
};

/** gr_pace_chunk - a chunk took so long. Return: go on (GR_COLLAPSE_DONE), or why not. */
enum gr_collapse_stop gr_pace_chunk(struct gr_pace *pace, uint64_t elapsed_ns);
/** gr_pace_block - a block came out as @error (0: huge now). Return: as above. */
enum gr_collapse_stop gr_pace_block(struct gr_pace *pace, int error);
/** gr_pace_pressure - PSI's "some" total in memory, at a time. Return: as above. */
enum gr_collapse_stop gr_pace_pressure(struct gr_pace *pace, uint64_t total_ns, uint64_t now_ns);

/** gr_below_floor - would less than the default floor be left of a meminfo's text, 512 MiB or 5 %,
 * if
 * @need_bytes were taken? A host that does not say has no floor. @text is cut into lines. */
bool gr_below_floor(char *text, uint64_t need_bytes);

/** gr_psi_total - the "some" total of a pressure file's text, in ns. Return: 0 or -EBADMSG. */
int gr_psi_total(const char *text, uint64_t *ret_ns);

#endif
