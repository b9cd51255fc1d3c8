/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between edit.c, which keeps the notes, edit_enable.c and edit_steps.c, which knows what a backing
 * needs, edit_policy.c, which writes our element, and edit_disable.c, which reads it again.
 */
#ifndef GR_LIBVIRT_EDIT_PRIVATE_H
#define GR_LIBVIRT_EDIT_PRIVATE_H

#include "libvirt/edit.h"
#include "libvirt/xml_edit.h"

#define GR_EDIT_OURS "metadata/@ours"

struct gr_editing {
	struct gr_xml xml;
	struct gr_change *changes;
	size_t change_count;
};
void gr_editing_done(struct gr_editing *editing);
#define _cleanup_editing_ __attribute__((cleanup(gr_editing_done)))

/** gr_edit_note - remember words for people. Return: 0 or -ENOMEM. */
int gr_edit_note(struct gr_editing *editing, enum gr_change_kind kind, const char *path,
		 struct gr_error *err, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** gr_edit_keep - forget all notes but those of one kind. */
void gr_edit_keep(struct gr_editing *editing, enum gr_change_kind kind);

/** gr_edit_put - gr_xml_set() with words, if it changes anything. Return: 0 or -errno. */
int gr_edit_put(struct gr_editing *editing, const char *path, const char *set, const char *words,
		struct gr_error *err);

/** gr_edit_put_attr - one attribute of an element that is there (NULL: without it). */
int gr_edit_put_attr(struct gr_editing *editing, const char *path, const char *attr,
		     const char *value, const char *words, struct gr_error *err);

/** gr_edit_undo_ours - gr_edit_disable() on what is being edited. Return: how many notes there
 * were. */
int gr_edit_undo_ours(struct gr_editing *editing, struct gr_error *err);

/** gr_edit_steps - all changes that the backing needs, each with its reason. Return: 0 or -errno.
 */
int gr_edit_steps(struct gr_editing *editing, const struct gr_domain *domain,
		  const struct gr_enable *how, struct gr_error *err);
/** gr_edit_small_bytes - guest RAM that the domain's own <hugepages> leaves on base pages. */
uint64_t gr_edit_small_bytes(const struct gr_domain *domain);

/** gr_edit_policy - write our element: the policy and how to undo. Last of all changes. */
int gr_edit_policy(struct gr_editing *editing, const struct gr_enable *how, struct gr_error *err);

/** gr_edit_take - the result out of @editing; @old itself where it says the same, since libvirt
 * lays out anew what we wrote. Return: 0 or -errno. */
int gr_edit_take(struct gr_editing *editing, const char *old, size_t old_len, struct gr_edit *ret,
		 struct gr_error *err);

#endif
