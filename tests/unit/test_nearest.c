// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The distance against a slow reference that follows its definition, the mistakes that fingers
 * make, and that words which are nothing like it are not proposed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/nearest.h"
#include "base/util.h"

static void test_distance(void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} rows[] = {
		{ "", "", 0 },		     { "a", "", 1 },
		{ "", "abc", 3 },	     { "reserve", "reserve", 0 },
		{ "reserv", "reserve", 1 },  { "rseerve", "reserve", 1 },
		{ "resrve", "reserve", 1 },  { "resserve", "reserve", 1 },
		{ "rezerve", "reserve", 1 }, { "abcd", "badc", 2 },
		{ "ca", "abc", 3 },	     { "kitten", "sitting", 3 },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		assert_int_equal(gr_edit_distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(gr_edit_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
}

static size_t reference(const char *a, size_t na, const char *b, size_t nb)
{
	size_t best;

	if (!na || !nb)
		return na + nb;
	best = reference(a, na - 1, b, nb - 1) + (a[na - 1] != b[nb - 1]);
	best = gr_min_u64(best, reference(a, na - 1, b, nb) + 1);
	best = gr_min_u64(best, reference(a, na, b, nb - 1) + 1);
	if (na > 1 && nb > 1 && a[na - 1] == b[nb - 2] && a[na - 2] == b[nb - 1])
		best = gr_min_u64(best, reference(a, na - 2, b, nb - 2) + 1);
	return best;
}

static void test_random(void **state)
{
	uint64_t seed = 88172645463325252u;

	for (int i = 0; i < 2000; i++) {
		char words[2][6] = { "", "" };

		for (size_t w = 0; w < 2; w++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			for (size_t k = 0; k < seed % 6; k++)
				words[w][k] = (char)('a' + (seed >> (8 + 4 * k)) % 3);
		}
		assert_int_equal(gr_edit_distance(words[0], words[1]),
				 reference(words[0], strlen(words[0]), words[1], strlen(words[1])));
	}
}

static void test_long(void **state)
{
	char longest[33], longer[34];

	memset(longest, 'a', 32);
	longest[32] = '\0';
	memset(longer, 'a', 33);
	longer[33] = '\0';
	assert_int_equal(gr_edit_distance(longest, longest), 0);
	assert_int_equal(gr_edit_distance(longest, ""), 32);
	assert_int_equal(gr_edit_distance(longer, longest), SIZE_MAX);
	assert_int_equal(gr_edit_distance("a", longer), SIZE_MAX);
}

static const char *nearest_verb(const char *word)
{
	static const char *const verbs[] = { "host", "plan", "reserve", "release", "list" };
	struct gr_nearest nearest = { .word = word };

	for (size_t i = 0; i < GR_ARRAY_SIZE(verbs); i++)
		gr_nearest_try(&nearest, verbs[i]);
	return nearest.best;
}

static void test_choice(void **state)
{
	assert_string_equal(nearest_verb("hots"), "host");
	assert_string_equal(nearest_verb("plans"), "plan");
	assert_string_equal(nearest_verb("lits"), "list");
	assert_string_equal(nearest_verb("realese"), "release");
	assert_string_equal(nearest_verb("resreve"), "reserve");
	assert_null(nearest_verb("dance"));
	assert_null(nearest_verb("most likely"));
	assert_null(nearest_verb(""));
	assert_null(nearest_verb("x"));
	assert_null(nearest_verb("reserve-everything-that-there-is-now"));
}

static void test_order(void **state)
{
	struct gr_nearest nearest = { .word = "release" };

	gr_nearest_try(&nearest, "releases");
	assert_string_equal(nearest.best, "releases");
	gr_nearest_try(&nearest, "released"); /* as near, but later */
	assert_string_equal(nearest.best, "releases");
	gr_nearest_try(&nearest, "release");
	assert_string_equal(nearest.best, "release");
	gr_nearest_try(&nearest, "releases");
	assert_string_equal(nearest.best, "release");
	assert_int_equal(nearest.distance, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
