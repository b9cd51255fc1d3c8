/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A temporary directory as a root: files and links are put into it, and it goes with the test.
 */
#ifndef GR_TEST_TEMP_ROOT_H
#define GR_TEST_TEMP_ROOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/root.h"

struct temp_root {
	char path[64];
	struct gr_root *root;
};

static inline int temp_root_remove(const char *path, const struct stat *st, int type,
				   struct FTW *ftw)
{
	return remove(path);
}

static inline int temp_root_setup(void **state)
{
	struct temp_root *dir = calloc(1, sizeof(*dir));

	strcpy(dir->path, "/tmp/guestram-root.XXXXXX");
	assert_non_null(mkdtemp(dir->path));
	assert_int_equal(gr_root_open(dir->path, &dir->root, NULL), 0);
	*state = dir;
	return 0;
}

static inline int temp_root_teardown(void **state)
{
	struct temp_root *dir = *state;

	gr_root_close(dir->root);
	nftw(dir->path, temp_root_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(dir);
	return 0;
}

static inline void temp_root_path(const struct temp_root *dir, const char *path, char *full,
				  size_t size)
{
	snprintf(full, size, "%s/%s", dir->path, path);
	for (char *p = full + strlen(dir->path) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(full, 0755);
		*p = '/';
	}
}

static inline void temp_root_put(const struct temp_root *dir, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	temp_root_path(dir, path, full, sizeof(full));
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline void temp_root_link(const struct temp_root *dir, const char *path, const char *target)
{
	char full[512];

	temp_root_path(dir, path, full, sizeof(full));
	assert_int_equal(symlink(target, full), 0);
}

#define IN_TEMP_ROOT(test) \
	cmocka_unit_test_setup_teardown(test, temp_root_setup, temp_root_teardown)

#endif
