// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Records: the same tree as JSON and as a table, unknown values as null and as a dash, texts that
 * are no UTF-8, control characters kept from the terminal, lines that fit 80 columns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <json-c/json.h>
#include <cmocka.h>

#include "base/record.h"
#include "base/util.h"

static char *print(enum gr_mode mode, json_object *doc, const struct gr_section *parts, size_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_int_equal(gr_rec_print(f, mode, doc, parts, n, NULL), 0);
	fclose(f);
	return text;
}

static json_object *example(void)
{
	json_object *doc = gr_rec_new("test"), *array = gr_rec_array(doc, "rows"), *item;

	item = gr_rec_item(array);
	gr_rec_u64(item, "bytes", UINT64_MAX);
	gr_rec_str(item, "text", "plain");
	item = gr_rec_item(array);
	gr_rec_u64_known(item, "bytes", false, 0);
	gr_rec_str(item, "text", "bell\a and \xff\xfe and a long tail that has to be wrapped in a "
				 "table of eighty columns, between words and never inside of them");
	return doc;
}

static void test_json(void **state)
{
	json_object *doc = example(), *back, *rows;
	_cleanup_free_ char *text = print(GR_MODE_JSON, doc, NULL, 0);

	back = json_tokener_parse(text);
	assert_non_null(back);
	assert_string_equal(json_object_get_string(json_object_object_get(back, "schema")),
			    "guestram.test/1");
	rows = json_object_object_get(back, "rows");
	assert_int_equal(json_object_get_uint64(json_object_object_get(
				 json_object_array_get_idx(rows, 0), "bytes")),
			 UINT64_MAX);
	assert_null(json_object_object_get(json_object_array_get_idx(rows, 1), "bytes"));
	assert_non_null(strstr(text, "\"bytes\": null"));
	assert_non_null(strstr(text, "and ?? and"));
	json_object_put(back);
	json_object_put(doc);
}

static const struct gr_section sections[] = {
	{ .path = "rows",
	  GR_COLUMNS({ "bytes", "SIZE", GR_FMT_BYTES }, { "text", "TEXT", .wrap = true }) },
	{ .path = "nothing", .empty = "No rows." },
};

static void test_table(void **state)
{
	json_object *doc = example();
	_cleanup_free_ char *text = print(GR_MODE_TABLE, doc, sections, GR_ARRAY_SIZE(sections));
	char *cursor = text, *line;

	assert_non_null(strstr(text, "No rows."));
	assert_null(strchr(text, '\a'));
	assert_non_null(strstr(text, "wrapped"));
	assert_non_null(strstr(text, "eighty"));
	while ((line = gr_next_line(&cursor)))
		assert_true(strlen(line) <= 80);
	json_object_put(doc);
}

static void test_quiet(void **state)
{
	json_object *doc = example();
	_cleanup_free_ char *text = print(GR_MODE_QUIET, doc, NULL, 0);

	assert_string_equal(text, "");
	json_object_put(doc);
	assert_int_equal(gr_rec_print(stdout, GR_MODE_JSON, NULL, NULL, 0, NULL), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
