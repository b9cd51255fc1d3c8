// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram libvirt enable and disable: the edit is made by the library, shown as a difference with
 * a reason for each change, and then given to libvirt, which checks it once more.
 */
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "cli/libvirt_cli.h"
#include "host/host.h"

static const struct gr_section sections[] = {
	{ .path = "changes",
	  GR_COLUMNS({ "action", "", GR_FMT_TEXT }, { "element", "ELEMENT", GR_FMT_TEXT },
		     { "reason", "WHY", GR_FMT_TEXT, .wrap = true }) },
	{ .path = "hook",
	  .title = "",
	  GR_COLUMNS({ "path", "Hook", GR_FMT_TEXT }, { "action", "Done", GR_FMT_TEXT }) },
	{ .path = "notes" },
};

static int read_pages(struct gr_cli *cli, const struct gr_args *args, const struct gr_host *host,
		      struct gr_enable *how, char **texts)
{
	const char *value;
	char buf[GR_TEXT_MAX];

	for (size_t n = 0; (value = gr_arg_nth(args, "page-size", n)); n++) {
		char *at;

		if (n == GR_ENABLE_PAGES_MAX)
			return gr_cli_usage(cli, "--page-size is given too often");
		texts[n] = strdup(value);
		if (!texts[n])
			return gr_error_nomem(&cli->err);
		at = strchr(texts[n], '@');
		if (at) {
			_cleanup_list_ struct gr_list cells = { 0 };

			*at++ = '\0';
			if (gr_list_parse(at, &cells, &cli->err) < 0 || !cells.count ||
			    strlen(at) > 30)
				return gr_cli_usage(
					cli, "--page-size %.60s: no list of guest cells", value);
			how->pages[n].cells = at;
		}
		if (gr_parse_size(texts[n], 1, &how->pages[n].size_bytes, &cli->err) < 0)
			return -EINVAL;
		if (!gr_host_has_page_size(host, how->pages[n].size_bytes))
			return gr_cli_usage(cli, "--page-size: this host has no pages of %s",
					    gr_size_text(how->pages[n].size_bytes, buf));
		how->page_count = n + 1;
	}
	return 0;
}

static int read_how(struct gr_cli *cli, const struct gr_args *args, const struct gr_host *host,
		    struct gr_enable *how)
{
	static const char *const keys[][2] = { { "backing", "backing" },
					       { "node", "nodes" },
					       { "fallback", "fallback" } };
	_cleanup_policy_ struct gr_policy policy = { 0 };

	for (size_t i = 0; i < GR_ARRAY_SIZE(keys); i++) {
		const char *value = gr_arg(args, keys[i][0]);

		if (value && gr_policy_set(&policy, keys[i][1], value, &cli->err) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < policy.nodes.count; i++) {
		if (!gr_host_node(host, policy.nodes.ids[i]))
			return gr_cli_usage(cli, "--node: this host has no node %u",
					    policy.nodes.ids[i]);
	}
	how->backing = policy.backing;
	how->fallback = policy.fallback;
	how->has_fallback = gr_arg(args, "fallback");
	how->nodes = gr_arg(args, "node");
	how->shared = gr_arg(args, "shared");
	how->base_page_bytes = host->base_page_bytes;
	how->default_page_bytes = host->default_page_size_bytes;
	return 0;
}

static int add_edit(struct gr_cli *cli, json_object *doc, const struct gr_cli_domain *domain,
		    const struct gr_edit *edit)
{
	_cleanup_free_ char *diff = NULL;
	json_object *changes;

	if (gr_diff(domain->text, edit->text, &diff) < 0)
		return gr_error_nomem(&cli->err);
	gr_rec_str(doc, "diff", diff);
	changes = gr_rec_array(doc, "changes");
	for (size_t i = 0; i < edit->change_count; i++) {
		json_object *item = gr_rec_item(changes);

		gr_rec_str(item, "action", gr_change_name(edit->changes[i].kind));
		gr_rec_str(item, "element", edit->changes[i].path);
		gr_rec_str(item, "reason", edit->changes[i].words);
	}
	/* No table: the lines are for eyes, and for `patch`, as they are. */
	if (cli->mode == GR_MODE_TABLE && (!domain->file || strcmp(domain->file, "-") != 0))
		printf("%s%s", diff, *diff ? "\n" : "");
	return 0;
}

static void add_notes(json_object *doc, const struct gr_cli_domain *domain, bool changed, bool dry)
{
	json_object *notes = gr_rec_array(doc, "notes");

	if (!changed)
		gr_rec_item_str(notes, "nothing to change");
	else if (dry)
		gr_rec_item_str(notes, "nothing was changed (--dry-run)");
	if (changed && domain->saved)
		gr_rec_item_str(notes, "a saved state is there: its next start is from that, with the "
				       "memory it had then (`virsh managedsave-remove` drops it)");
	if (changed && domain->running)
		gr_rec_item_str(notes, "the domain runs: this counts from its next start on");
}

/* Shows and, unless it is a rehearsal, does it. Return: as a command's run(). */
static int apply(struct gr_cli *cli, const struct gr_args *args, const char *verb,
		 const struct gr_cli_domain *domain, const struct gr_edit *edit, bool with_hook)
{
	bool dry = gr_arg(args, "dry-run"), changed = strcmp(domain->text, edit->text) != 0;
	json_object *doc = gr_rec_new("libvirt");
	int r;

	gr_rec_str(doc, "verb", verb);
	gr_rec_str(doc, "domain", domain->name);
	gr_rec_bool(doc, "changed", changed && !dry);
	r = add_edit(cli, doc, domain, edit);
	if (r >= 0)
		add_notes(doc, domain, changed, dry);
	if (r >= 0 && changed && !dry)
		r = gr_cli_domain_write(cli, domain, edit->text);
	if (r >= 0 && with_hook)
		r = gr_cli_hook_ensure(cli, domain->libvirt, dry, doc);
	if (r >= 0 && domain->file && !strcmp(domain->file, "-") && cli->mode != GR_MODE_JSON)
		r = fputs(edit->text, stdout) < 0 ? -EIO : 0;
	else if (r >= 0)
		r = gr_cli_print(cli, doc, sections, GR_ARRAY_SIZE(sections));
	json_object_put(doc);
	return r;
}

static int check_persistent(struct gr_cli *cli, const struct gr_cli_domain *domain)
{
	if (domain->persistent)
		return 0;
	gr_error_set(&cli->err, GR_CLASS_USAGE, EINVAL,
		     "'%s' is transient: libvirt keeps no XML of it that could be edited",
		     domain->name);
	gr_error_hint(&cli->err, "edit what it is created from, with --file");
	return -EINVAL;
}

int gr_libvirt_enable(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_cli_domain_ struct gr_cli_domain domain = { 0 };
	_cleanup_host_ struct gr_host *host = NULL;
	_cleanup_edit_ struct gr_edit edit = { 0 };
	struct gr_enable how = { 0 };
	char *texts[GR_ENABLE_PAGES_MAX] = { 0 };
	int r = gr_host_read(cli->root, GR_READ_POOLS, &host, &cli->err);

	if (r >= 0)
		r = read_how(cli, args, host, &how);
	if (r >= 0)
		r = read_pages(cli, args, host, &how, texts);
	if (r >= 0)
		r = gr_cli_domain_read(cli, args, args->word_count > 1 ? args->words[1] : NULL,
				       &domain);
	if (r >= 0)
		r = check_persistent(cli, &domain);
	if (r >= 0)
		r = gr_edit_enable(domain.text, domain.len, &how, &edit, &cli->err);
	if (r >= 0)
		r = apply(cli, args, "enable", &domain, &edit,
			  domain.libvirt && !gr_arg(args, "no-hook"));
	for (size_t i = 0; i < GR_ENABLE_PAGES_MAX; i++)
		free(texts[i]);
	return r;
}

int gr_libvirt_disable(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_cli_domain_ struct gr_cli_domain domain = { 0 };
	_cleanup_edit_ struct gr_edit edit = { 0 };
	int r = gr_cli_domain_read(cli, args, args->word_count > 1 ? args->words[1] : NULL,
				   &domain);

	if (r >= 0)
		r = check_persistent(cli, &domain);
	if (r >= 0)
		r = gr_edit_disable(domain.text, domain.len, &edit, &cli->err);
	return r < 0 ? r : apply(cli, args, "disable", &domain, &edit, false);
}
