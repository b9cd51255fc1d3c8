// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The hugetlbfs mounts that a VMM could use, from /proc/self/mountinfo. The kernel writes
 * pagesize=2M and plain bytes for size=; people and other tools write 1024M, 2048k, 1073741824 or
 * nothing at all, which means the default page size. A mount that another one hides is left out.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "host/read.h"

static void read_size(const char *options, const char *name, struct gr_figure *ret)
{
	char value[64];

	if (gr_mount_option(options, name, value, sizeof(value)))
		ret->known = gr_parse_size(value, 1, &ret->value, NULL) >= 0;
}

static void read_number(const char *options, const char *name, int base, struct gr_figure *ret)
{
	char value[32], *end;

	if (!gr_mount_option(options, name, value, sizeof(value)) || value[0] < '0' ||
	    value[0] > '9')
		return;
	errno = 0;
	ret->value = strtoull(value, &end, base);
	ret->known = !errno && !*end;
}

static int fill(const struct gr_mountinfo *info, uint64_t default_page_size_bytes,
		struct gr_mount *ret)
{
	struct gr_mount mount = { 0 };
	struct gr_figure page_size = { 0 };

	read_size(info->super_options, "pagesize", &page_size);
	mount.has_pagesize_option = gr_mount_option(info->super_options, "pagesize", NULL, 0);
	if (mount.has_pagesize_option)
		mount.page_size_bytes = page_size.known ? page_size.value : 0;
	else
		mount.page_size_bytes = default_page_size_bytes;
	read_size(info->super_options, "size", &mount.size_bytes);
	read_size(info->super_options, "min_size", &mount.min_size_bytes);
	read_number(info->super_options, "uid", 10, &mount.uid);
	read_number(info->super_options, "gid", 10, &mount.gid);
	read_number(info->super_options, "mode", 8, &mount.mode);
	mount.read_only = gr_mount_option(info->options, "ro", NULL, 0) ||
			  gr_mount_option(info->super_options, "ro", NULL, 0);
	mount.path = strdup(info->path);
	if (!mount.path)
		return -ENOMEM;
	*ret = mount;
	return 0;
}

int gr_mounts_parse(char *text, uint64_t default_page_size_bytes, struct gr_mount **ret,
		    size_t *ret_count)
{
	_cleanup_free_ struct gr_mountinfo *infos = NULL;
	struct gr_mount *mounts = NULL;
	size_t info_count, count = 0;
	int skipped = gr_mountinfo_parse(text, &infos, &info_count);

	if (skipped < 0)
		return skipped;
	for (size_t i = 0; i < info_count; i++) {
		if (strcmp(infos[i].type, "hugetlbfs") != 0 ||
		    !gr_mountinfo_visible(infos, info_count, i))
			continue;
		if (gr_grow(&mounts, count, sizeof(*mounts)) < 0 ||
		    fill(&infos[i], default_page_size_bytes, &mounts[count]) < 0) {
			gr_mounts_free(mounts, count);
			return -ENOMEM;
		}
		count++;
	}
	*ret = mounts;
	*ret_count = count;
	return skipped;
}

int gr_host_hugetlbfs(const struct gr_root *root, const char *path,
		      uint64_t default_page_size_bytes, struct gr_mount **ret, size_t *ret_count)
{
	_cleanup_free_ char *text = NULL;
	int r = gr_root_read(root, path, &text, NULL, NULL);

	return r < 0 ? r : gr_mounts_parse(text, default_page_size_bytes, ret, ret_count);
}

void gr_mounts_free(struct gr_mount *mounts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(mounts[i].path);
	free(mounts);
}

int gr_host_read_mounts(const struct gr_root *root, struct gr_host *host)
{
	static const char path[] = "proc/self/mountinfo";
	int r = gr_host_hugetlbfs(root, path, host->default_page_size_bytes, &host->mounts,
				  &host->mount_count);

	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, path, r);
	if (r > 0)
		return gr_host_note(host, "/%s: %d malformed lines skipped", path, r);
	return r;
}
