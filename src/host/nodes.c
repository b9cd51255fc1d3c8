// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory nodes and their zones. The numbers of the nodes come from the directory listing, holes
 * and all; a node may have no memory. Without sysfs the zones say which nodes there are, and
 * without those the host counts as one node 0.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"
#include "host/read.h"

#define NODES "sys/devices/system/node"

static void set_memory(struct gr_node *node, const struct gr_meminfo *mem)
{
	node->memory_known = mem->total.known && mem->free.known;
	if (!node->memory_known)
		return;
	node->total_bytes = mem->total.value;
	node->free_bytes = mem->free.value;
	node->slab_reclaimable_bytes = gr_meminfo_reclaimable(mem);
	node->file_bytes = gr_meminfo_file(mem);
}

static int read_node(const struct gr_root *root, struct gr_host *host, struct gr_node *node)
{
	_cleanup_free_ char *text = NULL, *cpus = NULL;
	struct gr_meminfo mem = { 0 };
	char path[128];
	int r;

	snprintf(path, sizeof(path), NODES "/node%u/meminfo", node->id);
	r = gr_root_read(root, path, &text, NULL, NULL);
	if (r >= 0)
		r = gr_meminfo_parse(text, &mem);
	if (r >= 0 && (!mem.total.known || !mem.free.known))
		r = -EBADMSG;
	if (r == -ENOMEM)
		return r;
	if (r < 0 && gr_host_note_file(host, path, r) < 0)
		return -ENOMEM;
	if (r >= 0)
		set_memory(node, &mem);

	snprintf(path, sizeof(path), NODES "/node%u/cpulist", node->id);
	r = gr_root_read(root, path, &cpus, NULL, NULL);
	if (r >= 0)
		r = gr_list_parse(cpus, &node->cpus, NULL);
	node->cpus_known = r >= 0;
	if (r < 0 && r != -ENOMEM)
		r = gr_host_note_file(host, path, r);
	return r;
}

static int add_node(struct gr_host *host, unsigned int id, struct gr_node **ret)
{
	int r = gr_grow(&host->nodes, host->node_count, sizeof(*host->nodes));

	if (r < 0)
		return r;
	*ret = &host->nodes[host->node_count++];
	(*ret)->id = id;
	return 0;
}

static int nodes_without_sysfs(const struct gr_meminfo *mem, struct gr_host *host)
{
	struct gr_node *node;
	int r;

	for (size_t i = 0; i < host->zone_count; i++) {
		if (gr_host_node(host, host->zones[i].node))
			continue;
		r = add_node(host, host->zones[i].node, &node);
		if (r < 0)
			return r;
	}
	if (!host->node_count) {
		r = add_node(host, 0, &node);
		if (r < 0)
			return r;
	}
	if (host->node_count == 1)
		set_memory(host->nodes, mem);
	return 0;
}

static int read_sysfs_nodes(const struct gr_root *root, const struct gr_meminfo *mem,
			    struct gr_host *host)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int r = gr_root_list(root, NODES, &names, NULL);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		r = gr_host_note_file(host, NODES, r);
		return r < 0 ? r : nodes_without_sysfs(mem, host);
	}
	for (size_t i = 0; i < names.count; i++) {
		struct gr_node *node;
		uint64_t id;

		if (strncmp(names.names[i], "node", 4) != 0 ||
		    gr_parse_u64(names.names[i] + 4, &id) < 0 || id > GR_LIST_ID_MAX)
			continue;
		r = add_node(host, (unsigned int)id, &node);
		if (r >= 0)
			r = read_node(root, host, node);
		if (r < 0)
			return r;
	}
	return host->node_count ? 0 : nodes_without_sysfs(mem, host);
}

static int read_zones(const struct gr_root *root, struct gr_host *host)
{
	_cleanup_free_ char *zoneinfo = NULL, *buddyinfo = NULL;
	int r = gr_root_read(root, "proc/zoneinfo", &zoneinfo, NULL, NULL);

	if (r >= 0)
		r = gr_zoneinfo_parse(zoneinfo, &host->zones, &host->zone_count);
	if (r < 0 && r != -ENOMEM)
		r = gr_host_note_file(host, "proc/zoneinfo", r);
	if (r < 0)
		return r;
	r = gr_root_read(root, "proc/buddyinfo", &buddyinfo, NULL, NULL);
	if (r >= 0)
		r = gr_buddyinfo_parse(buddyinfo, &host->zones, &host->zone_count);
	if (r < 0 && r != -ENOMEM)
		r = gr_host_note_file(host, "proc/buddyinfo", r);
	return r;
}

int gr_host_read_nodes(const struct gr_root *root, const struct gr_meminfo *mem,
		       struct gr_host *host)
{
	/* The zones first: what is unplaced is the difference between two reads. */
	int r = read_zones(root, host);

	if (r >= 0)
		r = read_sysfs_nodes(root, mem, host);
	if (r >= 0)
		r = gr_host_read_base_page(root, host);
	if (r >= 0)
		r = gr_host_settle(mem, host);
	return r;
}
