/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the files that read a QEMU command line: the collector (qemu_argv.c) hands objects to
 * qemu_backend.c and, at the end, everything to qemu_needs.c.
 */
#ifndef GR_GUEST_QEMU_PRIVATE_H
#define GR_GUEST_QEMU_PRIVATE_H

#include "guest/qemu_argv.h"
#include "guest/qemu_opts.h"

/* Readers of one option each, see the table in qemu_argv.c. Return: 0 or -ENOMEM. */
typedef int gr_qemu_reader(struct gr_qemu *qemu, const struct gr_qemu_word *word,
			   const struct gr_qemu_opts *opts);
gr_qemu_reader gr_qemu_on_accel, gr_qemu_on_smp, gr_qemu_on_device, gr_qemu_on_net, gr_qemu_on_name,
	gr_qemu_on_lock;

/** gr_qemu_kind_parse - "memory-backend-ram" ... Return: a kind, or -ENOENT for any other type. */
int gr_qemu_kind_parse(const char *qom_type);

/** gr_qemu_add_object - an -object of any type; @word: index of its text. Return: 0 or -ENOMEM. */
int gr_qemu_add_object(struct gr_qemu *qemu, const struct gr_qemu_opts *opts, size_t word);

/** gr_qemu_make_needs - from all that was collected to request.needs. Return: 0 or -ENOMEM. */
int gr_qemu_make_needs(struct gr_qemu *qemu);

/** gr_qemu_set_text - replace *@text by a copy. Return: 0 or -ENOMEM. */
int gr_qemu_set_text(char **text, const char *value);

/** gr_qemu_object_new - text of an object that the user did not have. Return: 0 or -ENOMEM. */
int gr_qemu_object_new(const char *id, uint64_t bytes, const struct gr_qemu_backing *backing,
		       const struct gr_list *nodes, char **ret);

/** gr_qemu_object_change - the user's object on other memory. Return: 0 or -ENOMEM. */
int gr_qemu_object_change(const char *from, const struct gr_qemu_backing *backing,
			  const struct gr_list *nodes, char **ret);

#endif
