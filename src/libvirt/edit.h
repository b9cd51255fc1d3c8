/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain is given huge pages, or its old memory back, by editing its XML in place. What was
 * changed is noted in our own element in <metadata>, beside the policy: so disabling works on any
 * copy of the domain, on any host, with nothing but the document. Pure: text in, text out.
 */
#ifndef GR_LIBVIRT_EDIT_H
#define GR_LIBVIRT_EDIT_H

#include "guest/domain_xml.h"
#include "libvirt/policy.h"

#define GR_ENABLE_PAGES_MAX 16

enum gr_change_kind {
	GR_CHANGE_ADD,
	GR_CHANGE_SET, /* something else stood there */
	GR_CHANGE_REMOVE,
	GR_CHANGE_LEFT, /* not put back: somebody changed it since */
	GR_CHANGE_WARN,
	GR_CHANGE_COUNT
};

struct gr_change {
	enum gr_change_kind kind;
	char *path;  /* "memoryBacking/source"; "" where it is of no element */
	char *words; /* why, one line */
};

struct gr_edit {
	char *text;
	size_t len;
	struct gr_change *changes;
	size_t change_count;
};
void gr_edit_done(struct gr_edit *edit);
#define _cleanup_edit_ __attribute__((cleanup(gr_edit_done)))

struct gr_enable {
	enum gr_policy_backing backing;	  /* UNSET: as before, or else dynamic */
	enum gr_policy_fallback fallback; /* with has_fallback */
	bool has_fallback;
	struct {
		uint64_t size_bytes;
		const char *cells; /* "0-1"; NULL: of all guest cells */
	} pages[GR_ENABLE_PAGES_MAX];
	size_t page_count; /* 0: as before, or else what the domain says, or the default */
	const char *nodes; /* host nodes; NULL: as before, or as the domain says */
	bool shared;	   /* another process maps the RAM, though no device says so */
	uint64_t base_page_bytes, default_page_bytes; /* of this host */
};

/**
 * gr_edit_enable - edit a domain so that it starts on the wanted backing
 *
 * What an earlier gr_edit_enable() did is undone first, so that doing it twice is doing it once.
 * Return: 0; -EINVAL (class usage) for a domain or a wish that libvirt or QEMU would refuse, with
 * the line of the edited text; -E2BIG; -ENOMEM. Free @ret with gr_edit_done().
 */
int gr_edit_enable(const char *text, size_t len, const struct gr_enable *how, struct gr_edit *ret,
		   struct gr_error *err);

/**
 * gr_edit_disable - put back what gr_edit_enable() changed, and only that
 *
 * What was changed by others since is left and told.
 * Return: 0, also for a domain that has nothing of ours (no changes then); -errno as above.
 */
int gr_edit_disable(const char *text, size_t len, struct gr_edit *ret, struct gr_error *err);

const char *gr_change_name(enum gr_change_kind kind); /* "add", "change", "remove" ... */

/**
 * gr_diff - how @old became @new, as `diff -u` shows it, without the two lines of file names
 * @ret: malloc'ed, "" for equal texts
 *
 * Return: 0 or -ENOMEM.
 */
int gr_diff(const char *old, const char *new, char **ret);

#endif
