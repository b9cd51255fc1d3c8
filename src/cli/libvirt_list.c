// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram libvirt list: of every domain what it asks for, what it runs on, and what its next start
 * would be.
 */
#include "base/size.h"
#include "base/util.h"
#include "cli/ledger_open.h"
#include "cli/libvirt_cli.h"
#include "verify/libvirt_pid.h"
#include "verify/verify.h"

static const struct gr_section sections[] = {
	{ .path = "domains",
	  .empty = "There are no domains.",
	  GR_COLUMNS({ "domain", "DOMAIN", GR_FMT_TEXT }, { "backing", "BACKING", GR_FMT_TEXT },
		     { "needs_text", "ASKS FOR", GR_FMT_TEXT }, { "pid", "PID", GR_FMT_TEXT },
		     { "runs_on", "RUNS ON", GR_FMT_TEXT, .wrap = true },
		     { "would_start", "NEXT START", GR_FMT_YESNO }) },
};

static int add_running(struct gr_cli *cli, const char *name, json_object *item)
{
	_cleanup_inspection_ struct gr_inspection *seen = NULL;
	_cleanup_free_ pid_t *pids = NULL;
	json_object *texts, *sizes;
	size_t count = 0;

	if (gr_libvirt_pids(cli->root, name, &pids, &count) < 0)
		return gr_error_nomem(&cli->err);
	if (count != 1)
		return 0;
	gr_rec_int(item, "pid", pids[0]);
	/* It may end while it is looked at. */
	if (gr_inspect_pid(cli->root, pids[0], &seen, NULL) < 0)
		return 0;
	sizes = gr_rec_array(item, "by_page_size");
	texts = gr_rec_array(item, "runs_on");
	for (size_t i = 0; i < seen->by_size_count; i++) {
		char bytes[GR_TEXT_MAX], page[GR_TEXT_MAX];
		json_object *one = gr_rec_item(sizes);

		gr_rec_u64(one, "page_size_bytes", seen->by_size[i].page_size_bytes);
		gr_rec_u64(one, "bytes", seen->by_size[i].bytes);
		if (seen->by_size[i].bytes)
			gr_rec_item_strf(texts, "%s in %s",
					 gr_size_text(seen->by_size[i].bytes, bytes),
					 gr_size_text(seen->by_size[i].page_size_bytes, page));
	}
	return 0;
}

static int add(struct gr_cli *cli, const struct gr_args *args, const char *name,
	       struct gr_host *host, json_object *domains)
{
	_cleanup_cli_domain_ struct gr_cli_domain domain = { 0 };
	json_object *item = gr_rec_item(domains);
	int r = gr_cli_domain_read(cli, args, name, &domain);

	if (r >= 0)
		r = gr_cli_forecast(cli, args, domain.text, domain.len, host, item);
	if (r < 0)
		return r;
	gr_rec_bool(item, "running", domain.running);
	gr_rec_null(item, "pid");
	if (domain.running && r == 0)
		gr_rec_null(item, "would_start");
	return domain.running ? add_running(cli, name, item) : 0;
}

int gr_libvirt_list(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_libvirt_ struct gr_libvirt *libvirt = NULL;
	_cleanup_host_ struct gr_host *host = NULL;
	json_object *doc = gr_rec_new("libvirt"), *domains;
	char **names = NULL;
	size_t count = 0;
	int r = gr_cli_host(cli,
			    GR_READ_POOLS | GR_READ_CGROUPS | GR_READ_FEATURES | GR_READ_MOUNTS,
			    NULL, &host);

	gr_rec_str(doc, "verb", "list");
	domains = gr_rec_array(doc, "domains");
	if (r >= 0)
		r = gr_cli_add_idle(cli, host);
	if (r >= 0)
		r = gr_libvirt_open(gr_arg(args, "connect"), &libvirt, &cli->err);
	if (r >= 0)
		r = gr_libvirt_names(libvirt, &names, &count, &cli->err);
	for (size_t i = 0; i < count; i++) {
		if (r >= 0)
			r = add(cli, args, names[i], host, domains);
		free(names[i]);
	}
	free(names);
	if (r >= 0)
		r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}
