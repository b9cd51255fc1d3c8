// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The one size parser, the one of times, and the texts made of numbers: every unit, every kind of
 * junk, the edges of 64 bits, and that what gr_size_arg() writes is read back as the same number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/size.h"
#include "base/util.h"

static void test_good(void **state)
{
	static const struct {
		const char *text;
		uint64_t unit, bytes;
	} rows[] = {
		{ "8G", 1, UINT64_C(8) << 30 },
		{ "8GiB", 1, UINT64_C(8) << 30 },
		{ "8Gi", 1, UINT64_C(8) << 30 },
		{ "8gib", 1, UINT64_C(8) << 30 },
		{ "8GB", 1, UINT64_C(8000000000) },
		{ "12GB", 1, UINT64_C(12000000000) },
		{ "8192", GR_MIB, UINT64_C(8) << 30 },
		{ "8192M", GR_MIB, UINT64_C(8) << 30 },
		{ "1.5G", 1, UINT64_C(1610612736) },
		{ "0.5K", 1, 512 },
		{ "1.0", 1, 1 },
		{ "512B", GR_MIB, 512 },
		{ "0", GR_MIB, 0 },
		{ "16777216k", 1, UINT64_C(16) << 30 },
		{ "18446744073709551615", 1, UINT64_MAX },
		{ "15E", 1, UINT64_C(15) << 60 },
		{ "000001T", 1, UINT64_C(1) << 40 },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		uint64_t bytes = 1;

		assert_int_equal(gr_parse_size(rows[i].text, rows[i].unit, &bytes, NULL), 0);
		assert_int_equal(bytes, rows[i].bytes);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text;
		int answer;
	} rows[] = {
		{ "", -EINVAL },      { "-1", -EINVAL },     { "+1", -EINVAL },
		{ " 1", -EINVAL },    { "1 ", -EINVAL },     { "1 G", -EINVAL },
		{ "G", -EINVAL },     { ".5G", -EINVAL },    { "1.", -EINVAL },
		{ "1.G", -EINVAL },   { "1..5G", -EINVAL },  { "1X", -EINVAL },
		{ "1GG", -EINVAL },   { "1GiBB", -EINVAL },  { "0x10", -EINVAL },
		{ "1e3", -EINVAL },   { "0.3K", -EINVAL },   { "1.5", -EINVAL },
		{ "16E", -ERANGE },   { "18446744073709551616", -ERANGE },
		{ "99999999999999999999999999999999G", -ERANGE },
		{ "0.0000000000000000000000000000000000000000000000000000000000000001G", -ERANGE },
		/* The divisor overflows before the number does. */
		{ "0.0000000000000000000000000000000000000000000000000000000000000001G", -ERANGE },
		{ "1\xc2\xa0G", -EINVAL }, { "nan", -EINVAL }, { "inf", -EINVAL },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct gr_error err;
		uint64_t bytes = 77;

		assert_int_equal(gr_parse_size(rows[i].text, 1, &bytes, &err), rows[i].answer);
		assert_int_equal(bytes, 77);
		assert_int_equal(err.class, GR_CLASS_USAGE);
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int answer;
		uint64_t ns;
	} rows[] = {
		{ "30", 0, UINT64_C(30000000000) },
		{ "30s", 0, UINT64_C(30000000000) },
		{ "1.5s", 0, UINT64_C(1500000000) },
		{ "0.25", 0, UINT64_C(250000000) },
		{ "500ms", 0, UINT64_C(500000000) },
		{ "7us", 0, 7000 },
		{ "18446744073709551615ns", 0, UINT64_MAX },
		{ "10min", 0, UINT64_C(600000000000) },
		{ "1.5h", 0, UINT64_C(5400000000000) },
		{ "0", 0, 0 },
		{ "0.000000001", 0, 1 },
		{ "18446744073.709551615", 0, UINT64_MAX },
		{ "18446744073.709551616", -ERANGE, 0 },
		{ "18446744074s", -ERANGE, 0 },
		{ "5124096h", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "0.0000000001", -EINVAL, 0 },
		{ "0.5ns", -EINVAL, 0 },
		{ "", -EINVAL, 0 },	{ "s", -EINVAL, 0 },	  { "-1", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },	{ "1m", -EINVAL, 0 },	  { "1S", -EINVAL, 0 },
		{ "1sec", -EINVAL, 0 }, { "1.", -EINVAL, 0 },	  { "1.s", -EINVAL, 0 },
		{ "1h30", -EINVAL, 0 }, { "1e3", -EINVAL, 0 },	  { "0x10", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },	{ "1..5", -EINVAL, 0 }, { " 1", -EINVAL, 0 },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct gr_error err = { 0 };
		uint64_t ns = 77;

		assert_int_equal(gr_parse_duration(rows[i].text, &ns, &err), rows[i].answer);
		assert_int_equal(ns, rows[i].answer ? 77 : rows[i].ns);
		assert_int_equal(err.class, rows[i].answer ? GR_CLASS_USAGE : 0);
	}
	assert_int_equal(gr_parse_duration("x", &(uint64_t){ 0 }, NULL), -EINVAL);
}

static void test_grammar(void **state)
{
	static const struct {
		uint64_t n;
		const char *plural, *are;
	} rows[] = {
		{ 0, "s", "are" }, { 1, "", "is" }, { 2, "s", "are" }, { 21, "s", "are" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		assert_string_equal(gr_plural(rows[i].n), rows[i].plural);
		assert_string_equal(gr_are(rows[i].n), rows[i].are);
	}
}

static void test_texts(void **state)
{
	char buf[GR_TEXT_MAX];

	assert_string_equal(gr_size_text(0, buf), "0 B");
	assert_string_equal(gr_size_text(1023, buf), "1023 B");
	assert_string_equal(gr_size_text(GR_MIB * 2, buf), "2 MiB");
	assert_string_equal(gr_size_text(GR_MIB * 3422, buf), "3,422 MiB");
	assert_string_equal(gr_size_text(GR_GIB * 3 / 2, buf), "1,536 MiB");
	assert_string_equal(gr_size_text(UINT64_C(25276510208), buf), "23.54 GiB");
	assert_string_equal(gr_size_text(UINT64_MAX, buf), "15.99 EiB");
	assert_string_equal(gr_count_text(0, buf), "0");
	assert_string_equal(gr_count_text(999, buf), "999");
	assert_string_equal(gr_count_text(2097152, buf), "2,097,152");
	assert_string_equal(gr_count_text(UINT64_MAX, buf), "18,446,744,073,709,551,615");
	assert_string_equal(gr_time_text(0, buf), "0.0 us");
	assert_string_equal(gr_time_text(410000, buf), "410 us");
	assert_string_equal(gr_time_text(33000000, buf), "33 ms");
	assert_string_equal(gr_time_text(1250000000, buf), "1.25 s");
}

static void test_round_trip(void **state)
{
	uint64_t seed = 88172645463325252u;

	for (int i = 0; i < 20000; i++) {
		char buf[GR_TEXT_MAX];
		uint64_t bytes, back = 0;

		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		bytes = seed >> (i % 64);
		assert_int_equal(gr_parse_size(gr_size_arg(bytes, buf), 1, &back, NULL), 0);
		assert_int_equal(back, bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
