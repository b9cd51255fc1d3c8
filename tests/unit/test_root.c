// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * root.c on a made-up root: absent, forbidden and malformed told apart, links that stay inside,
 * writes with read-back, names in the order of their numbers.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/root.h"
#include "base/util.h"

static char dir[] = "/tmp/guestram-root-XXXXXX";
static struct gr_root *root;

static void put(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	char full[256];

	if (!mkdtemp(dir))
		return -1;
	snprintf(full, sizeof(full), "%s/d", dir);
	mkdir(full, 0755);
	snprintf(full, sizeof(full), "%s/d/node10", dir);
	mkdir(full, 0755);
	snprintf(full, sizeof(full), "%s/d/node2", dir);
	mkdir(full, 0755);
	put("number", "42\n");
	put("junk", "4x2\n");
	put("empty", "");
	put("huge", "18446744073709551616\n");
	put("text", "first\nsecond\n");
	snprintf(full, sizeof(full), "%s/inside", dir);
	if (symlink("/number", full) < 0)
		return -1;
	snprintf(full, sizeof(full), "%s/outside", dir);
	if (symlink("/../../../etc/passwd", full) < 0)
		return -1;
	return gr_root_open(dir, &root, NULL);
}

static int teardown(void **state)
{
	char command[64];
	static const char *const names[] = { "number", "junk",	 "empty",    "huge",  "text",
					     "inside", "outside", "d/node10", "d/node2", "d" };

	gr_root_close(root);
	for (size_t i = 0; i < GR_ARRAY_SIZE(names); i++) {
		snprintf(command, sizeof(command), "%s/%s", dir, names[i]);
		remove(command);
	}
	return rmdir(dir);
}

static void test_reading(void **state)
{
	struct gr_error err;
	uint64_t number = 7;
	_cleanup_free_ char *line = NULL;

	assert_int_equal(gr_root_read_u64(root, "number", &number, NULL), 0);
	assert_int_equal(number, 42);
	number = 7;
	assert_int_equal(gr_root_read_u64(root, "junk", &number, &err), -EBADMSG);
	assert_non_null(strstr(err.message, "4x2"));
	assert_int_equal(gr_root_read_u64(root, "empty", &number, NULL), -EBADMSG);
	assert_int_equal(gr_root_read_u64(root, "huge", &number, NULL), -EBADMSG);
	assert_int_equal(gr_root_read_u64(root, "missing", &number, &err), -ENOENT);
	assert_non_null(strstr(err.message, dir));
	assert_int_equal(number, 7);
	assert_int_equal(gr_root_read_line(root, "text", &line, NULL), 0);
	assert_string_equal(line, "first");
	assert_int_equal(gr_root_read_u64(root, "d", &number, NULL), -EISDIR);
}

static void test_links_stay_inside(void **state)
{
	uint64_t number;
	char *text = NULL;

	assert_int_equal(gr_root_read_u64(root, "inside", &number, NULL), 0);
	assert_int_equal(number, 42);
	assert_int_equal(gr_root_read(root, "outside", &text, NULL, NULL), -ENOENT);
}

static void test_writing(void **state)
{
	uint64_t back = 0;

	assert_int_equal(gr_root_write_u64(root, "number", 7, &back, NULL), 0);
	assert_int_equal(back, 7);
	assert_int_equal(gr_root_write_u64(root, "number", 42, &back, NULL), 0);
	assert_int_equal(gr_root_write(root, "missing", "1", NULL), -ENOENT);
	/* Never through a link, and nothing is created. */
	assert_int_equal(gr_root_write(root, "inside", "1", NULL), -ELOOP);
	assert_false(gr_root_exists(root, "missing"));
	assert_true(gr_root_exists(root, "number"));
	assert_true(gr_root_exists(root, "d"));
	assert_int_equal(gr_root_writable(root, "missing"), -ENOENT);
}

static void test_listing(void **state)
{
	_cleanup_names_ struct gr_names names = { 0 };

	assert_int_equal(gr_root_list(root, "d", &names, NULL), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.names[0], "node2");
	assert_string_equal(names.names[1], "node10");
	assert_int_equal(gr_root_list(root, "number", &names, NULL), -ENOTDIR);
}

static void test_no_root(void **state)
{
	struct gr_root *other = NULL;
	struct gr_error err;

	assert_int_equal(gr_root_open("/nonexistent", &other, &err), -ENOENT);
	assert_int_equal(err.class, GR_CLASS_USAGE);
	assert_null(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),	    cmocka_unit_test(test_links_stay_inside),
		cmocka_unit_test(test_writing),	    cmocka_unit_test(test_listing),
		cmocka_unit_test(test_no_root),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
