// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram.conf: every key and what it sets, every mistake with its line and its hint, and the file
 * itself (absent, forbidden, no file, another's, with a NUL byte in it) below a temporary root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "base/util.h"
#include "lease/config.h"

#define FIFTY "01234567890123456789012345678901234567890123456789"

static const struct gr_config nothing;

static int parse(const char *text, struct gr_config *ret, struct gr_error *err)
{
	*err = (struct gr_error){ 0 };
	*ret = nothing;
	ret->floor.keep_free_bytes = 77;
	return gr_config_parse(text, "FILE", ret, err);
}

static void test_all_keys(void **state)
{
	struct gr_config config;
	struct gr_error err;

	assert_int_equal(parse("# a comment\n"
			       "[host]\n"
			       "keep_free = 2G\n"
			       "\n"
			       "[reserve]\n"
			       "timeout=30s ; the rest of the line is a comment\n"
			       "  max_cache_lost  =  all  \r\n"
			       "\tmax_swapped: 512\n"
			       "allow = drop-caches ,demote\n", &config, &err), 0);
	assert_int_equal(config.floor.keep_free_bytes, 2 * GR_GIB);
	assert_int_equal(config.budget.timeout_ns, UINT64_C(30000000000));
	assert_true(config.budget.max_cache_lost_bytes == UINT64_MAX);
	assert_int_equal(config.budget.max_swapped_bytes, 512 * GR_MIB);
	assert_int_equal(config.budget.allow, GR_ALLOW_DROP_CACHES | GR_ALLOW_DEMOTE);
}

static void test_values(void **state)
{
	struct gr_config config;
	struct gr_error err;

	assert_int_equal(parse("[reserve]\nmax_cache_lost=1GB\ntimeout=500ms", &config, &err), 0);
	assert_int_equal(config.budget.max_cache_lost_bytes, 1000000000);
	assert_int_equal(config.budget.timeout_ns, 500000000);
	assert_int_equal(config.budget.max_swapped_bytes, 0);
	assert_int_equal(config.floor.keep_free_bytes, 0);
	/* None at all is a limit, and not the default. */
	assert_int_equal(parse("[reserve]\nmax_cache_lost=0\nmax_swapped=0M\n", &config, &err), 0);
	assert_int_equal(config.budget.max_cache_lost_bytes, 1);
	assert_int_equal(config.budget.max_swapped_bytes, 1);
	assert_int_equal(parse("[reserve]\nallow = none\n", &config, &err), 0);
	assert_int_equal(config.budget.allow, 0);
	assert_int_equal(parse("[reserve]\nallow=evacuate\n", &config, &err), 0);
	assert_int_equal(config.budget.allow, GR_ALLOW_EVACUATE);
}

static void test_empty(void **state)
{
	static const char *const texts[] = {
		"", "\n", "# only\n;comments", "[host]\n[reserve]\n", "\xef\xbb\xbf[host]\n",
		"   \n\t\n", "# over 200 letters: " FIFTY FIFTY FIFTY FIFTY,
	};
	struct gr_config config;
	struct gr_error err;

	for (size_t i = 0; i < GR_ARRAY_SIZE(texts); i++) {
		assert_int_equal(parse(texts[i], &config, &err), 0);
		assert_memory_equal(&config, &nothing, sizeof(config));
	}
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *message, *hint;
	} rows[] = {
		{ "[reserve]\n\ntimout = 30\n", "FILE:3: [reserve] has no key 'timout'",
		  "did you mean 'timeout'?" },
		{ "[reserve]\nmax-swapped = 1G\n", "FILE:2: [reserve] has no key 'max-swapped'",
		  "did you mean 'max_swapped'?" },
		{ "[reserve]\nTimeout = 1\n", "FILE:2: [reserve] has no key 'Timeout'",
		  "did you mean 'timeout'?" },
		{ "[reserve]\nkeep_free = 1G\n", "FILE:2: [reserve] has no key 'keep_free'",
		  "it belongs to [host]" },
		{ "[host]\ncolour = red\n", "FILE:2: [host] has no key 'colour'",
		  "guestram.conf(5)" },
		/* Keys of another section are not proposed. */
		{ "[host]\ntimout = 1\n", "FILE:2: [host] has no key 'timout'",
		  "guestram.conf(5) describes the keys" },
		{ "keep_free = 1G\n[host]\n", "FILE:1: 'keep_free' stands before any [section]",
		  "it belongs to [host]" },
		{ "keep_fre = 1G\n", "FILE:1: 'keep_fre' stands before any [section]",
		  "did you mean 'keep_free'?" },
		{ "[hosts]\n", "FILE:1: there is no section [hosts]", "did you mean [host]?" },
		{ "\n  [reverse]\n", "FILE:2: there is no section [reverse]",
		  "did you mean [reserve]?" },
		{ "[vm]\nkeep_free = 1G\n", "FILE:1: there is no section [vm]",
		  "guestram.conf(5) describes them" },
		{ "\xef\xbb\xbf[vm]\nkeep_free = 1\n", "FILE:2: there is no section [vm]",
		  "guestram.conf(5)" },
		{ "[host]\nkeep_free = 1G\nkeep_free = 2G\n",
		  "FILE:3: keep_free is set already in line 2", "" },
		{ "[host]\nkeep_free = much\n", "FILE:2: keep_free: 'much' is not a size",
		  "sizes look like" },
		{ "[host]\nkeep_free =\n", "FILE:2: keep_free: '' is not a size", "sizes" },
		{ "[host]\nkeep_free = 0\n", "FILE:2: keep_free: 0 is too little", "a host" },
		{ "[host]\nkeep_free = 99999999T\n", "FILE:2: keep_free: size '99999999T' is more",
		  "" },
		{ "[host]\nkeep_free = 1G # not a comment\n",
		  "FILE:2: keep_free: '1G # not a comment' is not a size", "" },
		{ "[reserve]\ntimeout = soon\n", "FILE:2: timeout: 'soon' is not a time",
		  "times look like" },
		{ "[reserve]\ntimeout = 0s\n", "FILE:2: timeout: 0 is too little", "" },
		{ "[reserve]\nmax_swapped = all\n", "FILE:2: max_swapped: 'all' is not a size",
		  "" },
		{ "[reserve]\nmax_cache_lost = ALL\n", "FILE:2: max_cache_lost: 'ALL' is not", "" },
		{ "[reserve]\nallow = drop-cache\n",
		  "FILE:2: allow: 'drop-cache' is nothing that can be allowed", "drop-caches" },
		{ "[reserve]\nallow = demote,\n", "FILE:2: allow: '' is nothing", "drop-caches" },
		{ "[reserve]\nallow = demote,,evacuate\n", "FILE:2: allow: '' is nothing", "" },
		{ "[reserve]\nallow = none, demote\n", "FILE:2: allow: 'none' is nothing", "" },
		{ "[reserve]\nallow =\n", "FILE:2: allow: '' is nothing", "" },
		{ "[host\n", "FILE:1: neither [section] nor key = value", "comments begin with" },
		{ "[host]\nkeep_free\n", "FILE:2: neither [section] nor key = value", "" },
		/* The first mistake counts, of whatever kind. */
		{ "[host]\nkeep_free\n[hots]\nx = 1\n", "FILE:2: neither", "" },
		{ "[host]\nx = 1\nkeep_free\n", "FILE:2: [host] has no key 'x'", "" },
		{ "[hots]\nkeep_free\n", "FILE:1: there is no section [hots]",
		  "did you mean [host]?" },
		/* An indented line is a line, not the end of the one above. */
		{ "[host]\nkeep_free = 1G\n  timeout = 1\n", "FILE:3: [host] has no key 'timeout'",
		  "it belongs to [reserve]" },
		{ "[reserve]\nallow = " FIFTY FIFTY FIFTY FIFTY "\n", "FILE:2: a line of more than",
		  "" },
		{ "[reserve]\nmax_swapped = 1G" /* what a cut line would leave of the key */
		  "                                                                             "
		  "                                                                             "
		  "                                           0\n", "FILE:2: a line of more than",
		  "" },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		struct gr_config config;
		struct gr_error err;
		int r = parse(rows[i].text, &config, &err);

		assert_true(r == -EINVAL || r == -ERANGE);
		assert_int_equal(err.class, GR_CLASS_USAGE);
		if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("row %zu: '%s', not '%s'", i, err.message, rows[i].message);
		if (strncmp(err.hint, rows[i].hint, strlen(rows[i].hint)) != 0)
			fail_msg("row %zu: hint '%s', not '%s'", i, err.hint, rows[i].hint);
		assert_int_equal(config.floor.keep_free_bytes, 77); /* untouched */
		assert_int_equal(gr_config_parse(rows[i].text, "FILE", &config, NULL), r);
	}
}

static void test_options(void **state)
{
	struct gr_config config = { .budget.allow = GR_ALLOW_EVACUATE, .budget.timeout_ns = 5 };
	struct gr_error err = { 0 };

	assert_int_equal(gr_config_set(&config, "keep-free", "3G", &err), 0);
	assert_int_equal(config.floor.keep_free_bytes, 3 * GR_GIB);
	assert_int_equal(gr_config_set(&config, "timeout", "2min", &err), 0);
	assert_int_equal(config.budget.timeout_ns, UINT64_C(120000000000));
	assert_int_equal(gr_config_set(&config, "allow", "none", &err), 0);
	assert_int_equal(config.budget.allow, 0);
	assert_int_equal(gr_config_set(&config, "max-cache-lost", "x", &err), -EINVAL);
	assert_string_equal(err.message, "--max-cache-lost: 'x' is not a size");
	assert_int_equal(config.budget.max_cache_lost_bytes, 0);
	assert_int_equal(gr_config_set(&config, "nothing", "x", &err), -EINVAL);
}

struct place { /* a root with the file in it */
	char dir[64], file[128];
	struct gr_root *root;
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	char path[96];

	snprintf(place->dir, sizeof(place->dir), "/tmp/guestram-config-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(path, sizeof(path), "%s/etc", place->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/etc/guestram", place->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(place->file, sizeof(place->file), "%s/guestram.conf", path);
	assert_int_equal(gr_root_open(place->dir, &place->root, NULL), 0);
	*state = place;
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char path[96];

	gr_root_close(place->root);
	unlink(place->file);
	snprintf(path, sizeof(path), "%s/etc/guestram", place->dir);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/etc", place->dir);
	rmdir(path);
	rmdir(place->dir);
	free(place);
	return 0;
}

static void put(const struct place *place, const char *text, size_t len, mode_t mode)
{
	int fd = open(place->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void test_absent(void **state)
{
	struct place *place = *state;
	struct gr_config config;
	struct gr_error err = { 0 };

	memset(&config, 1, sizeof(config));
	assert_int_equal(gr_config_read(place->root, &config, &err), 0);
	assert_memory_equal(&config, &nothing, sizeof(config));
	assert_int_equal(err.message[0], '\0');
}

static void test_present(void **state)
{
	static const char text[] = "[host]\nkeep_free = 1G\n", bad[] = "[host]\nkeep = 1G\n";
	struct place *place = *state;
	struct gr_config config;
	struct gr_error err = { 0 };

	/* In a capture it does not matter who may write it. */
	put(place, text, strlen(text), 0666);
	assert_int_equal(gr_config_read(place->root, &config, &err), 0);
	assert_int_equal(config.floor.keep_free_bytes, GR_GIB);
	put(place, bad, strlen(bad), 0644);
	assert_int_equal(gr_config_read(place->root, &config, &err), -EINVAL);
	assert_non_null(strstr(err.message, place->file)); /* with the root in front */
	assert_int_equal(config.floor.keep_free_bytes, GR_GIB);
}

static void test_nul(void **state)
{
	static const char text[] = "[host]\nkeep_free = 1G\n\0[vm]\n";
	struct place *place = *state;
	struct gr_config config;
	struct gr_error err = { 0 };

	put(place, text, sizeof(text) - 1, 0644);
	assert_int_equal(gr_config_read(place->root, &config, &err), -EINVAL);
	assert_int_equal(err.class, GR_CLASS_USAGE);
}

static void test_no_file(void **state)
{
	struct place *place = *state;
	struct gr_config config;
	struct gr_error err = { 0 };

	assert_int_equal(mkfifo(place->file, 0644), 0);
	assert_int_equal(gr_config_read(place->root, &config, &err), -EINVAL);
	assert_non_null(strstr(err.message, "no regular file"));
	assert_int_equal(err.class, GR_CLASS_SYSTEM);
}

static void test_forbidden(void **state)
{
	struct place *place = *state;
	struct gr_config config;
	struct gr_error err = { 0 };
	int r;

	put(place, "", 0, 0000);
	/* Root may read everything: become somebody else for a moment. */
	if (geteuid() == 0) {
		assert_int_equal(chmod(place->dir, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
		r = gr_config_read(place->root, &config, &err);
		assert_int_equal(seteuid(0), 0);
	} else {
		r = gr_config_read(place->root, &config, &err);
	}
	assert_int_equal(r, -EACCES);
	assert_int_equal(err.class, GR_CLASS_HOST);
	assert_non_null(strstr(err.message, place->file));
	assert_non_null(strstr(err.hint, "0644"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_options),
		cmocka_unit_test_setup_teardown(test_absent, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_present, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nul, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forbidden, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
