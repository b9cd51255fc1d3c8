/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guestram libvirt: one verb with verbs of its own. guestram knows its options, and that
 * guestram-libvirt does the work; that program is this header's other user, with one file for each
 * of the verbs below.
 */
#ifndef GR_CLI_LIBVIRT_CLI_H
#define GR_CLI_LIBVIRT_CLI_H

#include "cli/cli.h"
#include "libvirt/connect.h"
#include "libvirt/edit.h"

#define GR_LIBVIRT_COMMAND(does)                                                                   \
	{                                                                                          \
		.name = "libvirt",                                                                 \
		.summary = "Give libvirt's domains their memory: edit, check, install the hook",   \
		.synopsis = "enable|disable|check DOMAIN | list | import |\n"                      \
			    "         attach-memory DOMAIN FILE | install-hook | remove-hook "     \
			    "[options]",                                                           \
		.about = "enable edits a domain so that it starts on huge pages, shows the "       \
			 "difference\n"                                                            \
			 "and installs the hook that reserves them; disable puts back exactly "    \
			 "that.\n"                                                                 \
			 "check says what would happen at the next start: exit 1 if it would "     \
			 "fail.\n"                                                                 \
			 "list does it for all. attach-memory reserves for a memory device and "   \
			 "plugs\n"                                                                 \
			 "it in. import looks for copied hook scripts and says what they do "      \
			 "wrong.",                                                                 \
		GR_OPTIONS({ "backing", 'b', "KIND", "dynamic (usual), static, thp or none" },     \
			   { "page-size", 'p', "SIZE", "2M, or SIZE@CELLS for some guest cells" }, \
			   GR_OPTION_NODE,                                                         \
			   { "fallback", 0, "LIST", "if pages run out: none, smaller or thp" },    \
			   { "shared", 0, NULL, "another process maps the memory" },               \
			   { "dry-run", 0, NULL, "show what would change, change nothing" },       \
			   { "file", 0, "FILE", "a domain's XML in a file instead of libvirt's" }, \
			   { "all", 0, NULL, "check every domain" },                               \
			   { "destination", 0, "HOST",                                             \
			     "check: there; a capture's directory or a libvirt URI" },             \
			   { "connect", 0, "URI", "libvirt's URI (qemu:///system)" },              \
			   { "no-hook", 0, NULL, "enable: do not install the hook" },              \
			   GR_OPTION_KEEP_FREE),                                                   \
		.run = (does),                                                                     \
	}

/**
 * gr_cli_beside - full name of a program of ours: beside this one, or where it is installed
 *
 * Never by PATH: root runs this. Return: 0; -ENOENT (class host) with cli->err.
 */
int gr_cli_beside(struct gr_cli *cli, const char *name, char **ret);

/* A domain and where it came from. */
struct gr_cli_domain {
	struct gr_libvirt *libvirt; /* NULL: from a file */
	const char *file;
	char *name; /* as libvirt or the file calls it; "" if the file does not */
	char *text;
	size_t len;
	bool running, persistent, saved;
};
void gr_cli_domain_done(struct gr_cli_domain *domain);
#define _cleanup_cli_domain_ __attribute__((cleanup(gr_cli_domain_done)))

/**
 * gr_cli_domain_read - --file FILE ("-": standard input), or the domain @name of libvirt
 *
 * Return: 0 or -errno with cli->err.
 */
int gr_cli_domain_read(struct gr_cli *cli, const struct gr_args *args, const char *name,
		       struct gr_cli_domain *ret);

/** gr_cli_read_file - all of a file a person named. Return: 0 or -errno with cli->err. */
int gr_cli_read_file(struct gr_cli *cli, const char *path, char **ret, size_t *ret_len);

/** gr_cli_domain_write - define it, or replace the file. Return: 0 or -errno with cli->err. */
int gr_cli_domain_write(struct gr_cli *cli, const struct gr_cli_domain *domain, const char *text);

/** gr_cli_hook_ensure - install the hook if it is not as it should be, and record what was done.
 * Return: 0 or -errno with cli->err. */
int gr_cli_hook_ensure(struct gr_cli *cli, struct gr_libvirt *libvirt, bool dry_run,
		       json_object *doc);

/** gr_cli_forecast - what the next start of a domain would be, as a record.
 * Return: 1 it would start, 0 it would not, -errno with cli->err. */
int gr_cli_forecast(struct gr_cli *cli, const struct gr_args *args, const char *text, size_t len,
		    struct gr_host *host, json_object *item);

/* The verbs. @args->words[0] is the verb itself. */
typedef int gr_libvirt_verb(struct gr_cli *cli, const struct gr_args *args);
gr_libvirt_verb gr_libvirt_enable, gr_libvirt_disable, gr_libvirt_check, gr_libvirt_list,
	gr_libvirt_attach_memory, gr_libvirt_import, gr_libvirt_install_hook,
	gr_libvirt_remove_hook;

#endif
