// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * guestram libvirt install-hook, remove-hook and import: what stands in libvirt's directory of
 * hooks, ours and the scripts that people copy from each other.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "cli/libvirt_cli.h"
#include "libvirt/hook_place.h"
#include "libvirt/old_hook.h"

#define SCRIPT_MAX (1 << 20) /* bytes; what is larger is no script */
#define DEPTH_MAX 5	     /* qemu.d/NAME/OPERATION/STATE/script, and one more */

static const struct gr_section hook_sections[] = {
	{ .path = "hook",
	  GR_COLUMNS({ "path", "Hook", GR_FMT_TEXT }, { "was", "Before", GR_FMT_TEXT },
		     { "action", "Done", GR_FMT_TEXT }) },
	{ .path = "notes" },
};

static int check_version(struct gr_cli *cli, struct gr_libvirt *libvirt)
{
	unsigned long version = libvirt ? gr_libvirt_version(libvirt) : 0;
	int r;

	if (!version || version >= GR_HOOK_DIR_SINCE)
		return 0;
	r = gr_error_set(&cli->err, GR_CLASS_HOST, ENOTSUP,
			 "libvirt %lu.%lu.%lu runs no hooks in qemu.d, which came with 6.5.0",
			 version / 1000000, version / 1000 % 1000, version % 1000);
	gr_error_hint(&cli->err,
		      "end /%s/qemu with a call of /%s \"$@\", fed the same standard input",
		      GR_HOOKS_DIR, GR_HOOK_PATH);
	return r;
}

static void add_restart(json_object *doc, json_object *hook, enum gr_restart restart)
{
	json_object *notes;

	if (!json_object_object_get_ex(doc, "notes", &notes))
		notes = gr_rec_array(doc, "notes");
	if (restart == GR_RESTART_UNKNOWN)
		gr_rec_null(hook, "restart_needed");
	else
		gr_rec_bool(hook, "restart_needed", restart == GR_RESTART_NEEDED);
	if (restart == GR_RESTART_NEEDED)
		gr_rec_item_str(notes,
				"restart libvirt's daemon (guests run on): it found no hook when "
				"it started, and calls none until it starts again: "
				"systemctl restart libvirtd (or virtqemud)");
	if (restart == GR_RESTART_UNKNOWN)
		gr_rec_item_str(notes,
				"no libvirt daemon was found running; it sees the hook when it "
				"starts");
}

int gr_cli_hook_ensure(struct gr_cli *cli, struct gr_libvirt *libvirt, bool dry_run,
		       json_object *doc)
{
	static const char *const was[GR_HOOK_STATE_COUNT] = { "absent", "another version",
							      "installed" };
	_cleanup_free_ char *program = NULL, *bytes = NULL;
	_cleanup_root_ struct gr_root *host = NULL;
	enum gr_restart restart = gr_hook_restart(cli->root);
	enum gr_hook_state state;
	json_object *hook;
	size_t len;
	int r = check_version(cli, libvirt);

	if (r >= 0)
		r = gr_cli_beside(cli, "guestram-libvirt-hook", &program);
	if (r >= 0)
		r = gr_root_open(NULL, &host, &cli->err);
	if (r >= 0)
		r = gr_root_read(host, program + 1, &bytes, &len, &cli->err);
	if (r >= 0)
		r = gr_hook_state(cli->root, bytes, len, &state, &cli->err);
	if (r >= 0 && state != GR_HOOK_SAME && !dry_run)
		r = gr_hook_install(cli->root, bytes, len, &cli->err);
	if (r < 0)
		return r;
	hook = gr_rec_object(doc, "hook");
	gr_rec_str(hook, "path", "/" GR_HOOK_PATH);
	gr_rec_str(hook, "was", was[state]);
	gr_rec_str(hook, "action",
		   state == GR_HOOK_SAME ? "nothing" :
		   dry_run		 ? "not installed (--dry-run)" :
					   "installed");
	/* A daemon that called hooks before calls this one, too. */
	if (restart == GR_RESTART_NEEDED || state == GR_HOOK_SAME)
		restart = gr_hook_restart(cli->root);
	add_restart(doc, hook, restart);
	return 0;
}

int gr_libvirt_install_hook(struct gr_cli *cli, const struct gr_args *args)
{
	_cleanup_libvirt_ struct gr_libvirt *libvirt = NULL;
	json_object *doc;
	int r;

	/* The daemon's version is asked where there is one to ask. */
	if (gr_root_is_host(cli->root))
		gr_libvirt_open(gr_arg(args, "connect"), &libvirt, NULL);
	doc = gr_rec_new("libvirt");
	gr_rec_str(doc, "verb", "install-hook");
	r = gr_cli_hook_ensure(cli, libvirt, gr_arg(args, "dry-run"), doc);
	if (r >= 0)
		r = gr_cli_print(cli, doc, hook_sections, GR_ARRAY_SIZE(hook_sections));
	json_object_put(doc);
	return r;
}

int gr_libvirt_remove_hook(struct gr_cli *cli, const struct gr_args *args)
{
	bool dry = gr_arg(args, "dry-run"), there = gr_root_exists(cli->root, GR_HOOK_PATH);
	json_object *doc, *hook, *notes;
	int r = dry ? there : gr_hook_remove(cli->root, &cli->err);

	if (r < 0)
		return r;
	doc = gr_rec_new("libvirt");
	gr_rec_str(doc, "verb", "remove-hook");
	hook = gr_rec_object(doc, "hook");
	gr_rec_str(hook, "path", "/" GR_HOOK_PATH);
	gr_rec_str(hook, "was", there ? "installed" : "absent");
	gr_rec_str(hook, "action",
		   r == 0 ? "nothing" :
		   dry	  ? "not removed (--dry-run)" :
			    "removed");
	gr_rec_null(hook, "restart_needed");
	notes = gr_rec_array(doc, "notes");
	if (r > 0)
		gr_rec_item_str(notes,
				"domains that run keep their pages; `guestram recover` gives "
				"them back when they end");
	r = gr_cli_print(cli, doc, hook_sections, GR_ARRAY_SIZE(hook_sections));
	json_object_put(doc);
	return r;
}

static const struct gr_section import_sections[] = {
	{ .path = "findings",
	  .blocks = true,
	  .empty = "No hook of others touches huge pages.",
	  GR_COLUMNS({ "place", "Where", GR_FMT_TEXT }, { "text", "Line", GR_FMT_TEXT },
		     { "problem", "Problem", GR_FMT_TEXT },
		     { "instead", "guestram", GR_FMT_TEXT }) },
	{ .path = "notes" },
};

static int add_script(struct gr_cli *cli, const char *path, json_object *findings)
{
	_cleanup_old_findings_ struct gr_old_findings found = { 0 };
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (gr_root_read(cli->root, path, &text, &len, NULL) < 0 || len > SCRIPT_MAX ||
	    memchr(text, '\0', len))
		return 0;
	if (gr_old_hook_scan(text, &found) < 0)
		return gr_error_nomem(&cli->err);
	for (size_t i = 0; i < found.count; i++) {
		json_object *item = gr_rec_item(findings);

		gr_rec_strf(item, "file", "/%s", path);
		gr_rec_u64(item, "line", found.items[i].line);
		gr_rec_strf(item, "place", "/%s:%lu", path, found.items[i].line);
		gr_rec_str(item, "code", found.items[i].code);
		gr_rec_str(item, "text", found.items[i].text);
		gr_rec_str(item, "problem", found.items[i].problem);
		gr_rec_str(item, "instead", found.items[i].instead);
	}
	return 0;
}

static int walk(struct gr_cli *cli, const char *dir, int depth, json_object *findings)
{
	_cleanup_names_ struct gr_names names = { 0 };
	int r = gr_root_list(cli->root, dir, &names, depth ? NULL : &cli->err);

	if (r < 0)
		return depth ? 0 : r;
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		char path[1024];
		struct stat st;

		if (snprintf(path, sizeof(path), "%s/%s", dir, names.names[i]) >=
			    (int)sizeof(path) ||
		    !strcmp(path, GR_HOOK_PATH) || gr_root_stat(cli->root, path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			r = walk(cli, path, depth + 1, findings);
		else if (S_ISREG(st.st_mode))
			r = add_script(cli, path, findings);
	}
	return r < 0 ? r : 0;
}

int gr_libvirt_import(struct gr_cli *cli, const struct gr_args *args)
{
	json_object *doc = gr_rec_new("libvirt"), *findings, *notes;
	size_t count;
	int r;

	gr_rec_str(doc, "verb", "import");
	findings = gr_rec_array(doc, "findings");
	r = walk(cli, GR_HOOKS_DIR, 0, findings);
	if (r == -ENOENT)
		r = 0;
	notes = gr_rec_array(doc, "notes");
	count = json_object_array_length(findings);
	if (count) {
		gr_rec_item_str(notes,
				"`guestram libvirt enable DOMAIN` edits each domain that these "
				"scripts serve and installs the hook that does it right");
		gr_rec_item_str(notes,
				"then remove these lines, or the scripts if they do nothing else: "
				"both at once would count pages twice");
	}
	if (r >= 0)
		r = gr_cli_print(cli, doc, import_sections, GR_ARRAY_SIZE(import_sections));
	json_object_put(doc);
	return r < 0 ? r : count ? GR_CLASS_NO : 0;
}
