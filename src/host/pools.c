// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Huge-page pools. Which sizes exist, globally and on each node, is what the sysfs directories
 * list. The kernel's nr_hugepages includes surplus pages, and so does ours. resv_hugepages has
 * been seen to underflow: a value near 2^64 is an accounting bug of the kernel, not a reservation.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

#define GLOBAL "sys/kernel/mm/hugepages"
#define PREFIX "hugepages-"

int gr_pool_path(uint64_t page_size_bytes, int node, const char *file, char *buf, size_t buf_size)
{
	uint64_t kb = page_size_bytes / 1024;
	int n;

	if (node < 0)
		n = snprintf(buf, buf_size, GLOBAL "/" PREFIX "%" PRIu64 "kB/%s", kb, file);
	else
		n = snprintf(buf, buf_size,
			     "sys/devices/system/node/node%d/hugepages/" PREFIX "%" PRIu64 "kB/%s",
			     node, kb, file);
	return n >= 0 && (size_t)n < buf_size ? 0 : -ENAMETOOLONG;
}

static int read_figure(const struct gr_root *root, const struct gr_pool *pool, const char *file,
		       uint64_t *ret)
{
	char path[256];
	int r = gr_pool_path(pool->page_size_bytes, pool->node, file, path, sizeof(path));

	return r < 0 ? r : gr_root_read_u64(root, path, ret, NULL);
}

static void read_reserved(const struct gr_root *root, struct gr_pool *pool)
{
	uint64_t reserved;

	if (read_figure(root, pool, "resv_hugepages", &reserved) < 0)
		return;
	pool->reserved_known = true;
	pool->reserved_raw = reserved;
	pool->reserved_bogus = reserved > INT64_MAX;
	pool->reserved = pool->reserved_bogus ? 0 : reserved;
}

static void read_demote(const struct gr_root *root, struct gr_pool *pool)
{
	_cleanup_free_ char *text = NULL;
	char path[256];

	if (gr_pool_path(pool->page_size_bytes, pool->node, "demote", path, sizeof(path)) < 0)
		return;
	pool->has_demote = gr_root_exists(root, path);
	if (!pool->has_demote ||
	    gr_pool_path(pool->page_size_bytes, pool->node, "demote_size", path, sizeof(path)) < 0)
		return;
	if (gr_root_read(root, path, &text, NULL, NULL) >= 0)
		pool->demote_size_bytes.known =
			gr_kilobytes_parse(text, &pool->demote_size_bytes.value) >= 0;
}

/* A capture cannot show access rights; it does show whether /sys was mounted read-only. */
static bool sysfs_writable(const struct gr_root *root)
{
	_cleanup_free_ struct gr_mountinfo *mounts = NULL;
	_cleanup_free_ char *text = NULL;
	size_t count;

	if (gr_root_read(root, "proc/self/mountinfo", &text, NULL, NULL) < 0 ||
	    gr_mountinfo_parse(text, &mounts, &count) < 0)
		return true;
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(mounts[i].type, "sysfs") && !strcmp(mounts[i].path, "/sys"))
			return !gr_mount_option(mounts[i].options, "ro", NULL, 0);
	}
	return true;
}

static int add_pool(const struct gr_root *root, struct gr_host *host, uint64_t size, int node,
		    bool capture_writable)
{
	struct gr_pool pool = { .page_size_bytes = size, .node = node };
	const struct {
		const char *file;
		uint64_t *into;
	} files[] = {
		{ "nr_hugepages", &pool.total },
		{ "free_hugepages", &pool.free },
		{ "surplus_hugepages", &pool.surplus },
	};
	char path[256] = "";
	int r;

	for (size_t i = 0; i < GR_ARRAY_SIZE(files) && pool.answer == GR_ANSWER_OK; i++) {
		r = read_figure(root, &pool, files[i].file, files[i].into);
		if (r == -ENOMEM)
			return r;
		if (r >= 0)
			continue;
		pool.answer = gr_answer_of(r);
		gr_pool_path(size, node, files[i].file, path, sizeof(path));
		if (gr_host_note_file(host, path, r) < 0)
			return -ENOMEM;
	}
	if (pool.answer != GR_ANSWER_OK)
		pool.total = pool.free = pool.surplus = 0;
	if (node < 0) {
		read_reserved(root, &pool);
		pool.overcommit_known =
			read_figure(root, &pool, "nr_overcommit_hugepages", &pool.overcommit) >= 0;
	}
	read_demote(root, &pool);
	gr_pool_path(size, node, "nr_hugepages", path, sizeof(path));
	pool.writable = gr_root_is_host(root) ? gr_root_writable(root, path) >= 0
					      : capture_writable && gr_root_exists(root, path);
	if (pool.reserved_bogus) {
		gr_pool_path(size, node, "resv_hugepages", path, sizeof(path));
		r = gr_host_note(host,
				 "/%s has underflowed (an accounting bug of this kernel): "
				 "taken as 0",
				 path);
		if (r < 0)
			return r;
	}
	r = gr_grow(&host->pools, host->pool_count, sizeof(*host->pools));
	if (r < 0)
		return r;
	host->pools[host->pool_count++] = pool;
	return 0;
}

static int compare_sizes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The page sizes that a directory lists, ascending. */
static int list_sizes(const struct gr_root *root, struct gr_host *host, const char *dir,
		      uint64_t **ret, size_t *ret_count)
{
	_cleanup_names_ struct gr_names names = { 0 };
	_cleanup_free_ uint64_t *sizes = NULL;
	size_t count = 0;
	int r = gr_root_list(root, dir, &names, NULL);

	if (r < 0)
		return r;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t size;

		if (strncmp(names.names[i], PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		/* Every page is a power of two; a name that is none cannot be a pool. */
		if (gr_kilobytes_parse(names.names[i] + sizeof(PREFIX) - 1, &size) < 0 || !size ||
		    (size & (size - 1))) {
			if (gr_host_note(host, "/%s/%s: malformed name", dir, names.names[i]) < 0)
				return -ENOMEM;
			continue;
		}
		if (gr_grow(&sizes, count, sizeof(*sizes)) < 0)
			return -ENOMEM;
		sizes[count++] = size;
	}
	if (count)
		qsort(sizes, count, sizeof(*sizes), compare_sizes);
	*ret = gr_steal_ptr(sizes);
	*ret_count = count;
	return 0;
}

static int read_node_pools(const struct gr_root *root, struct gr_host *host,
			   const struct gr_node *node, bool capture_writable)
{
	_cleanup_free_ uint64_t *sizes = NULL;
	char dir[128];
	size_t count;
	int r;

	snprintf(dir, sizeof(dir), "sys/devices/system/node/node%u/hugepages", node->id);
	r = list_sizes(root, host, dir, &sizes, &count);
	if (r == -ENOMEM)
		return r;
	/* Nodes without memory have no pools, and where there is no sysfs one note is enough. */
	if (r < 0)
		return gr_answer_of(r) == GR_ANSWER_ABSENT ? 0 : gr_host_note_file(host, dir, r);
	for (size_t i = 0; i < count && r >= 0; i++)
		r = add_pool(root, host, sizes[i], (int)node->id, capture_writable);
	return r;
}

int gr_host_read_pools(const struct gr_root *root, struct gr_host *host)
{
	bool capture_writable = !gr_root_is_host(root) && sysfs_writable(root);
	int r = list_sizes(root, host, GLOBAL, &host->page_sizes, &host->page_size_count);

	if (r < 0)
		return r == -ENOMEM ? r : gr_host_note_file(host, GLOBAL, r);
	for (size_t i = 0; i < host->page_size_count; i++) {
		r = add_pool(root, host, host->page_sizes[i], -1, capture_writable);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < host->node_count; i++) {
		r = read_node_pools(root, host, &host->nodes[i], capture_writable);
		if (r < 0)
			return r;
	}
	return 0;
}
