// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The options that describe a VM, turned into a request. Switches are a table of names and the
 * fields that they set; what is not on the command line keeps its zero.
 */
#include <stddef.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/cli.h"
#include "lease/config.h"

static const struct {
	const char *option;
	size_t flag; /* offset of a bool in struct gr_request */
} traits[] = {
	{ "passthrough", offsetof(struct gr_request, passthrough) },
	{ "shared", offsetof(struct gr_request, shared) },
	{ "hotplug", offsetof(struct gr_request, memory_hotplug) },
	{ "balloon", offsetof(struct gr_request, balloon) },
	{ "ksm", offsetof(struct gr_request, ksm) },
	{ "migration", offsetof(struct gr_request, migration) },
	{ "locked", offsetof(struct gr_request, locked) },
};

/* A size that is there and not 0; *@ret stays as it is if the option was not given. */
static int read_size(struct gr_cli *cli, const struct gr_args *args, const char *option,
		     uint64_t plain_unit, uint64_t *ret)
{
	const char *text = gr_arg(args, option);
	uint64_t bytes;
	int r;

	if (!text)
		return 0;
	r = gr_parse_size(text, plain_unit, &bytes, &cli->err);
	if (r < 0) {
		gr_error_prefix(&cli->err, "--%s: ", option);
		return r;
	}
	if (bytes == 0)
		return gr_cli_usage(cli, "--%s: 0 is too little", option);
	*ret = bytes;
	return 0;
}

/* --page-size and --node, for every need that does not say its own nodes. */
static int merge_needs(struct gr_cli *cli, const struct gr_args *args, struct gr_request *request)
{
	const char *nodes = gr_arg(args, "node");
	_cleanup_list_ struct gr_list list = { 0 };
	uint64_t page_size_bytes = 0;
	int r = read_size(cli, args, "page-size", 1, &page_size_bytes);

	if (r >= 0 && nodes) {
		r = gr_list_parse(nodes, &list, &cli->err);
		if (r < 0)
			gr_error_prefix(&cli->err, "--node: ");
		else if (!list.count)
			r = gr_cli_usage(cli, "--node: no node is named");
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < request->need_count; i++) {
		struct gr_need *need = &request->needs[i];

		if (page_size_bytes)
			need->page_size_bytes = page_size_bytes;
		if (!nodes || need->host_nodes.count)
			continue;
		if (gr_list_copy(&list, &need->host_nodes) < 0)
			return gr_error_nomem(&cli->err);
		need->policy = gr_arg(args, "preferred") ? GR_POLICY_PREFERRED : GR_POLICY_BIND;
	}
	return 0;
}

int gr_cli_merge_request(struct gr_cli *cli, const struct gr_args *args, struct gr_request *request)
{
	const char *backing = gr_arg(args, "backing"), *goal = gr_arg(args, "goal");
	int r = 0;

	if (backing)
		r = gr_backing_parse(backing, &request->backing, &cli->err);
	if (r >= 0 && goal)
		r = gr_goal_parse(goal, &request->goal, &cli->err);
	for (size_t i = 0; i < GR_ARRAY_SIZE(traits); i++) {
		bool *flag = (bool *)((char *)request + traits[i].flag);

		*flag |= gr_arg(args, traits[i].option) != NULL;
	}
	return r < 0 ? r : merge_needs(cli, args, request);
}

int gr_cli_memory(struct gr_cli *cli, const struct gr_args *args, uint64_t *ret_bytes)
{
	return read_size(cli, args, "memory", GR_MIB, ret_bytes);
}

int gr_cli_request(struct gr_cli *cli, const struct gr_args *args, struct gr_request *ret)
{
	_cleanup_request_ struct gr_request request = { 0 };
	struct gr_need *need;
	int r;

	if (gr_request_add(&request, &need) < 0)
		return gr_error_nomem(&cli->err);
	r = gr_cli_memory(cli, args, &need->memory_bytes);
	if (r >= 0)
		r = gr_cli_merge_request(cli, args, &request);
	if (r < 0)
		return r;
	need->shared = request.shared;
	*ret = request;
	request = (struct gr_request){ 0 };
	return 0;
}

/* The host's file, and over it those of @options that were given. */
static int read_config(struct gr_cli *cli, const struct gr_args *args, const char *const *options,
		       size_t count, struct gr_config *ret)
{
	int r = gr_config_read(cli->root, ret, &cli->err);

	for (size_t i = 0; i < count && r >= 0; i++) {
		const char *value = gr_arg(args, options[i]);

		if (value)
			r = gr_config_set(ret, options[i], value, &cli->err);
	}
	return r;
}

int gr_cli_floor(struct gr_cli *cli, const struct gr_args *args, struct gr_floor *ret)
{
	static const char *const options[] = { "keep-free" };
	struct gr_config config;
	int r = read_config(cli, args, options, GR_ARRAY_SIZE(options), &config);

	if (r >= 0)
		*ret = config.floor;
	return r;
}

int gr_cli_budget(struct gr_cli *cli, const struct gr_args *args, struct gr_budget *ret)
{
	static const char *const options[] = {
		"timeout", "max-cache-lost", "max-swapped", "allow",
	};
	struct gr_config config;
	int r = read_config(cli, args, options, GR_ARRAY_SIZE(options), &config);

	if (r >= 0)
		*ret = config.budget;
	return r;
}

int gr_cli_losses(struct gr_cli *cli, const struct gr_args *args, struct gr_losses *ret)
{
	struct gr_budget budget;
	int r = gr_cli_budget(cli, args, &budget);

	if (r < 0)
		return r;
	/* The limits that are filled in when none was given grow with what is missing. */
	ret->cache_bytes = budget.max_cache_lost_bytes ? budget.max_cache_lost_bytes : UINT64_MAX;
	ret->swap_bytes = budget.max_swapped_bytes ? budget.max_swapped_bytes : UINT64_MAX;
	return 0;
}
