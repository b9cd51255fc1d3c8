// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram reserve --external: pages of the pools that another program fills and empties by itself
 * (OVS-DPDK, SPDK). Only a note in the ledger is made.
 */
#include <inttypes.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"

static const struct gr_section sections[] = {
	{ .path = "lease.grants",
	  .title = "Declared",
	  GR_COLUMNS({ "node", "NODE", GR_FMT_TEXT }, { "page_size_bytes", "PAGE", GR_FMT_BYTES },
		     { "pages", "PAGES", GR_FMT_COUNT }) },
	{ .path = "notes" },
	{ .path = "next" },
};

static int print_record(struct gr_cli *cli, const struct gr_lease *lease, uint64_t total)
{
	json_object *doc = gr_rec_new("reserve"), *notes;
	int r;

	gr_cli_lease_record(gr_rec_object(doc, "lease"), lease);
	gr_rec_array(doc, "rungs");
	gr_rec_u64(doc, "short_pages", 0);
	notes = gr_rec_array(doc, "notes");
	if (lease->grants[0].pages > total)
		gr_rec_item_strf(notes,
				 "the pool has %" PRIu64 " pages by now: they are set aside "
				 "as they come",
				 total);
	gr_rec_item_strf(gr_rec_array(doc, "next"),
			 "they stay set aside until: guestram release %s", lease->name);
	r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

/* What was asked for as one grant. */
static int read_grant(struct gr_cli *cli, const struct gr_request *request,
		      const struct gr_host *host, struct gr_grant *ret)
{
	const struct gr_need *need = &request->needs[0];
	uint64_t size =
		need->page_size_bytes ? need->page_size_bytes : host->default_page_size_bytes;
	char bytes[GR_TEXT_MAX], page[GR_TEXT_MAX];

	if (!need->memory_bytes)
		return gr_cli_usage(cli, "--external needs the memory that is meant: -m SIZE");
	if (need->host_nodes.count > 1)
		return gr_cli_usage(cli, "--external: one node a declaration, or none for any");
	if (!size)
		return gr_cli_usage(cli, "this kernel has no huge pages");
	if (need->memory_bytes % size)
		return gr_cli_usage(cli, "%s is no whole number of %s pages",
				    gr_size_arg(need->memory_bytes, bytes),
				    gr_size_text(size, page));
	ret->node = need->host_nodes.count ? (int)need->host_nodes.ids[0] : -1;
	ret->page_size_bytes = size;
	ret->pages = need->memory_bytes / size;
	return 0;
}

/* Nothing is reserved, so most of reserve's options have no meaning. */
static int check_options(struct gr_cli *cli, const struct gr_args *args, const char *name)
{
	static const char *const known[] = { "external",  "owner-pid", "memory",
					     "page-size", "node",      "name" };

	if (!gr_arg(args, "external"))
		return gr_cli_usage(cli, "--owner-pid belongs to --external");
	if (!name)
		return gr_cli_usage(cli, "--external needs a name");
	for (size_t i = 0; i < args->given_count; i++) {
		const char *option = args->given[i].option->name;
		bool meant = false;

		for (size_t k = 0; k < GR_ARRAY_SIZE(known); k++)
			meant |= !strcmp(option, known[k]);
		if (!meant)
			return gr_cli_usage(cli,
					    "--%s has no meaning with --external: it only "
					    "notes whose pages are whose",
					    option);
	}
	return 0;
}

static int read_pid(struct gr_cli *cli, const struct gr_args *args, pid_t *ret)
{
	const char *text = gr_arg(args, "owner-pid");
	uint64_t pid = 0;

	if (text && (gr_parse_u64(text, &pid) < 0 || !pid || pid > INT32_MAX))
		return gr_cli_usage(cli, "--owner-pid: '%.32s' is no pid", text);
	*ret = (pid_t)pid;
	return 0;
}

int gr_cli_declare(struct gr_cli *cli, const struct gr_args *args, const char *name)
{
	_cleanup_request_ struct gr_request request = { 0 };
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL;
	const struct gr_pool *pool;
	struct gr_grant grant;
	pid_t pid = 0;
	int r = check_options(cli, args, name);

	if (r >= 0)
		r = gr_cli_request(cli, args, &request);
	if (r >= 0)
		r = read_pid(cli, args, &pid);
	if (r >= 0)
		r = gr_host_read(cli->root, GR_READ_POOLS, &host, &cli->err);
	if (r >= 0)
		r = read_grant(cli, &request, host, &grant);
	if (r >= 0)
		r = gr_cli_ledger(cli, &ledger);
	if (r >= 0)
		r = gr_external_declare(ledger, name, host, &grant, 1, pid, &lease, &cli->err);
	if (r < 0)
		return r;
	pool = gr_host_pool(host, grant.page_size_bytes, grant.node);
	return print_record(cli, lease, pool ? pool->total : 0);
}
