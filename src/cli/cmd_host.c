// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram host: what the machine has. The whole inventory becomes one record; the view below
 * picks from it what a person wants to see first. Nothing is decided here, and nothing is written.
 */
#include "base/util.h"
#include "cli/cli.h"
#include "cli/host_survey.h"
#include "host/host.h"
#include "plan/plan.h"

static void add_figure(json_object *obj, const char *key, struct gr_figure figure)
{
	gr_rec_u64_known(obj, key, figure.known, figure.value);
}

static void add_kernel(json_object *doc, const struct gr_host *host)
{
	json_object *kernel = gr_rec_object(doc, "kernel");

	gr_rec_str(kernel, "release", host->kernel_release);
	gr_rec_str(kernel, "architecture", host->architecture);
	gr_rec_str(kernel, "boot_id", host->boot_id);
	gr_rec_u64(kernel, "base_page_bytes", host->base_page_bytes);
	gr_rec_u64_known(kernel, "cpus_online", host->cpus_online, host->cpus_online);
}

static void add_memory(json_object *doc, const struct gr_host *host)
{
	json_object *memory = gr_rec_object(doc, "memory");

	gr_rec_u64(memory, "total_bytes", host->mem_total_bytes);
	gr_rec_u64(memory, "free_bytes", host->mem_free_bytes);
	gr_rec_u64(memory, "available_bytes", host->mem_available_bytes);
	gr_rec_u64(memory, "unplaced_free_bytes", host->unplaced_free_bytes);
	gr_rec_u64_known(memory, "swap_free_bytes", host->swap_known, host->swap_free_bytes);
	gr_rec_u64_known(memory, "page_tables_bytes", host->page_tables_known,
			 host->page_tables_bytes);
	add_figure(memory, "hugetlb_bytes", host->hugetlb_bytes);
	add_figure(memory, "cma_total_bytes", host->cma_total_bytes);
	gr_rec_u64_known(memory, "default_page_size_bytes", host->default_page_size_bytes,
			 host->default_page_size_bytes);
	gr_rec_list(memory, "nodes_allowed", &host->nodes_allowed);
}

/* What a pool of either kind has. */
static json_object *add_pool(json_object *pools, const struct gr_root *root,
			     const struct gr_pool *pool)
{
	json_object *item = gr_rec_item(pools);
	bool known = pool->answer == GR_ANSWER_OK;

	gr_rec_u64(item, "page_size_bytes", pool->page_size_bytes);
	gr_rec_u64_known(item, "total", known, pool->total);
	gr_rec_u64_known(item, "free", known, pool->free);
	gr_rec_u64_known(item, "surplus", known, pool->surplus);
	add_figure(item, "demote_size_bytes", pool->demote_size_bytes);
	/* Whether this process may write says nothing about the host of a capture. */
	if (gr_root_is_host(root))
		gr_rec_bool(item, "writable", pool->writable);
	else
		gr_rec_null(item, "writable");
	return item;
}

static void add_global_pools(json_object *doc, const struct gr_root *root,
			     const struct gr_host *host)
{
	json_object *pools = gr_rec_array(doc, "pools");

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];
		json_object *item;

		if (pool->node >= 0)
			continue;
		item = add_pool(pools, root, pool);
		gr_rec_u64_known(item, "reserved", pool->reserved_known && !pool->reserved_bogus,
				 pool->reserved);
		gr_rec_u64_known(item, "overcommit", pool->overcommit_known, pool->overcommit);
	}
}

static void add_node_pools(json_object *node, const struct gr_root *root,
			   const struct gr_host *host, const struct gr_floor *floor,
			   const struct gr_losses *losses, unsigned int id)
{
	json_object *pools = gr_rec_array(node, "pools");

	for (size_t i = 0; i < host->pool_count; i++) {
		const struct gr_pool *pool = &host->pools[i];
		json_object *item;

		if (pool->node < 0 || (unsigned int)pool->node != id)
			continue;
		item = add_pool(pools, root, pool);
		gr_rec_u64(item, "node", id);
		gr_cli_add_obtainable(item, host, pool, floor, losses);
		gr_cli_add_ranges(item, host, pool);
	}
}

static void add_nodes(json_object *doc, const struct gr_root *root, const struct gr_host *host,
		      const struct gr_floor *floor, const struct gr_losses *losses)
{
	json_object *nodes = gr_rec_array(doc, "nodes");

	for (size_t i = 0; i < host->node_count; i++) {
		const struct gr_node *node = &host->nodes[i];
		json_object *item = gr_rec_item(nodes);
		_cleanup_free_ char *cpus = gr_list_text(&node->cpus);
		bool known = node->memory_known;

		gr_rec_u64(item, "id", node->id);
		gr_rec_u64_known(item, "total_bytes", known, node->total_bytes);
		gr_rec_u64_known(item, "free_bytes", known, node->free_bytes);
		gr_rec_u64_known(item, "available_bytes_estimate", known,
				 node->available_bytes_estimate);
		gr_rec_str(item, "cpus", node->cpus_known ? cpus : NULL);
		add_node_pools(item, root, host, floor, losses, node->id);
		gr_cli_add_content(item, host, node->id);
	}
}

static void add_zones(json_object *doc, const struct gr_host *host)
{
	json_object *zones = gr_rec_array(doc, "zones");

	for (size_t i = 0; i < host->zone_count; i++) {
		const struct gr_zone *zone = &host->zones[i];
		json_object *item = gr_rec_item(zones), *buddy;

		gr_rec_u64(item, "node", zone->node);
		gr_rec_str(item, "name", zone->name);
		gr_rec_u64(item, "free_pages", zone->free_pages);
		gr_rec_u64(item, "min_pages", zone->min_pages);
		gr_rec_u64(item, "low_pages", zone->low_pages);
		gr_rec_u64(item, "high_pages", zone->high_pages);
		gr_rec_u64(item, "present_pages", zone->present_pages);
		gr_rec_u64(item, "managed_pages", zone->managed_pages);
		gr_rec_u64(item, "lowmem_reserve_pages", zone->lowmem_reserve_pages);
		buddy = gr_rec_array(item, "buddy");
		for (unsigned int order = 0; order < zone->orders; order++) {
			json_object *list = gr_rec_item(buddy);

			gr_rec_u64(list, "order", order);
			gr_rec_u64(list, "blocks", zone->buddy[order]);
		}
	}
}

static void add_thp(json_object *doc, const struct gr_host *host)
{
	/* The settings that most questions are about also stand beside the list of all. */
	static const char *const often[] = { "enabled", "defrag", "shmem_enabled" };
	const struct gr_thp *thp = &host->thp;
	json_object *obj = gr_rec_object(doc, "thp"), *settings;

	gr_rec_bool(obj, "present", thp->present);
	gr_rec_u64_known(obj, "pmd_size_bytes", thp->pmd_size_bytes, thp->pmd_size_bytes);
	for (size_t i = 0; i < GR_ARRAY_SIZE(often); i++)
		gr_rec_str(obj, often[i], gr_host_thp(host, often[i]));
	settings = gr_rec_array(obj, "settings");
	for (size_t i = 0; i < thp->count; i++) {
		const struct gr_setting *setting = &thp->settings[i];
		json_object *item = gr_rec_item(settings);
		json_object *choices;

		gr_rec_str(item, "key", setting->key);
		gr_rec_str(item, "value", setting->value);
		choices = gr_rec_array(item, "choices");
		for (size_t c = 0; setting->choices && setting->choices[c]; c++)
			gr_rec_item_str(choices, setting->choices[c]);
	}
}

static void add_kvm(json_object *doc, const struct gr_host *host)
{
	static const char *const answers[] = {
		[GR_ANSWER_OK] = "usable",
		[GR_ANSWER_ABSENT] = "absent",
		[GR_ANSWER_FORBIDDEN] = "forbidden",
		[GR_ANSWER_MALFORMED] = "broken",
	};
	json_object *kvm = gr_rec_object(doc, "kvm");

	gr_rec_str(kvm, "device", answers[host->kvm.device]);
	gr_rec_str(kvm, "module", host->kvm.module);
	if (host->kvm.nested_parameter_known)
		gr_rec_bool(kvm, "nested", host->kvm.nested);
	else
		gr_rec_null(kvm, "nested");
	gr_rec_str(kvm, "nx_huge_pages", host->kvm.nx_huge_pages);
}

static void add_mounts(json_object *doc, const struct gr_host *host)
{
	json_object *mounts = gr_rec_array(doc, "mounts");

	for (size_t i = 0; i < host->mount_count; i++) {
		const struct gr_mount *mount = &host->mounts[i];
		json_object *item = gr_rec_item(mounts);

		gr_rec_str(item, "path", mount->path);
		gr_rec_u64_known(item, "page_size_bytes", mount->page_size_bytes,
				 mount->page_size_bytes);
		add_figure(item, "size_bytes", mount->size_bytes);
		add_figure(item, "min_size_bytes", mount->min_size_bytes);
		add_figure(item, "uid", mount->uid);
		add_figure(item, "gid", mount->gid);
		if (mount->mode.known)
			gr_rec_strf(item, "mode", "%04o", (unsigned int)mount->mode.value);
		else
			gr_rec_null(item, "mode");
		gr_rec_bool(item, "read_only", mount->read_only);
	}
}

static void add_limits(json_object *doc, const struct gr_host *host)
{
	json_object *limits = gr_rec_array(doc, "cgroup_limits");

	for (size_t i = 0; i < host->limit_count; i++) {
		const struct gr_cgroup_limit *limit = &host->limits[i];
		json_object *item = gr_rec_item(limits);

		gr_rec_str(item, "cgroup", limit->cgroup);
		gr_rec_str(item, "file", limit->file);
		gr_rec_u64_known(item, "limit_bytes", !limit->is_list, limit->limit_bytes);
		add_figure(item, "current_bytes", limit->current_bytes);
		gr_rec_str(item, "nodes", limit->list);
	}
}

static void add_features(json_object *doc, const struct gr_host *host)
{
	json_object *features = gr_rec_array(doc, "features");
	json_object *missing = NULL;

	for (size_t i = 0; i < host->feature_count; i++) {
		const struct gr_feature *feature = &host->features[i];
		json_object *item = gr_rec_item(features);

		gr_rec_str(item, "name", feature->name);
		if (feature->state == GR_FEATURE_UNKNOWN)
			gr_rec_null(item, "supported");
		else
			gr_rec_bool(item, "supported", feature->state == GR_FEATURE_YES);
		gr_rec_str(item, "source", feature->source);
	}
	missing = gr_rec_array(doc, "features_missing");
	for (size_t i = 0; i < host->feature_count; i++) {
		if (host->features[i].state == GR_FEATURE_NO)
			gr_rec_item_str(missing, host->features[i].name);
	}
}

static const struct gr_section view[] = {
	{ .path = "",
	  GR_COLUMNS({ "kernel.release", "Kernel", GR_FMT_TEXT },
		     { "kernel.architecture", "Architecture", GR_FMT_TEXT },
		     { "memory.total_bytes", "Memory", GR_FMT_BYTES },
		     { "memory.available_bytes", "Available", GR_FMT_BYTES },
		     { "kernel.base_page_bytes", "Base page", GR_FMT_BYTES },
		     { "memory.default_page_size_bytes", "Default huge page", GR_FMT_BYTES }) },
	{ .path = "nodes",
	  .title = "\nNodes",
	  GR_COLUMNS({ "id", "NODE", GR_FMT_COUNT }, { "total_bytes", "TOTAL", GR_FMT_BYTES },
		     { "free_bytes", "FREE", GR_FMT_BYTES },
		     { "available_bytes_estimate", "AVAILABLE", GR_FMT_BYTES },
		     { "cpus", "CPUS", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "pools",
	  .title = "\nHuge-page pools, whole host (pages)",
	  .empty = "none: this host has no huge-page pools, or hides them",
	  GR_COLUMNS({ "page_size_bytes", "SIZE", GR_FMT_BYTES },
		     { "total", "TOTAL", GR_FMT_COUNT }, { "free", "FREE", GR_FMT_COUNT },
		     { "reserved", "RESERVED", GR_FMT_COUNT },
		     { "surplus", "SURPLUS", GR_FMT_COUNT },
		     { "overcommit", "OVERCOMMIT", GR_FMT_COUNT }) },
	{ .path = "nodes[].pools",
	  .title = "\nHuge-page pools per node (pages), and how many more could be had",
	  GR_COLUMNS({ "node", "NODE", GR_FMT_COUNT }, { "page_size_bytes", "SIZE", GR_FMT_BYTES },
		     { "total", "TOTAL", GR_FMT_COUNT }, { "free", "FREE", GR_FMT_COUNT },
		     { "surplus", "SURPLUS", GR_FMT_COUNT },
		     { "obtainable_now", "AT ONCE", GR_FMT_COUNT },
		     { "obtainable_by_ladder", "WITH EFFORT", GR_FMT_COUNT },
		     { "obtainable_at_most", "AT MOST", GR_FMT_COUNT }) },
	{ .path = "blocked",
	  .title = "\nNearest to a page of that size, and how many pages are in the way",
	  GR_COLUMNS({ "node", "NODE", GR_FMT_COUNT }, { "page_size_bytes", "SIZE", GR_FMT_BYTES },
		     { "start_bytes", "AT", GR_FMT_BYTES },
		     { "kernel_pages", "KERNEL", GR_FMT_COUNT },
		     { "page_table_pages", "PAGE TABLES", GR_FMT_COUNT },
		     { "slab_pages", "SLAB", GR_FMT_COUNT }) },
	{ .path = "thp",
	  .title = "\nTransparent huge pages",
	  GR_COLUMNS({ "enabled", "Enabled", GR_FMT_TEXT }, { "defrag", "Defrag", GR_FMT_TEXT },
		     { "shmem_enabled", "Shared memory", GR_FMT_TEXT }) },
	{ .path = "kvm",
	  .title = "\nKVM",
	  GR_COLUMNS({ "device", "/dev/kvm", GR_FMT_TEXT }, { "module", "Module", GR_FMT_TEXT },
		     { "nested", "Nested", GR_FMT_YESNO },
		     { "nx_huge_pages", "NX huge pages", GR_FMT_TEXT }) },
	{ .path = "mounts",
	  .title = "\nMounts of hugetlbfs",
	  GR_COLUMNS({ "page_size_bytes", "SIZE", GR_FMT_BYTES },
		     { "size_bytes", "LIMIT", GR_FMT_BYTES },
		     { "min_size_bytes", "EARMARKED", GR_FMT_BYTES },
		     { "mode", "MODE", GR_FMT_TEXT },
		     { "path", "PATH", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "cgroup_limits",
	  .title = "\nLimits of the own cgroup and those above it",
	  GR_COLUMNS({ "file", "FILE", GR_FMT_TEXT }, { "limit_bytes", "LIMIT", GR_FMT_BYTES },
		     { "current_bytes", "USED", GR_FMT_BYTES }, { "nodes", "NODES", GR_FMT_TEXT },
		     { "cgroup", "CGROUP", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "features_missing", .title = "\nNot supported by this kernel" },
	{ .path = "notes", .title = "\nNotes" },
};

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_host_ struct gr_host *host = NULL;
	struct gr_losses losses;
	struct gr_floor floor;
	json_object *doc, *notes;
	int r;

	if (args->word_count)
		return gr_cli_usage(cli, "host takes no words: '%.64s'", args->words[0]);
	r = gr_cli_floor(cli, args, &floor);
	if (r >= 0)
		r = gr_cli_losses(cli, args, &losses);
	if (r >= 0)
		r = gr_host_read(cli->root, GR_READ_ALL, &host, &cli->err);
	if (r >= 0)
		r = gr_host_survey(cli->root, gr_arg(args, "survey") ? 0 : GR_CLI_SURVEY_PAGES, host,
				   &cli->err);
	if (r < 0)
		return r;
	doc = gr_rec_new("host");
	add_kernel(doc, host);
	add_memory(doc, host);
	add_nodes(doc, cli->root, host, &floor, &losses);
	add_global_pools(doc, cli->root, host);
	add_thp(doc, host);
	add_kvm(doc, host);
	add_mounts(doc, host);
	add_limits(doc, host);
	add_features(doc, host);
	add_zones(doc, host);
	notes = gr_rec_array(doc, "notes");
	for (size_t i = 0; i < host->note_count; i++)
		gr_rec_item_str(notes, host->notes[i]);
	r = gr_cli_add_survey(cli, doc, host);
	if (r >= 0)
		r = gr_cli_print(cli, doc, view, GR_ARRAY_SIZE(view));
	json_object_put(doc);
	return r;
}

const struct gr_command gr_cmd_host = {
	.name = "host",
	.summary = "Show what this host has: nodes, huge-page pools, THP, KVM, limits",
	.synopsis = "[options]",
	.about = "Reads only. AT ONCE counts pages that a plain write to the pool would get now,\n"
		 "WITH EFFORT those that compaction and reclaim should add, AT MOST what is never\n"
		 "exceeded. All leave the kernel its floor. AVAILABLE per node is an estimate, and\n"
		 "so is WITH EFFORT unless root asks: then the pages themselves are looked at.",
	GR_OPTIONS({ "survey", 0, NULL, "look at every page (root), not at a sample" }),
	.run = run,
};
