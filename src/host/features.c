// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What this kernel can do, found out by looking, never by its version: a file that is there, a
 * system call that answers (probe.c), and for the one thing that leaves no trace at all the
 * kernel's configuration. /proc/config.gz would need zlib; /boot has the same file in plain text
 * on most systems, and otherwise contig_alloc follows from what its Kconfig rule is made of.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

#define VM "proc/sys/vm/"

/* Features that are a file. A star in a path stands for the number of any node. */
static const struct {
	const char *name, *path;
} files[] = {
	{ "hugetlb", "sys/kernel/mm/hugepages" },
	{ "numa", "sys/devices/system/node" },
	{ "thp", "sys/kernel/mm/transparent_hugepage" },
	{ "compaction", VM "compact_memory" },
	{ "node_compact", "sys/devices/system/node/node*/compact" },
	{ "node_reclaim", "sys/devices/system/node/node*/reclaim" },
	{ "mempolicy_pools", VM "nr_hugepages_mempolicy" },
	{ "vmemmap_optimisation", VM "hugetlb_optimize_vmemmap" },
	{ "movable_gigantic_pages", VM "movable_gigantic_pages" },
	{ "defrag_mode", VM "defrag_mode" },
	{ "memory_blocks", "sys/devices/system/memory/block_size_bytes" },
	{ "pressure_stall", "proc/pressure/memory" },
	{ "page_flags", "proc/kpageflags" },
};

int gr_config_state(const char *config, const char *name)
{
	char line[80];
	int n = snprintf(line, sizeof(line), "CONFIG_%s=", name);

	for (const char *p = config; n > 0 && (p = strstr(p, line)); p += n) {
		if (p == config || p[-1] == '\n')
			return p[n] == 'y' || p[n] == 'm';
	}
	return 0;
}

static int add_feature(struct gr_host *host, const char *name, int state, const char *source)
{
	struct gr_feature *feature;

	if (gr_grow(&host->features, host->feature_count, sizeof(*host->features)) < 0)
		return -ENOMEM;
	feature = &host->features[host->feature_count++];
	feature->name = name;
	feature->source = source;
	feature->state = state < 0 ? GR_FEATURE_UNKNOWN : state ? GR_FEATURE_YES : GR_FEATURE_NO;
	return 0;
}

/* Without the directory that a file stands in, nothing is known about the file. */
static int file_state(const struct gr_root *root, const struct gr_host *host, const char *path)
{
	const char *slash = strrchr(path, '/'), *star = strchr(path, '*');
	char name[256];

	if (star && !gr_root_exists(root, "sys/devices/system/node"))
		return -ENOENT;
	for (size_t i = 0; star && i < host->node_count; i++) {
		snprintf(name, sizeof(name), "%.*s%u%s", (int)(star - path), path,
			 host->nodes[i].id, star + 1);
		if (gr_root_exists(root, name))
			return 1;
	}
	if (star)
		return 0;
	if (gr_root_exists(root, path))
		return 1;
	snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
	return gr_root_exists(root, name) ? 0 : -ENOENT;
}

static int add_files(const struct gr_root *root, struct gr_host *host)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(files); i++) {
		int state = file_state(root, host, files[i].path);
		int r = add_feature(host, files[i].name, state, files[i].path);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_demote(struct gr_host *host)
{
	int state = host->pool_count ? 0 : -ENOENT;

	for (size_t i = 0; i < host->pool_count; i++)
		state |= host->pools[i].has_demote;
	return add_feature(host, "demote", state, "sys/kernel/mm/hugepages/*/demote");
}

/* cgroup.controllers of version 2, or a line of /proc/cgroups for version 1. */
static int add_cgroup_hugetlb(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *text = NULL;
	char *cursor, *line;
	int r = gr_root_read(root, "proc/cgroups", &text, NULL, NULL), state = 0;

	if (r == -ENOMEM)
		return r;
	cursor = text;
	while (cursor && (line = gr_next_line(&cursor)))
		state |= !strncmp(line, "hugetlb\t", strlen("hugetlb\t"));
	return add_feature(host, "cgroup_hugetlb", r < 0 ? r : state, "proc/cgroups");
}

/* Reclaim by cgroup, where this process has one of version 2. */
static int add_cgroup_reclaim(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *path = NULL;
	int state = -ENOENT;

	if (host->cgroup2) {
		if (gr_asprintf(&path, "%s/memory.reclaim", host->cgroup2) < 0)
			return -ENOMEM;
		state = gr_root_exists(root, path)	      ? 1
			: gr_root_exists(root, host->cgroup2) ? 0
							      : -ENOENT;
	}
	return add_feature(host, "cgroup_reclaim", state, "memory.reclaim of the own cgroup");
}

/*
 * Gigantic pages at run time. CONTIG_ALLOC is (MEMORY_ISOLATION && COMPACTION) || CMA, where
 * MEMORY_ISOLATION comes with memory hot-plug and with memory failure handling.
 */
static int add_contig_alloc(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *config = NULL;
	char path[256];
	bool isolation;
	int r;

	if (host->kernel_release && !strchr(host->kernel_release, '/')) {
		snprintf(path, sizeof(path), "boot/config-%s", host->kernel_release);
		r = gr_root_read(root, path, &config, NULL, NULL);
		if (r == -ENOMEM)
			return r;
		if (r >= 0)
			return add_feature(host, "contig_alloc",
					   gr_config_state(config, "CONTIG_ALLOC"),
					   "boot/config-*");
	}
	if (host->cma_total_bytes.known)
		return add_feature(host, "contig_alloc", 1, "CmaTotal in proc/meminfo");
	if (!gr_root_exists(root, "proc/sys/vm"))
		return add_feature(host, "contig_alloc", -ENOENT, "proc/sys/vm");
	isolation = gr_root_exists(root, VM "memory_failure_recovery") ||
		    gr_root_exists(root, "sys/devices/system/memory/block_size_bytes");
	return add_feature(host, "contig_alloc",
			   isolation && gr_root_exists(root, VM "compact_memory"),
			   "compaction, memory failure, memory blocks");
}

static int add_probes(const struct gr_root *root, struct gr_host *host)
{
	const char *name, *source;

	for (size_t i = 0; (name = gr_probe_name(i, &source)); i++) {
		int r = add_feature(host, name, gr_probe(root, i), source);

		if (r < 0)
			return r;
	}
	return 0;
}

int gr_host_read_features(const struct gr_root *root, struct gr_host *host)
{
	int r = add_files(root, host);

	if (r >= 0)
		r = add_feature(host, "cma", host->cma_total_bytes.known,
				"CmaTotal in proc/meminfo");
	if (r >= 0)
		r = add_demote(host);
	if (r >= 0)
		r = add_cgroup_hugetlb(root, host);
	if (r >= 0)
		r = add_cgroup_reclaim(root, host);
	if (r >= 0)
		r = add_contig_alloc(root, host);
	return r < 0 ? r : add_probes(root, host);
}
