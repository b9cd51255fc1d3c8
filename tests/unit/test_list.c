// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * CPU and node lists, and the small helpers of util.h that have edges: numbers, lines, growing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/list.h"
#include "base/util.h"

static void check(const char *text, const char *expected)
{
	_cleanup_list_ struct gr_list list = { 0 };
	_cleanup_free_ char *back = NULL;

	assert_int_equal(gr_list_parse(text, &list, NULL), 0);
	back = gr_list_text(&list);
	assert_string_equal(back, expected);
}

static void test_good(void **state)
{
	check("", "");
	check("\n", "");
	check("0\n", "0");
	check("0-3,7", "0-3,7");
	check("7,0-3", "0-3,7");
	check("0,1,2,2,1", "0-2");
	check("0-1,3-4,2\n", "0-4");
	check("65535", "65535");
	/* However often the same ids come: no more work than for each once. */
	check("1-25,9-44425,9-44425,9-25,9-44425", "1-44425");
	check("40000-65535,0-39999", "0-65535");
}

static void test_bad(void **state)
{
	static const char *const texts[] = { "a",    "0-",  "-1",   "3-1",	 "0,,1", "0,",
					     "0 1",  "1-2-3", "65536", "0-4294967295", "0;1",
					     "99999999999999999999" };

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		struct gr_list list = { (unsigned int *)1, 1 };

		assert_true(gr_list_parse(texts[i], &list, NULL) < 0);
		assert_ptr_equal(list.ids, (unsigned int *)1); /* untouched */
	}
}

static void test_util(void **state)
{
	char text[] = "one\n\nthree", *cursor = text;
	uint64_t number = 5;

	assert_string_equal(gr_next_line(&cursor), "one");
	assert_string_equal(gr_next_line(&cursor), "");
	assert_string_equal(gr_next_line(&cursor), "three");
	assert_null(gr_next_line(&cursor));
	assert_int_equal(gr_parse_u64("18446744073709551615", &number), 0);
	assert_int_equal(number, UINT64_MAX);
	assert_int_equal(gr_parse_u64("18446744073709551616", &number), -ERANGE);
	assert_int_equal(gr_parse_u64("", &number), -EINVAL);
	assert_int_equal(gr_parse_u64("-1", &number), -EINVAL);
	assert_int_equal(gr_parse_u64("12\n", &number), -EINVAL);
	assert_int_equal(gr_div_up(0, 4), 0);
	assert_int_equal(gr_div_up(UINT64_MAX, 4), UINT64_MAX / 4 + 1);
}

static void test_grow(void **state)
{
	int *array = NULL;

	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(gr_grow(&array, i, sizeof(*array)), 0);
		assert_int_equal(array[i], 0);
		array[i] = (int)i + 1;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(array[i], i + 1);
	free(array);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_util),
		cmocka_unit_test(test_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
