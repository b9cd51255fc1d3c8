// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram libvirt check: the next start of a domain, foretold by the same steps that the hook
 * would take, on this host or on the one that it is to migrate to. Reads only.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "cli/libvirt_cli.h"

static const struct gr_section sections[] = {
	{ .path = "domains",
	  .blocks = true,
	  .empty = "There are no domains.",
	  GR_COLUMNS({ "domain", "Domain", GR_FMT_TEXT }, { "backing", "Backing", GR_FMT_TEXT },
		     { "needs_text", "Needs", GR_FMT_TEXT },
		     { "would_start", "Would start", GR_FMT_YESNO },
		     { "reason", "Why", GR_FMT_TEXT }) },
	{ .path = "domains[].problems",
	  .title = "\nProblems",
	  GR_COLUMNS({ "code", "CODE", GR_FMT_TEXT }, { "severity", "", GR_FMT_TEXT },
		     { "line", "LINE", GR_FMT_TEXT },
		     { "message", "WHAT", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "notes" },
};

static int read_host(struct gr_cli *cli, struct gr_host **ret)
{
	int r = gr_cli_host(cli,
			    GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES | GR_READ_MOUNTS,
			    NULL, ret);

	return r < 0 ? r : gr_cli_add_idle(cli, *ret);
}

/* A directory is the capture of another host; the hook there cannot be seen in it. */
static int read_destination(struct gr_cli *cli, const char *where, struct gr_host **ret,
			    json_object *notes)
{
	_cleanup_root_ struct gr_root *root = NULL;
	int r = gr_root_open(where, &root, &cli->err);

	if (r >= 0)
		r = gr_host_read(
			root, GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES | GR_READ_MOUNTS,
			ret, &cli->err);
	if (r >= 0)
		gr_rec_item_str(notes,
				"guestram's hook has to be installed there too, and the daemon "
				"there started since");
	return r;
}

/* The other daemon is asked for its free pages, by size. */
static int ask_destination(struct gr_cli *cli, const char *uri, json_object *item, int ok)
{
	_cleanup_libvirt_ struct gr_libvirt *libvirt = NULL;
	json_object *needs;
	int r = gr_libvirt_open(uri, &libvirt, &cli->err);

	if (r < 0 || !json_object_object_get_ex(item, "needs", &needs))
		return r;
	for (size_t i = 0; i < json_object_array_length(needs); i++) {
		json_object *need = json_object_array_get_idx(needs, i), *size;
		uint64_t page, wanted = 0, free_pages;
		char a[GR_TEXT_MAX], b[GR_TEXT_MAX], c[GR_TEXT_MAX];

		json_object_object_get_ex(need, "page_size_bytes", &size);
		page = (uint64_t)json_object_get_int64(size);
		for (size_t k = 0; k < json_object_array_length(needs); k++) {
			json_object *other = json_object_array_get_idx(needs, k), *its, *pages;

			json_object_object_get_ex(other, "page_size_bytes", &its);
			json_object_object_get_ex(other, "pages", &pages);
			if ((uint64_t)json_object_get_int64(its) == page)
				wanted += (uint64_t)json_object_get_int64(pages);
		}
		r = gr_libvirt_free_pages(libvirt, page, -1, &free_pages, &cli->err);
		if (r < 0)
			return r;
		if (free_pages >= wanted)
			continue;
		ok = 0;
		gr_rec_bool(item, "would_start", false);
		gr_rec_strf(item, "reason",
			    "the destination has %s free pages of %s, the domain needs %s; its own "
			    "hook "
			    "may reserve more",
			    gr_count_text(free_pages, a), gr_size_text(page, b),
			    gr_count_text(wanted, c));
		break;
	}
	return ok;
}

static int check_one(struct gr_cli *cli, const struct gr_args *args,
		     const struct gr_cli_domain *domain, struct gr_host *host, json_object *domains)
{
	const char *where = gr_arg(args, "destination");
	json_object *item = gr_rec_item(domains);
	int r = gr_cli_forecast(cli, args, domain->text, domain->len, host, item);

	gr_rec_bool(item, "running", domain->running);
	if (r >= 0 && where && strstr(where, "://"))
		r = ask_destination(cli, where, item, r);
	/* Of one that runs, the pages come back before its next start. */
	if (r == 0 && domain->running && !where) {
		gr_rec_null(item, "would_start");
		r = 1;
	}
	return r;
}

static int check_all(struct gr_cli *cli, const struct gr_args *args, struct gr_host *host,
		     json_object *domains)
{
	_cleanup_libvirt_ struct gr_libvirt *libvirt = NULL;
	char **names = NULL;
	size_t count = 0;
	int all = 1, r = gr_libvirt_open(gr_arg(args, "connect"), &libvirt, &cli->err);

	if (r >= 0)
		r = gr_libvirt_names(libvirt, &names, &count, &cli->err);
	for (size_t i = 0; i < count; i++) {
		_cleanup_cli_domain_ struct gr_cli_domain domain = { 0 };

		if (r >= 0)
			r = gr_cli_domain_read(cli, args, names[i], &domain);
		if (r >= 0)
			r = check_one(cli, args, &domain, host, domains);
		if (r == 0)
			all = 0;
		free(names[i]);
	}
	free(names);
	return r < 0 ? r : all;
}

int gr_libvirt_check(struct gr_cli *cli, const struct gr_args *args)
{
	const char *name = args->word_count > 1 ? args->words[1] : NULL;
	const char *where = gr_arg(args, "destination");
	_cleanup_cli_domain_ struct gr_cli_domain domain = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	json_object *doc = gr_rec_new("libvirt"), *domains, *notes;
	int r, ok;

	gr_rec_str(doc, "verb", "check");
	domains = gr_rec_array(doc, "domains");
	notes = gr_rec_array(doc, "notes");
	if (gr_arg(args, "all") && (name || gr_arg(args, "file")))
		r = gr_cli_usage(cli, "a domain or --all, not both");
	else if (where && !strstr(where, "://"))
		r = read_destination(cli, where, &host, notes);
	else
		r = read_host(cli, &host);
	if (r >= 0 && gr_arg(args, "all"))
		r = check_all(cli, args, host, domains);
	else if (r >= 0 && (r = gr_cli_domain_read(cli, args, name, &domain)) >= 0)
		r = check_one(cli, args, &domain, host, domains);
	ok = r;
	if (r >= 0)
		r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r < 0 ? r : ok ? 0 : GR_CLASS_NO;
}
