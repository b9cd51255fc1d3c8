// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The huge pages that a boot was asked for, from all the places that say so. sysctl comes after the
 * kernel's command line and writes an absolute count, so where it names one, that is the pool of
 * the default size. Files are taken in the order in which systemd-sysctl(8) and sysctl(8) do.
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "host/boot_pools.h"

int gr_sysctl_parse(const char *text, uint64_t *ret_pages)
{
	static const char *const names[] = { "vm.nr_hugepages", "vm/nr_hugepages" };
	_cleanup_free_ char *copy = strdup(text);
	char *cursor = copy, *line;
	int r = copy ? -ENOENT : -ENOMEM;

	while (copy && (line = gr_next_line(&cursor))) {
		char *value = strchr(line, '='), *key = line + strspn(line, " \t-");
		size_t len;

		if (!value || *key == '#' || *key == ';')
			continue;
		for (len = (size_t)(value - key); len && strchr(" \t", key[len - 1]);)
			len--;
		value += 1 + strspn(value + 1, " \t");
		value[strcspn(value, " \t\r")] = '\0';
		for (size_t i = 0; i < GR_ARRAY_SIZE(names); i++) {
			if (len == strlen(names[i]) && !strncmp(key, names[i], len) &&
			    gr_parse_u64(value, ret_pages) == 0)
				r = 0;
		}
	}
	return r;
}

static int compare_names(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;

	return strcmp(strrchr(x, '/'), strrchr(y, '/'));
}

/* Files of all directories, by name; of two of one name only the first directory's counts. */
static int list_files(const struct gr_root *root, char ***ret, size_t *ret_count)
{
	static const char *const dirs[] = { "etc/sysctl.d", "run/sysctl.d", "usr/lib/sysctl.d" };
	char **files = NULL;
	size_t count = 0;

	for (size_t d = 0; d < GR_ARRAY_SIZE(dirs); d++) {
		_cleanup_names_ struct gr_names names = { 0 };

		if (gr_root_list(root, dirs[d], &names, NULL) < 0)
			continue;
		for (size_t i = 0; i < names.count; i++) {
			const char *name_i = names.names[i], *end = strrchr(name_i, '.');
			bool taken = !end || strcmp(end, ".conf") != 0;

			for (size_t k = 0; k < count && !taken; k++)
				taken = !strcmp(strrchr(files[k], '/') + 1, name_i);
			if (taken)
				continue;
			*ret = files;
			*ret_count = count;
			if (gr_grow(&files, count, sizeof(char *)) < 0 ||
			    gr_asprintf(&files[count], "%s/%s", dirs[d], name_i) < 0)
				return -ENOMEM;
			count++;
		}
	}
	if (count)
		qsort(files, count, sizeof(char *), compare_names);
	*ret = files;
	*ret_count = count;
	return 0;
}

/* Return: 0; -ENOENT where nothing sets it; -ENOMEM. */
static int read_sysctl(const struct gr_root *root, uint64_t *ret_pages)
{
	char **files = NULL;
	size_t count = 0;
	int r = list_files(root, &files, &count), found = -ENOENT;

	for (size_t i = 0; i <= count && r >= 0; i++) {
		_cleanup_free_ char *text = NULL;

		/* /etc/sysctl.conf is read last. */
		if (gr_root_read(root, i < count ? files[i] : "etc/sysctl.conf", &text, NULL,
				 NULL) < 0)
			continue;
		r = gr_sysctl_parse(text, ret_pages);
		if (r != -ENOENT)
			found = r;
		r = r == -ENOMEM ? r : 0;
	}
	for (size_t i = 0; i < count; i++)
		free(files[i]);
	free(files);
	return r < 0 ? r : found;
}

/* @pages of the default size, instead of what the boot line says of it. */
static int put_default(struct gr_boot_pools *pools, uint64_t default_size_bytes, uint64_t pages)
{
	size_t kept = 0;

	for (size_t i = 0; i < pools->count; i++) {
		if (pools->pools[i].page_size_bytes != default_size_bytes)
			pools->pools[kept++] = pools->pools[i];
	}
	pools->count = kept;
	if (gr_grow(&pools->pools, kept, sizeof(*pools->pools)) < 0)
		return -ENOMEM;
	pools->pools[pools->count++] = (struct gr_boot_pool){ .page_size_bytes = default_size_bytes,
							      .node = -1,
							      .pages = pages,
							      .source = "sysctl" };
	return 0;
}

int gr_boot_pools_read(const struct gr_root *root, uint64_t default_size_bytes,
		       const uint64_t *sizes, size_t size_count, struct gr_boot_pools *ret)
{
	_cleanup_boot_pools_ struct gr_boot_pools pools = { 0 };
	_cleanup_free_ char *text = NULL;
	uint64_t pages;
	int r = gr_root_read(root, "proc/cmdline", &text, NULL, NULL);

	r = gr_boot_line_parse(r < 0 ? "" : text, default_size_bytes, sizes, size_count, &pools);
	if (r < 0)
		return r;
	r = read_sysctl(root, &pages);
	if (r >= 0)
		r = put_default(&pools, default_size_bytes, pages);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = pools;
	pools = (struct gr_boot_pools){ 0 };
	return 0;
}
