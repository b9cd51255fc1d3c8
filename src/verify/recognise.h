/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which mappings of a process are the RAM of a guest. Pure.
 */
#ifndef GR_VERIFY_RECOGNISE_H
#define GR_VERIFY_RECOGNISE_H

#include "verify/process.h"
#include "verify/smaps.h"

#define GR_RAM_MIN_BYTES (UINT64_C(16) << 20) /* smaller mappings are video memory and firmware */

/** gr_vmm_name - "qemu", "firecracker" ... by the names of a program; NULL: no VMM that we know. */
const char *gr_vmm_name(const char *exe, const char *argv0, const char *comm);

/** gr_is_ram_name - a name that only guest RAM has, as /proc/PID/maps or fd shows it? */
bool gr_is_ram_name(const char *path);

/* VMAs [first, first + count) of the smaps: one piece of RAM. */
struct gr_span {
	size_t first, count;
};

struct gr_spans {
	struct gr_span *spans;
	size_t count;
	bool recognised; /* false: just the large mappings, nobody knows what they are */
};

/**
 * gr_recognise - find guest RAM
 * @is_vm: the process runs a VM for certain (a VMM, or it holds a KVM VM)
 * @wanted: sizes that the command line asks for, in bytes; @wanted_count may be 0
 *
 * In this order: files that only guest RAM is called like; in a VM's process any large memory
 * file or huge-page mapping; anonymous mappings of a wanted size; and if no size is known, every
 * large anonymous mapping. Neighbours on the same file or of the same kind are one piece, since
 * mbind() and madvise() split a block into several VMAs.
 * Return: 0 or -ENOMEM. Free with gr_spans_done().
 */
int gr_recognise(const struct gr_smaps *smaps, bool is_vm, const uint64_t *wanted,
		 size_t wanted_count, struct gr_spans *ret);

/** gr_spans_in - no guessing: all that is mapped between two addresses. Return: 0 or -ENOMEM. */
int gr_spans_in(const struct gr_smaps *smaps, uint64_t start, uint64_t end, struct gr_spans *ret);
void gr_spans_done(struct gr_spans *spans);
#define _cleanup_spans_ __attribute__((cleanup(gr_spans_done)))

#endif
