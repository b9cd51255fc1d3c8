// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram list: who has which pages; and of each pool what leases have, what other owners
 * declared, and what nobody did. Reads the ledger without its lock and changes nothing.
 */
#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "lease/books.h"

static const struct gr_section sections[] = {
	{ .path = "leases",
	  .empty = "No leases.",
	  GR_COLUMNS({ "name", "NAME", GR_FMT_TEXT }, { "state", "STATE", GR_FMT_TEXT },
		     { "owner_pid", "OWNER PID", GR_FMT_TEXT },
		     { "pages_text", "PAGES", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "pools",
	  .title = "\nPools: whose pages they are",
	  GR_COLUMNS({ "page_size_bytes", "PAGE", GR_FMT_BYTES }, { "node", "NODE", GR_FMT_TEXT },
		     { "total", "TOTAL", GR_FMT_COUNT }, { "leased", "LEASES", GR_FMT_COUNT },
		     { "external", "DECLARED", GR_FMT_COUNT }, { "boot", "BOOT", GR_FMT_COUNT },
		     { "other", "OTHER", GR_FMT_COUNT }, { "free", "FREE", GR_FMT_COUNT },
		     { "surplus", "SURPLUS", GR_FMT_COUNT }, { "demoted", "CUT", GR_FMT_COUNT }) },
	{ .path = "damaged", .title = "Lease files that cannot be read (see `guestram recover`)" },
};

/* "512 x 2 MiB on node 0, 20 lent", for people and for those who grep. */
static void pages_text(json_object *item, const struct gr_lease *lease)
{
	json_object *texts = gr_rec_array(item, "pages_text");
	char count[GR_TEXT_MAX], size[GR_TEXT_MAX];

	for (size_t i = 0; i < lease->grant_count; i++) {
		const struct gr_lease_grant *grant = &lease->grants[i];
		char node[24] = "", lent[GR_TEXT_MAX + 8] = "", cut[GR_TEXT_MAX + 8] = "",
		     gone[GR_TEXT_MAX];

		gr_count_text(grant->pages, count);
		gr_size_text(grant->page_size_bytes, size);
		if (grant->node >= 0)
			snprintf(node, sizeof(node), " on node %d", grant->node);
		if (grant->lent_pages)
			snprintf(lent, sizeof(lent), ", %s lent",
				 gr_count_text(grant->lent_pages, gone));
		if (grant->demoted_pages)
			snprintf(cut, sizeof(cut), ", %s cut up",
				 gr_count_text(grant->demoted_pages, gone));
		gr_rec_item_strf(texts, "%s x %s%s%s%s", count, size, node, lent, cut);
	}
}

static void add_pool(json_object *array, const struct gr_book *book)
{
	json_object *item;

	/* A pool without pages, of which nothing is said, is no news. */
	if (!book->total && !book->leased && !book->external && !book->demoted)
		return;
	item = gr_rec_item(array);
	gr_rec_u64(item, "page_size_bytes", book->page_size_bytes);
	gr_rec_u64_known(item, "node", book->node >= 0, (uint64_t)book->node);
	gr_rec_u64(item, "total", book->total);
	gr_rec_u64(item, "free", book->free);
	gr_rec_u64(item, "surplus", book->surplus);
	gr_rec_u64(item, "leased", book->leased);
	gr_rec_u64(item, "promoted", book->promoted);
	gr_rec_u64(item, "demoted", book->demoted);
	gr_rec_u64(item, "external", book->external);
	gr_rec_u64(item, "boot", book->boot);
	gr_rec_u64(item, "other", book->other);
	gr_rec_u64(item, "missing", book->lease_missing + book->external_missing);
}

static int add_pools(struct gr_cli *cli, json_object *doc, const struct gr_leases *leases)
{
	_cleanup_boot_pools_ struct gr_boot_pools boot = { 0 };
	_cleanup_books_ struct gr_books books = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	json_object *array = gr_rec_array(doc, "pools");
	int r = gr_host_read(cli->root, GR_READ_POOLS, &host, &cli->err);

	if (r < 0)
		return r;
	if (gr_boot_pools_read(cli->root, host->default_page_size_bytes, host->page_sizes,
			       host->page_size_count, &boot) < 0 ||
	    gr_books_make(host, leases, host->boot_id ? host->boot_id : "", &boot, &books) < 0)
		return gr_error_nomem(&cli->err);
	for (size_t i = 0; i < books.count; i++)
		add_pool(array, &books.books[i]);
	return 0;
}

static void add_leases(json_object *doc, const struct gr_leases *leases)
{
	json_object *array = gr_rec_array(doc, "leases");

	for (size_t i = 0; i < leases->count; i++) {
		json_object *item = gr_rec_item(array);

		gr_cli_lease_record(item, leases->leases[i]);
		pages_text(item, leases->leases[i]);
	}
	array = gr_rec_array(doc, "damaged");
	for (size_t i = 0; i < leases->damaged_count; i++)
		gr_rec_item_str(array, leases->damaged[i]);
	for (size_t i = 0; i < leases->aside_count; i++)
		gr_rec_item_str(array, leases->aside[i]);
}

static int run(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	struct gr_leases leases = { 0 };
	json_object *doc;
	int r;

	if (args->word_count && !gr_arg(args, "history"))
		return gr_cli_usage(cli, "list takes no names but with --history");
	if (args->word_count > 1)
		return gr_cli_usage(cli, "one name is enough");
	if (gr_arg(args, "history"))
		return gr_cli_history(cli, args->word_count ? args->words[0] : NULL);
	r = gr_ledger_open(cli->root, true, 0, &ledger, &cli->err);
	if (r >= 0)
		r = gr_ledger_list(ledger, &leases, &cli->err);
	if (r < 0)
		return r;
	doc = gr_rec_new("list");
	add_leases(doc, &leases);
	r = add_pools(cli, doc, &leases);
	gr_leases_done(&leases);
	if (r >= 0)
		r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

const struct gr_command gr_cmd_list = {
	.name = "list",
	.summary = "Show who has which pages",
	.synopsis = "[--history [NAME]] [options]",
	.about = "Of what nobody declared, BOOT is what the kernel's command line or sysctl asked\n"
		 "for, and OTHER the rest: `guestram doctor --ledger` says who uses it. CUT are\n"
		 "pages that are in no pool while a lease has them in smaller ones.",
	GR_OPTIONS({ "history", 0, NULL, "what was done for the domains of libvirt, oldest first" }),
	.run = run,
};
