// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How a record looks to a person. Arrays of objects become libsmartcols tables of at most 80
 * columns (the width of the terminal where there is one); objects become "Title: value" lines;
 * unknown values are a dash. Control characters never reach the terminal.
 */
#include "base/record_view.h"

#include <ctype.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/size.h"
#include "base/util.h"

#define WIDTH 80

/* Goes down a dotted path; NULL when a part is missing. */
static json_object *at_path(json_object *obj, const char *path)
{
	char key[128];

	while (obj && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key) || !json_object_is_type(obj, json_type_object))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		obj = json_object_object_get(obj, key);
		path += n + (path[n] == '.');
	}
	return obj;
}

static char *array_text(json_object *array)
{
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		json_object *item = json_object_array_get_idx(array, i);

		/* Sentences have commas of their own. */
		fprintf(f, "%s%s",
			!i ? "" : json_object_is_type(item, json_type_string) ? "; " : ", ",
			json_object_get_string(item));
	}
	if (fclose(f))
		return NULL;
	return gr_steal_ptr(text);
}

/* The text of one value in malloc'ed memory. */
static char *value_text(json_object *value, enum gr_format format)
{
	char buf[GR_TEXT_MAX], *text;

	if (!value)
		return strdup("-");
	switch (format) {
	case GR_FMT_BYTES:
		text = strdup(gr_size_text(json_object_get_uint64(value), buf));
		break;
	case GR_FMT_COUNT:
		text = strdup(gr_count_text(json_object_get_uint64(value), buf));
		break;
	case GR_FMT_NS:
		text = strdup(gr_time_text(json_object_get_uint64(value), buf));
		break;
	case GR_FMT_YESNO:
		text = strdup(json_object_get_boolean(value) ? "yes" : "no");
		break;
	case GR_FMT_PERCENT:
		snprintf(buf, sizeof(buf), "%.1f %%", json_object_get_double(value));
		text = strdup(buf);
		break;
	default:
		if (json_object_is_type(value, json_type_array))
			text = array_text(value);
		else
			text = strdup(json_object_get_string(value));
		break;
	}
	for (char *p = text; p && *p; p++) {
		if (iscntrl((unsigned char)*p))
			*p = '?';
	}
	return text;
}

static size_t out_width(FILE *out)
{
	struct winsize size;

	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 40)
		return size.ws_col;
	return WIDTH;
}

static bool is_number(enum gr_format format)
{
	return format == GR_FMT_BYTES || format == GR_FMT_COUNT || format == GR_FMT_NS ||
	       format == GR_FMT_PERCENT;
}

/* Breaks @text between words so that no line is wider than @width (a long word may be). */
static void break_words(char *text, size_t width)
{
	size_t column = 0;
	char *blank = NULL;

	for (char *p = text; *p; p++) {
		if (*p == ' ')
			blank = p;
		column++;
		if (column > width && blank) {
			*blank = '\n';
			column = (size_t)(p - blank);
			blank = NULL;
		}
	}
}

/* What a table is made of before it is one: the text of every cell. */
struct cells {
	char **texts; /* row by row */
	size_t rows, columns;
};

static void cells_done(struct cells *cells)
{
	for (size_t i = 0; cells->texts && i < cells->rows * cells->columns; i++)
		free(cells->texts[i]);
	free(cells->texts);
}

static int cells_fill(json_object *array, const struct gr_section *section, struct cells *cells)
{
	cells->rows = json_object_array_length(array);
	cells->columns = section->count;
	cells->texts = calloc(cells->rows * cells->columns + 1, sizeof(char *));
	if (!cells->texts)
		return -ENOMEM;
	for (size_t i = 0; i < cells->rows * cells->columns; i++) {
		const struct gr_column *column = &section->columns[i % cells->columns];
		json_object *item = json_object_array_get_idx(array, i / cells->columns);

		cells->texts[i] = value_text(at_path(item, column->key), column->format);
		if (!cells->texts[i])
			return -ENOMEM;
	}
	return 0;
}

/* Breaks the cells of the wrapped columns to what the others leave of the width. */
static void cells_wrap(struct cells *cells, const struct gr_section *section, size_t width)
{
	size_t taken = 0, wrapped = 0;

	for (size_t c = 0; c < cells->columns; c++) {
		size_t widest = strlen(section->columns[c].title);

		for (size_t i = c; i < cells->rows * cells->columns; i += cells->columns)
			widest = strlen(cells->texts[i]) > widest ? strlen(cells->texts[i]) : widest;
		taken += section->columns[c].wrap ? 1 : widest + 1;
		wrapped += section->columns[c].wrap;
	}
	if (!wrapped)
		return;
	width = taken + 20 * wrapped < width ? (width - taken) / wrapped : 20;
	for (size_t i = 0; i < cells->rows * cells->columns; i++) {
		if (section->columns[i % cells->columns].wrap)
			break_words(cells->texts[i], width);
	}
}

static int add_columns(struct libscols_table *table, const struct gr_section *section)
{
	for (size_t c = 0; c < section->count; c++) {
		const struct gr_column *column = &section->columns[c];
		int flags = (is_number(column->format) ? SCOLS_FL_RIGHT : 0) |
			    (column->wrap ? SCOLS_FL_WRAP : 0);
		struct libscols_column *made =
			scols_table_new_column(table, column->title, 0, flags);

		if (!made)
			return -ENOMEM;
		if (column->wrap &&
		    (scols_column_set_safechars(made, "\n") < 0 ||
		     scols_column_set_wrapfunc(made, scols_wrapnl_chunksize, scols_wrapnl_nextchunk,
					       NULL) < 0))
			return -ENOMEM;
	}
	return 0;
}

static int print_table(FILE *out, json_object *array, const struct gr_section *section)
{
	struct libscols_table *table = scols_new_table();
	struct cells cells = { 0 };
	int r = -ENOMEM;

	if (!table)
		return -ENOMEM;
	scols_table_set_stream(table, out);
	scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
	scols_table_set_termwidth(table, out_width(out));
	if (add_columns(table, section) < 0 || cells_fill(array, section, &cells) < 0)
		goto done;
	cells_wrap(&cells, section, out_width(out));
	for (size_t i = 0; i < cells.rows; i++) {
		struct libscols_line *line = scols_table_new_line(table, NULL);

		for (size_t c = 0; c < cells.columns; c++) {
			if (!line || scols_line_set_data(line, c,
							 cells.texts[i * cells.columns + c]) < 0)
				goto done;
		}
	}
	r = scols_print_table(table) < 0 ? -ENOMEM : 0;
done:
	cells_done(&cells);
	scols_unref_table(table);
	return r;
}

/* @text in lines of at most @width columns, the second and later ones indented. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent, size_t width)
{
	const char *p = text;

	while (*p) {
		size_t n = strcspn(p, " ");

		if (p != text) {
			if (column + 1 + n > width) {
				fprintf(out, "\n%*s", (int)indent, "");
				column = indent;
			} else {
				fputc(' ', out);
				column++;
			}
		}
		fwrite(p, 1, n, out);
		column += n;
		p += n;
		p += strspn(p, " ");
	}
	fputc('\n', out);
}

static int print_bullets(FILE *out, json_object *array)
{
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		_cleanup_free_ char *text =
			value_text(json_object_array_get_idx(array, i), GR_FMT_TEXT);

		if (!text)
			return -ENOMEM;
		fputs("  - ", out);
		print_wrapped(out, text, 4, 4, out_width(out));
	}
	return 0;
}

static int print_lines(FILE *out, json_object *obj, const struct gr_section *section)
{
	size_t widest = 0;

	for (size_t c = 0; c < section->count; c++)
		widest = strlen(section->columns[c].title) > widest ?
				 strlen(section->columns[c].title) : widest;
	for (size_t c = 0; c < section->count; c++) {
		const struct gr_column *column = &section->columns[c];
		_cleanup_free_ char *text = value_text(at_path(obj, column->key), column->format);

		if (!text)
			return -ENOMEM;
		fprintf(out, "%s:%*s ", column->title,
			(int)(widest - strlen(column->title)), "");
		print_wrapped(out, text, widest + 2, widest + 2, out_width(out));
	}
	return 0;
}

static int print_blocks(FILE *out, json_object *array, const struct gr_section *section)
{
	int r = 0;

	for (size_t i = 0; i < json_object_array_length(array) && r >= 0; i++) {
		if (i > 0)
			fputc('\n', out);
		r = print_lines(out, json_object_array_get_idx(array, i), section);
	}
	return r;
}

static bool is_empty(json_object *part)
{
	return !part || (json_object_is_type(part, json_type_array) &&
			 json_object_array_length(part) == 0);
}

/* "nodes[].pools": the pools of all nodes in one new array; NULL when there is no memory. */
static json_object *collect(json_object *doc, const char *path, const char *brackets)
{
	json_object *all = json_object_new_array(), *array;
	char before[128];

	snprintf(before, sizeof(before), "%.*s", (int)(brackets - path), path);
	array = at_path(doc, before);
	for (size_t i = 0; all && array && i < json_object_array_length(array); i++) {
		json_object *part = at_path(json_object_array_get_idx(array, i),
					    brackets + strlen("[]."));

		for (size_t k = 0; part && k < json_object_array_length(part); k++) {
			json_object *item = json_object_array_get_idx(part, k);

			if (json_object_array_add(all, json_object_get(item)) < 0) {
				json_object_put(item);
				json_object_put(all);
				return NULL;
			}
		}
	}
	return all;
}

static int view_part(FILE *out, json_object *part, const struct gr_section *section)
{
	if (is_empty(part) && !section->empty)
		return 0;
	if (section->title)
		fprintf(out, "%s\n", section->title);
	if (is_empty(part)) {
		fprintf(out, "%s\n", section->empty);
		return 0;
	}
	if (!json_object_is_type(part, json_type_array))
		return print_lines(out, part, section);
	if (section->blocks)
		return print_blocks(out, part, section);
	if (json_object_is_type(json_object_array_get_idx(part, 0), json_type_object))
		return print_table(out, part, section);
	return print_bullets(out, part);
}

static int view_section(FILE *out, json_object *doc, const struct gr_section *section)
{
	const char *brackets = strstr(section->path, "[].");
	json_object *all;
	int r;

	if (!brackets)
		return view_part(out, at_path(doc, section->path), section);
	all = collect(doc, section->path, brackets);
	r = all ? view_part(out, all, section) : -ENOMEM;
	json_object_put(all);
	return r;
}

int gr_rec_print(FILE *out, enum gr_mode mode, json_object *doc, const struct gr_section *sections,
		 size_t count, struct gr_error *err)
{
	int r = 0;

	if (mode == GR_MODE_JSON)
		return gr_rec_print_json(out, doc, err);
	if (!doc || gr_rec_lost(doc))
		return gr_error_nomem(err);
	if (mode == GR_MODE_TABLE) {
		for (size_t i = 0; i < count && r >= 0; i++)
			r = view_section(out, doc, &sections[i]);
		if (r < 0)
			return gr_error_nomem(err);
	}
	if (ferror(out))
		return gr_error_set(err, GR_CLASS_SYSTEM, EIO, "standard output could not be written");
	return 0;
}
