/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest RAM in this process: a mapping on one of the backings of the table in backing.c, bound to
 * its nodes and advised before the first touch, then populated by threads that existed before.
 * Huge pages come as a memfd whose fd a VMM can take over (share), so that nobody can take the
 * pages in between and the kernel frees them with the last fd.
 */
#ifndef GR_RAM_RAM_H
#define GR_RAM_RAM_H

#include "base/error.h"
#include "base/list.h"
#include "guest/request.h"

struct gr_ram_options {
	enum gr_backing backing;  /* 4K, THP, STATIC or DYNAMIC (the last two map alike) */
	uint64_t page_size_bytes; /* of the huge pages; base page for 4K; PMD size for THP */
	uint64_t base_page_bytes;
	uint64_t size_bytes;      /* rounded up to whole pages by gr_ram_map */
	bool shared;              /* MAP_SHARED; a memfd in any case for huge pages */
	bool as_file;             /* want an fd also for 4K and THP (shmem memfd) */
	struct gr_list host_nodes;
	enum gr_node_policy policy;
	const char *name;         /* of the memfd, as people see it in maps */
};

struct gr_ram {
	void *base;
	uint64_t size_bytes;      /* of the mapping: whole pages */
	uint64_t page_size_bytes;
	enum gr_backing backing;
	int fd;                   /* -1 for anonymous memory */
	bool shared;
};

/**
 * gr_ram_map - map (and for huge pages: reserve in the pool) without touching
 *
 * Return: 0; -ENOMEM (class host) when the pool cannot promise the pages. gr_ram_unmap() undoes it.
 */
int gr_ram_map(const struct gr_ram_options *options, struct gr_ram *ret, struct gr_error *err);
void gr_ram_unmap(struct gr_ram *ram);

struct gr_populate_options {
	unsigned int threads;   /* 0: one per CPU of cpus, at least 1, at most one per 64 MiB */
	struct gr_list cpus;    /* to pin them to; empty: not pinned */
	void (*progress)(void *data, uint64_t done_bytes, uint64_t total_bytes);
	void *progress_data;
	const volatile int *interrupted; /* ends the work with -EINTR once it is not 0 */
	int nice;    /* so much less urgent than the caller, up to 19: work behind somebody's back */
	int done_fd; /* an eventfd that gets 1 when all is done or failed; 0 or less: none */
};

/**
 * gr_ram_populate - make every page present, zeroed, writable
 *
 * A page that is not there (SIGBUS to a toucher) is an error here, never a signal.
 * Return: 0; -ENOMEM or -EFAULT (class host) with how far it came; -EINTR.
 */
int gr_ram_populate(struct gr_ram *ram, const struct gr_populate_options *options,
		    uint64_t *ret_elapsed_ns, struct gr_error *err);

/* The same behind the caller's back: threads run, the caller goes on. */
struct gr_populating;
int gr_ram_populate_start(struct gr_ram *ram, const struct gr_populate_options *options,
			  struct gr_populating **ret, struct gr_error *err);
/** gr_ram_populate_wait - join. Frees @populating. */
int gr_ram_populate_wait(struct gr_populating *populating, uint64_t *ret_elapsed_ns,
			 struct gr_error *err);

#endif
