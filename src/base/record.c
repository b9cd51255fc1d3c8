// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Building records. An addition that fails for want of memory marks the object it was meant for
 * (json-c's user data, which costs no memory), and gr_rec_print() refuses a tree with a mark: one
 * check at the end instead of one per key.
 */
#include "base/record.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/record_view.h"
#include "base/util.h"

static const char lost_mark;

static void mark_lost(json_object *obj)
{
	json_object_set_userdata(obj, (void *)&lost_mark, NULL);
}

bool gr_rec_lost(json_object *obj)
{
	if (json_object_is_type(obj, json_type_object)) {
		if (json_object_get_userdata(obj) == &lost_mark)
			return true;
		json_object_object_foreach(obj, key, value)
		{
			(void)key;
			if (gr_rec_lost(value))
				return true;
		}
	} else if (json_object_is_type(obj, json_type_array)) {
		if (json_object_get_userdata(obj) == &lost_mark)
			return true;
		for (size_t i = 0; i < json_object_array_length(obj); i++) {
			if (gr_rec_lost(json_object_array_get_idx(obj, i)))
				return true;
		}
	}
	return false;
}

/* Adds @value (owned) under @key; a NULL @value is lost memory unless @null_is_value. */
static void add(json_object *obj, const char *key, json_object *value, bool null_is_value)
{
	if (!obj) {
		json_object_put(value);
		return;
	}
	if ((!value && !null_is_value) || json_object_object_add(obj, key, value) < 0) {
		json_object_put(value);
		mark_lost(obj);
	}
}

static json_object *append(json_object *array, json_object *value)
{
	if (!array) {
		json_object_put(value);
		return NULL;
	}
	if (!value || json_object_array_add(array, value) < 0) {
		json_object_put(value);
		mark_lost(array);
		return NULL;
	}
	return value;
}

json_object *gr_rec_new(const char *verb)
{
	json_object *doc = json_object_new_object();

	gr_rec_strf(doc, "schema", "guestram.%s/1", verb);
	return doc;
}

void gr_rec_u64(json_object *obj, const char *key, uint64_t value)
{
	add(obj, key, json_object_new_uint64(value), false);
}

void gr_rec_int(json_object *obj, const char *key, int64_t value)
{
	add(obj, key, json_object_new_int64(value), false);
}

void gr_rec_double(json_object *obj, const char *key, double value)
{
	json_object *number = json_object_new_double(value);

	/* The serializer's format is user data, and is not written to. */
	if (number)
		json_object_set_serializer(number, json_object_double_to_json_string,
					   (void *)"%.4g", NULL);
	add(obj, key, number, false);
}

void gr_rec_bool(json_object *obj, const char *key, bool value)
{
	add(obj, key, json_object_new_boolean(value), false);
}

/* JSON is UTF-8: bytes of file names and command lines that are not become '?'. */
static json_object *new_text(const char *value)
{
	_cleanup_free_ char *copy = strdup(value);
	unsigned char *p = (unsigned char *)copy;

	if (!copy)
		return NULL;
	while (*p) {
		int more = *p < 0x80 ? 0 : (*p & 0xe0) == 0xc0 && *p >= 0xc2 ? 1 :
			   (*p & 0xf0) == 0xe0 ? 2 : (*p & 0xf8) == 0xf0 && *p <= 0xf4 ? 3 : -1;
		int ok = 0;

		while (more > 0 && ok < more && (p[1 + ok] & 0xc0) == 0x80)
			ok++;
		if (more < 0 || ok < more)
			*p++ = '?';
		else
			p += 1 + more;
	}
	return json_object_new_string(copy);
}

void gr_rec_str(json_object *obj, const char *key, const char *value)
{
	if (value)
		add(obj, key, new_text(value), false);
	else
		gr_rec_null(obj, key);
}

void gr_rec_strf(json_object *obj, const char *key, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	add(obj, key, text ? new_text(text) : NULL, false);
}

void gr_rec_null(json_object *obj, const char *key)
{
	add(obj, key, NULL, true);
}

void gr_rec_u64_known(json_object *obj, const char *key, bool known, uint64_t value)
{
	if (known)
		gr_rec_u64(obj, key, value);
	else
		gr_rec_null(obj, key);
}

void gr_rec_list(json_object *obj, const char *key, const struct gr_list *list)
{
	json_object *array = gr_rec_array(obj, key);

	for (size_t i = 0; i < list->count; i++)
		append(array, json_object_new_int64((int64_t)list->ids[i]));
}

json_object *gr_rec_object(json_object *obj, const char *key)
{
	json_object *child = json_object_new_object();

	add(obj, key, child, false);
	return obj ? child : NULL;
}

json_object *gr_rec_array(json_object *obj, const char *key)
{
	json_object *child = json_object_new_array();

	add(obj, key, child, false);
	return obj ? child : NULL;
}

json_object *gr_rec_item(json_object *array)
{
	return append(array, json_object_new_object());
}

void gr_rec_item_str(json_object *array, const char *value)
{
	append(array, new_text(value));
}

void gr_rec_item_strf(json_object *array, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	append(array, text ? new_text(text) : NULL);
}

int gr_rec_print_json(FILE *out, json_object *doc, struct gr_error *err)
{
	const char *text = NULL;

	if (doc && !gr_rec_lost(doc))
		text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_SPACED |
							   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return gr_error_nomem(err);
	fprintf(out, "%s\n", text);
	if (ferror(out))
		return gr_error_set(err, GR_CLASS_SYSTEM, EIO, "standard output could not be written");
	return 0;
}
