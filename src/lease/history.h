/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What was done to the pools for whom, after the fact: one line of JSON for each action in
 * run/guestram/history. It explains, nothing is decided by it: a line that could not be written is
 * no failure of what it tells of.
 */
#ifndef GR_LEASE_HISTORY_H
#define GR_LEASE_HISTORY_H

#include <json-c/json_object.h>

#include "lease/lease.h"

#define GR_HISTORY_PATH "run/guestram/history"
#define GR_HISTORY_MAX_BYTES (256 * 1024) /* of one file; there are two */

struct gr_event {
	const char *name;    /* of the domain or lease, as its owner spells it */
	const char *action;  /* "prepare", "started", "release" ... */
	const char *outcome; /* "reserved", "refused", "returned" ... */
	const char *message; /* for people, or NULL */
	uint64_t elapsed_ns; /* 0: not measured */
	const struct gr_lease_grant *grants;
	size_t grant_count;
};

/** gr_history_add - append a line. Return: 0 or -errno; nothing is made where the state directory
 * is not there yet. */
int gr_history_add(const struct gr_root *root, const struct gr_event *event);

/**
 * gr_history_read - the events, oldest first, as an array of JSON objects
 * @name: of which only; NULL: all
 *
 * Lines that are no event are passed over. Return: 0 (an empty array where there is no history) or
 * -errno. The caller puts *@ret.
 */
int gr_history_read(const struct gr_root *root, const char *name, json_object **ret,
		    struct gr_error *err);

#endif
