// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One argument of a QEMU option, as keys and values. QEMU has three parsers for this (QemuOpts,
 * keyval, JSON); what they have in common is enough to read them all: values end at a comma that
 * is not doubled, a key without a value is a switch, "nokey" is that switch off, the last of
 * several equal keys counts. JSON is flattened into the same pairs, so that nobody after us has to
 * know which form it was.
 */
#include "guest/qemu_opts.h"

#include <ctype.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"

#define JSON_DEPTH 16

void gr_qemu_opts_done(struct gr_qemu_opts *opts)
{
	for (size_t i = 0; i < opts->count; i++) {
		free(opts->pairs[i].key);
		free(opts->pairs[i].value);
	}
	free(opts->pairs);
	*opts = (struct gr_qemu_opts){ 0 };
}

/* Takes over @key and @value, also on failure; either may be NULL for "no memory". */
static int add_pair(struct gr_qemu_opts *opts, char *key, char *value, const char *raw,
		    size_t raw_len)
{
	int r = 0;

	if (!key || !value)
		r = -ENOMEM;
	else if (opts->count >= GR_QEMU_PAIRS_MAX)
		r = -E2BIG;
	else
		r = gr_grow(&opts->pairs, opts->count, sizeof(*opts->pairs));
	if (r < 0) {
		free(key);
		free(value);
		return r;
	}
	opts->pairs[opts->count++] = (struct gr_qemu_pair){
		.key = key,
		.value = value,
		.raw = raw,
		.raw_len = raw_len,
	};
	return 0;
}

/* The value at @text up to a single comma; @ret_len is its length in the text, comma not counted.
 */
static char *take_value(const char *text, size_t *ret_len)
{
	char *value = malloc(strlen(text) + 1), *out = value;
	const char *in = text;

	if (!value)
		return NULL;
	while (*in && (*in != ',' || in[1] == ',')) {
		if (*in == ',')
			in++;
		*out++ = *in++;
	}
	*out = '\0';
	*ret_len = (size_t)(in - text);
	return value;
}

/* A key without "=": a switch. */
static int take_switch(struct gr_qemu_opts *opts, const char *text, size_t len)
{
	bool off = len > 2 && strncmp(text, "no", 2) == 0;
	char *key = off ? strndup(text + 2, len - 2) : strndup(text, len);

	return add_pair(opts, key, strdup(off ? "off" : "on"), text, len);
}

static int parse_pairs(const char *text, const char *implied_key, struct gr_qemu_opts *opts)
{
	const char *at = text;

	while (*at) {
		size_t key_len = strcspn(at, "=,"), len;
		char *value;
		int r;

		if (at[key_len] == '=') {
			value = take_value(at + key_len + 1, &len);
			len += key_len + 1;
			r = add_pair(opts, strndup(at, key_len), value, at, len);
		} else if (at == text && implied_key) {
			value = take_value(at, &len);
			r = add_pair(opts, strdup(implied_key), value, at, len);
		} else {
			len = key_len;
			r = take_switch(opts, at, len);
		}
		if (r < 0)
			return r;
		at += len;
		if (*at == ',')
			at++;
	}
	return 0;
}

int gr_qemu_json(const char *text, json_object **ret, struct gr_error *err)
{
	size_t len = strlen(text), end;
	enum json_tokener_error state;
	json_tokener *tokener;
	json_object *doc;

	if (len >= INT32_MAX)
		return gr_error_set(err, GR_CLASS_USAGE, E2BIG, "JSON of %zu bytes", len);
	tokener = json_tokener_new_ex(JSON_DEPTH);
	if (!tokener)
		return gr_error_nomem(err);
	/* With its NUL, so that a number at the very end is complete. */
	doc = json_tokener_parse_ex(tokener, text, (int)len + 1);
	state = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (state == json_tokener_success)
		end += strspn(text + gr_min_u64(end, len), " \t\r\n");
	if (state != json_tokener_success || end < len ||
	    !json_object_is_type(doc, json_type_object)) {
		json_object_put(doc);
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "no JSON object (byte %zu): %s",
				    end,
				    state == json_tokener_success ? "something else" :
								    json_tokener_error_desc(state));
	}
	*ret = doc;
	return 0;
}

/* Scalars become text, arrays repeat the key, objects and null are nothing to us. */
static int flatten(struct gr_qemu_opts *opts, const char *key, json_object *value)
{
	const char *text;

	switch (json_object_get_type(value)) {
	case json_type_boolean:
		text = json_object_get_boolean(value) ? "on" : "off";
		break;
	case json_type_string:
		text = json_object_get_string(value);
		if (strlen(text) != (size_t)json_object_get_string_len(value))
			return -EINVAL;
		break;
	case json_type_int:
	case json_type_double:
		text = json_object_get_string(value);
		break;
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			json_object *item = json_object_array_get_idx(value, i);
			int r = json_object_is_type(item, json_type_array) ?
					-EINVAL :
					flatten(opts, key, item);

			if (r < 0)
				return r;
		}
		return 0;
	default:
		return 0;
	}
	return text ? add_pair(opts, strdup(key), strdup(text), NULL, 0) : -ENOMEM;
}

static int parse_json(const char *text, struct gr_qemu_opts *opts, struct gr_error *err)
{
	json_object *doc;
	int r = gr_qemu_json(text, &doc, err);

	if (r < 0)
		return r;
	opts->json = true;
	json_object_object_foreach(doc, key, value)
	{
		r = flatten(opts, key, value);
		if (r < 0)
			break;
	}
	if (r == -EINVAL)
		gr_error_set(err, GR_CLASS_USAGE, EINVAL, "a JSON value that QEMU does not take");
	json_object_put(doc);
	return r;
}

int gr_qemu_opts_parse(const char *text, const char *implied_key, struct gr_qemu_opts *ret,
		       struct gr_error *err)
{
	struct gr_qemu_opts opts = { 0 };
	int r;

	if (*text == '{')
		r = parse_json(text, &opts, err);
	else
		r = parse_pairs(text, implied_key, &opts);
	if (r < 0) {
		gr_qemu_opts_done(&opts);
		if (r == -E2BIG)
			return gr_error_set(err, GR_CLASS_USAGE, E2BIG, "more than %d keys",
					    GR_QEMU_PAIRS_MAX);
		return r == -ENOMEM ? gr_error_nomem(err) : r;
	}
	*ret = opts;
	return 0;
}

const char *gr_qemu_opts_get(const struct gr_qemu_opts *opts, const char *key)
{
	for (size_t i = opts->count; i > 0; i--)
		if (strcmp(opts->pairs[i - 1].key, key) == 0)
			return opts->pairs[i - 1].value;
	return NULL;
}

int gr_qemu_opts_flag(const struct gr_qemu_opts *opts, const char *key, bool *ret)
{
	static const char *const yes[] = { "on", "yes", "true", "y" };
	static const char *const no[] = { "off", "no", "false", "n" };
	const char *value = gr_qemu_opts_get(opts, key);

	if (!value)
		return 0;
	for (size_t i = 0; i < GR_ARRAY_SIZE(yes); i++) {
		if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
			*ret = strcmp(value, yes[i]) == 0;
			return 1;
		}
	}
	return -EINVAL;
}

static int hex_size(const char *text, uint64_t plain_unit, uint64_t *ret, struct gr_error *err)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text + 2, &end, 16);
	if (!isxdigit((unsigned char)text[2]) || *end)
		return gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%s' is no size", text);
	if (errno == ERANGE || __builtin_mul_overflow((uint64_t)number, plain_unit, ret))
		return gr_error_set(err, GR_CLASS_USAGE, ERANGE, "'%s' is too large", text);
	return 0;
}

int gr_qemu_size(const char *text, uint64_t plain_unit, uint64_t *ret_bytes, struct gr_error *err)
{
	size_t number = strspn(text, "0123456789.");
	uint64_t bytes;
	int r;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		r = hex_size(text, plain_unit, &bytes, err);
	else if (!isdigit((unsigned char)text[0]) || (text[number] && text[number + 1]))
		r = gr_error_set(err, GR_CLASS_USAGE, EINVAL, "'%s' is no size that QEMU takes",
				 text);
	else
		r = gr_parse_size(text, plain_unit, &bytes, err);
	if (r < 0)
		return r;
	*ret_bytes = bytes;
	return 0;
}

int gr_qemu_flag(struct gr_notes *notes, const struct gr_qemu_opts *opts, const char *what,
		 const char *key, bool *value)
{
	if (gr_qemu_opts_flag(opts, key, value) >= 0)
		return 0;
	return gr_note_fatal(notes, "GR410", "%s: %s=%s is neither on nor off", what, key,
			     gr_qemu_opts_get(opts, key));
}

int gr_qemu_bytes(struct gr_notes *notes, const struct gr_qemu_opts *opts, const char *what,
		  const char *key, uint64_t plain_unit, uint64_t *value)
{
	const char *text = gr_qemu_opts_get(opts, key);
	struct gr_error err = { 0 };
	int r;

	if (!text)
		return 0;
	if (gr_qemu_size(text, plain_unit, value, &err) == 0)
		return 1;
	r = gr_note_fatal(notes, "GR402", "%s: %s: %s", what, key, err.message);
	return r < 0 ? r : 0;
}
