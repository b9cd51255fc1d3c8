/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Records: what a command has to say, built once as a json-c tree and printed as JSON, as tables
 * for people, or not at all. A view is data: which arrays become which tables, under which titles,
 * in which units. No command asks which of the three it is.
 */
#ifndef GR_BASE_RECORD_H
#define GR_BASE_RECORD_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/list.h"

/** gr_rec_new - a document with "schema": "guestram.VERB/1". NULL when there is no memory. */
json_object *gr_rec_new(const char *verb);

/* Add to an object; a NULL object or no memory makes them do nothing (the tree is then short: the
 * one check is gr_rec_print's, which refuses a tree that lost something: see gr_rec_lost). */
void gr_rec_u64(json_object *obj, const char *key, uint64_t value);
void gr_rec_int(json_object *obj, const char *key, int64_t value);
void gr_rec_double(json_object *obj, const char *key, double value);
void gr_rec_bool(json_object *obj, const char *key, bool value);
void gr_rec_str(json_object *obj, const char *key, const char *value); /* NULL gives null */
void gr_rec_strf(json_object *obj, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void gr_rec_null(json_object *obj, const char *key);
/* A value that may be unknown: null unless @known. */
void gr_rec_u64_known(json_object *obj, const char *key, bool known, uint64_t value);
void gr_rec_list(json_object *obj, const char *key, const struct gr_list *list); /* array of ids */
json_object *gr_rec_object(json_object *obj, const char *key); /* new object below obj */
json_object *gr_rec_array(json_object *obj, const char *key);  /* new array below obj */
json_object *gr_rec_item(json_object *array);                  /* new object at its end */
void gr_rec_item_str(json_object *array, const char *value);
void gr_rec_item_strf(json_object *array, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

enum gr_format {
	GR_FMT_TEXT,  /* as it is; arrays joined by ", " */
	GR_FMT_BYTES, /* 2 MiB */
	GR_FMT_COUNT, /* 4,096 */
	GR_FMT_NS,    /* 33 ms */
	GR_FMT_YESNO,
	GR_FMT_PERCENT, /* 99.5 % */
};

struct gr_column {
	const char *key;   /* in the object; "a.b" goes down */
	const char *title; /* for people */
	enum gr_format format;
	bool wrap; /* a long text: wrapped so that the table fits 80 columns */
};

/*
 * A part of what people see. @path names an array of objects (a table, one row each), an array of
 * strings (a bullet list), an object (lines "Title: value"), or "" (the document itself, lines).
 * "nodes[].pools" names the arrays below all objects of an array, as one table.
 * A path that is absent, null or empty prints nothing, unless @empty has words for that.
 */
struct gr_section {
	const char *path;
	const char *title; /* a heading line, or NULL */
	const struct gr_column *columns;
	size_t count;
	const char *empty;
	bool blocks; /* objects of an array as lines, one block each: for texts too long for a table */
};

enum gr_mode { GR_MODE_TABLE, GR_MODE_JSON, GR_MODE_QUIET };

/**
 * gr_rec_print - print a document; the caller keeps it
 *
 * Return: 0, -ENOMEM, or -errno of the output file.
 */
int gr_rec_print(FILE *out, enum gr_mode mode, json_object *doc, const struct gr_section *sections,
		 size_t count, struct gr_error *err);

/** gr_rec_print_json - the same as JSON alone, for what is linked without tables. */
int gr_rec_print_json(FILE *out, json_object *doc, struct gr_error *err);

#define GR_COLUMNS(...)                                \
	.columns = (const struct gr_column[]){ __VA_ARGS__ }, \
	.count = sizeof((const struct gr_column[]){ __VA_ARGS__ }) / sizeof(struct gr_column)

#endif
