/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The syntax of a QEMU command line, without its meaning: which words are options and which are
 * their arguments, and how one argument falls into keys and values, be it written as
 * "type,key=value,..." (a comma in a value is doubled) or as a JSON object.
 */
#ifndef GR_GUEST_QEMU_OPTS_H
#define GR_GUEST_QEMU_OPTS_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "guest/notes.h"

#define GR_QEMU_PAIRS_MAX 1024 /* keys in one argument */

struct gr_qemu_pair {
	char *key;
	char *value;	 /* commas no longer doubled; JSON true is "on"; a bare key is "on" */
	const char *raw; /* as it stands in the text; NULL in JSON. Lives as long as the text. */
	size_t raw_len;
};

struct gr_qemu_opts {
	struct gr_qemu_pair *pairs; /* a JSON array is one pair per element, same key */
	size_t count;
	bool json;
};

/**
 * gr_qemu_opts_parse - take an argument apart
 * @text: has to outlive @ret (pairs point into it)
 * @implied_key: key of a first value without one ("type" of -machine); NULL: there is none
 *
 * Return: 0, -EINVAL (malformed JSON), -E2BIG or -ENOMEM. Free with gr_qemu_opts_done().
 */
int gr_qemu_opts_parse(const char *text, const char *implied_key, struct gr_qemu_opts *ret,
		       struct gr_error *err);
void gr_qemu_opts_done(struct gr_qemu_opts *opts);
#define _cleanup_qemu_opts_ __attribute__((cleanup(gr_qemu_opts_done)))

/** gr_qemu_opts_get - value of @key, the last one as QEMU has it; NULL: not given. */
const char *gr_qemu_opts_get(const struct gr_qemu_opts *opts, const char *key);

/** gr_qemu_opts_flag - a boolean. Return: 1 set, 0 not given (@ret untouched), -EINVAL. */
int gr_qemu_opts_flag(const struct gr_qemu_opts *opts, const char *key, bool *ret);

/**
 * gr_qemu_size - read a size as QEMU does: no "GB" or "GiB", a hexadecimal number is allowed
 *
 * Return: 0, -EINVAL or -ERANGE, see gr_parse_size().
 */
int gr_qemu_size(const char *text, uint64_t plain_unit, uint64_t *ret_bytes, struct gr_error *err);

/** gr_qemu_flag - a boolean; one that is none becomes a note. Return: 0 or -ENOMEM. */
int gr_qemu_flag(struct gr_notes *notes, const struct gr_qemu_opts *opts, const char *what,
		 const char *key, bool *value);

/** gr_qemu_bytes - a size; one that is none becomes a note. Return: 1 set, 0 not, or -ENOMEM. */
int gr_qemu_bytes(struct gr_notes *notes, const struct gr_qemu_opts *opts, const char *what,
		  const char *key, uint64_t plain_unit, uint64_t *value);

/** gr_qemu_json - parse a JSON object, all of @text. Return: 0, -EINVAL or -ENOMEM. */
int gr_qemu_json(const char *text, json_object **ret, struct gr_error *err);

/* One option of a command line, or a disk image standing alone. */
struct gr_qemu_word {
	const char *name; /* without its dashes; NULL: no option */
	const char *arg;  /* NULL: it takes none, or it is missing */
	size_t at;	  /* index of the option in argv */
	size_t arg_at;	  /* index of its argument; 0: none */
	bool arg_missing;
};

/**
 * gr_qemu_next_word - walk over a command line
 * @at: position, 1 at first; moved behind the option
 *
 * An option that we do not know takes the next word unless that starts with a dash.
 * Return: false at the end.
 */
bool gr_qemu_next_word(char *const *argv, size_t *at, struct gr_qemu_word *ret);

#endif
