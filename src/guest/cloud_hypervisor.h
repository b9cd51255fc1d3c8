/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a Cloud Hypervisor command line asks for. Needs: one per --memory-zone in their order, or
 * one for --memory. It allocates by itself: memory cannot be handed to it, so there is no rewrite.
 */
#ifndef GR_GUEST_CLOUD_HYPERVISOR_H
#define GR_GUEST_CLOUD_HYPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "guest/notes.h"
#include "guest/request.h"

/* What a need is beside its struct gr_need. */
struct gr_ch_source {
	char *file;    /* backing file of a zone, or NULL */
	bool hugetlb;  /* hugepages=on */
	bool prefault; /* touched at start */
};

struct gr_ch {
	struct gr_request request;
	struct gr_ch_source *sources; /* [i] for request.needs[i] */
	struct gr_notes notes;
	bool thp;	       /* on by default */
	bool reserve;	       /* huge pages are reserved at start; off by default */
	uint64_t memory_bytes; /* --memory size=; does not count where there are zones */
};

/** gr_ch_is - does the program look like Cloud Hypervisor? */
bool gr_ch_is(const char *program);

/**
 * gr_ch_parse - read a command line
 * @argv: NULL-terminated, argv[0] the program
 *
 * Mistakes are notes. Return: 0, -EINVAL (no words), -E2BIG or -ENOMEM. Free with gr_ch_done().
 */
int gr_ch_parse(char *const *argv, struct gr_ch *ret, struct gr_error *err);

/** gr_ch_default_page_size - what hugepages=on without a size means here. Return: 0 or -ENOMEM. */
int gr_ch_default_page_size(struct gr_ch *ch, uint64_t bytes);

void gr_ch_done(struct gr_ch *ch);
#define _cleanup_ch_ __attribute__((cleanup(gr_ch_done)))

#endif
