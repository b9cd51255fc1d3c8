/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU and node lists in the kernel's list format ("0-3,7"), as a sorted array without duplicates.
 * Ids go up to GR_LIST_ID_MAX, so that hostile input ("0-4294967295") costs nothing.
 */
#ifndef GR_BASE_LIST_H
#define GR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define GR_LIST_ID_MAX 65535u

struct gr_list {
	unsigned int *ids; /* sorted ascending; owned */
	size_t count;
};

/**
 * gr_list_parse - read "0-3,7"; "" and "\n" are the empty list
 *
 * Return: 0, -EINVAL, -ERANGE (id over GR_LIST_ID_MAX) or -ENOMEM. Free with gr_list_done().
 */
int gr_list_parse(const char *text, struct gr_list *ret, struct gr_error *err);

/** gr_list_add - insert one id if it is not there. Return: 0, -ERANGE, -ENOMEM. */
int gr_list_add(struct gr_list *list, unsigned int id);

int gr_list_copy(const struct gr_list *from, struct gr_list *ret);
bool gr_list_has(const struct gr_list *list, unsigned int id);

/** gr_list_text - "0-3,7" in malloc'ed memory ("" if empty), NULL if there is none. */
char *gr_list_text(const struct gr_list *list);

void gr_list_done(struct gr_list *list);

#define _cleanup_list_ __attribute__((cleanup(gr_list_done)))

#endif
