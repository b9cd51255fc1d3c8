/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a VM asks for, whoever says it: the command line, a QEMU command line or a libvirt domain
 * all become this one struct, and from here on nothing asks where it came from.
 */
#ifndef GR_GUEST_REQUEST_H
#define GR_GUEST_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/list.h"

enum gr_backing {
	GR_BACKING_AUTO,    /* let plan choose */
	GR_BACKING_4K,      /* base pages; "4K" whatever the base page is */
	GR_BACKING_THP,     /* transparent huge pages */
	GR_BACKING_STATIC,  /* huge pages that are in the pool already; none are added */
	GR_BACKING_DYNAMIC, /* huge pages reserved for this VM and given back after it */
	GR_BACKING_COUNT
};

/* Does it take pages of the kernel's huge-page pools? */
static inline bool gr_backing_is_pool(enum gr_backing backing)
{
	return backing == GR_BACKING_STATIC || backing == GR_BACKING_DYNAMIC;
}

enum gr_goal { GR_GOAL_BALANCED, GR_GOAL_PERFORMANCE, GR_GOAL_DENSITY, GR_GOAL_COUNT };

enum gr_node_policy { /* as in QEMU's policy= and libvirt's numatune mode= */
	GR_POLICY_DEFAULT,
	GR_POLICY_PREFERRED,
	GR_POLICY_BIND,
	GR_POLICY_INTERLEAVE,
	GR_POLICY_COUNT
};

/* One piece of guest RAM that has one page size and one placement: a guest cell, or all of it. */
struct gr_need {
	int guest_cell;           /* -1: the whole guest */
	char *backend_id;         /* QEMU's object id, or NULL */
	uint64_t memory_bytes;
	uint64_t page_size_bytes; /* 0: plan chooses */
	bool shared;
	struct gr_list host_nodes; /* empty: any */
	enum gr_node_policy policy;
};

struct gr_request {
	char *name;              /* of the VM; NULL if nobody said */
	enum gr_backing backing;
	enum gr_goal goal;
	struct gr_need *needs;
	size_t need_count;
	/* What else the VM does with its memory; each narrows the choice. */
	bool passthrough;    /* VFIO: all of it is pinned */
	bool shared;         /* virtiofs, vhost-user: another process maps it */
	bool memory_hotplug;
	bool balloon;        /* ballooning or free page reporting with give-back wanted */
	bool ksm;
	bool migration;
	bool locked;         /* mlocked, not pinned */
};

const char *gr_backing_name(enum gr_backing backing); /* "auto", "4k", "thp", "static", "dynamic" */
int gr_backing_parse(const char *text, enum gr_backing *ret, struct gr_error *err);
const char *gr_goal_name(enum gr_goal goal);
int gr_goal_parse(const char *text, enum gr_goal *ret, struct gr_error *err);
const char *gr_node_policy_name(enum gr_node_policy policy); /* "default", "preferred", ... */
int gr_node_policy_parse(const char *text, enum gr_node_policy *ret, struct gr_error *err);

/** gr_request_add - append an empty need (guest_cell -1). Return: 0 or -ENOMEM. */
int gr_request_add(struct gr_request *request, struct gr_need **ret);
uint64_t gr_request_bytes(const struct gr_request *request); /* sum over needs, saturating */
void gr_request_done(struct gr_request *request);
#define _cleanup_request_ __attribute__((cleanup(gr_request_done)))

#endif
