/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The frame of the command line: a verb is one struct gr_command in its cmd_*.c and one row in
 * main.c. Options are a table, from which parsing, --help and the tests of the man page are made.
 * --json, --root DIR and --help belong to every verb and are handled here.
 */
#ifndef GR_CLI_CLI_H
#define GR_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/record.h"
#include "base/root.h"
#include "guest/request.h"
#include "lease/lease.h"
#include "plan/plan.h"

struct gr_option {
	const char *name; /* long, without dashes */
	char letter;      /* 0: none */
	const char *arg;  /* "SIZE"; NULL: a switch */
	const char *help; /* one line */
};

struct gr_args {
	const struct gr_option *options; /* of the command */
	size_t option_count;
	struct {
		const struct gr_option *option;
		const char *value; /* "" for a switch */
	} *given;
	size_t given_count;
	char **words; /* what is no option, before "--" */
	size_t word_count;
	char **all; /* as given, with the verb first; NULL-terminated */
	char **rest; /* what follows "--", NULL-terminated; NULL: no "--" */
};

/** gr_arg - the last value given for an option, "" for a switch, NULL if it was not given. */
const char *gr_arg(const struct gr_args *args, const char *name);
/** gr_arg_nth - the n-th value of an option that may be repeated, or NULL. */
const char *gr_arg_nth(const struct gr_args *args, const char *name, size_t n);

struct gr_cli {
	struct gr_root *root;
	const char *root_dir; /* --root, or NULL */
	enum gr_mode mode;
	struct gr_error err; /* filled when a command returns < 0 */
};

struct gr_command {
	const char *name;
	const char *summary;  /* one line for `guestram --help` */
	const char *synopsis; /* what follows the name: "[options] -- VMM ARGS" */
	const char *about;    /* lines for `guestram VERB --help`, may be NULL */
	const struct gr_option *options;
	size_t option_count;
	bool takes_rest; /* words after "--" are allowed */
	/* Return: exit code 0..5, or -errno with cli->err filled. */
	int (*run)(struct gr_cli *cli, const struct gr_args *args);
};

#define GR_OPTIONS(...)                                   \
	.options = (const struct gr_option[]){ __VA_ARGS__ }, \
	.option_count = sizeof((const struct gr_option[]){ __VA_ARGS__ }) / sizeof(struct gr_option)

/** gr_cli_print - the record as the user wants it. Return: 0 or -errno with cli->err filled. */
int gr_cli_print(struct gr_cli *cli, json_object *doc, const struct gr_section *sections,
		 size_t count);

/** gr_cli_usage - refuse the command line: class usage. Return: -EINVAL. */
int gr_cli_usage(struct gr_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Options that describe a VM, shared by plan, reserve and run: -m SIZE, --page-size, --node LIST,
 * --backing, --goal, --passthrough, --shared, --hotplug, --balloon, --ksm, --migration, --locked.
 */
#define GR_OPTION_MEMORY { "memory", 'm', "SIZE", "guest RAM; a plain number is MiB" }
#define GR_OPTION_PAGE_SIZE { "page-size", 'p', "SIZE", "huge page size, 2M or 1G on most hosts" }
#define GR_OPTION_NODE { "node", 'n', "LIST", "host NUMA nodes to take the memory from" }
#define GR_OPTION_PREFERRED { "preferred", 0, NULL, "the nodes are a wish: others may help out" }
#define GR_OPTION_BACKING { "backing", 'b', "KIND", "auto, 4k, thp, static or dynamic" }
#define GR_OPTION_GOAL { "goal", 'g', "GOAL", "performance, balanced or density" }
#define GR_OPTION_KEEP_FREE { "keep-free", 0, "SIZE", "floor: what the kernel keeps (default 5 % of RAM, at least 512M)" }
#define GR_OPTIONS_BUDGET                                                                  \
	{ "timeout", 0, "TIME", "how long reserving may take: 30, 30s, 500ms, 10min" },    \
	{ "max-cache-lost", 0, "SIZE", "page cache that may be lost for it, or all" },     \
	{ "max-swapped", 0, "SIZE", "memory that may be swapped out for it" },             \
	{ "allow", 0, "LIST", "drop-caches, evacuate, demote: ways that need consent" }
#define GR_OPTION_FALLBACK \
	{ "fallback", 0, "LIST", "what to take instead when pages run out: 2M, thp, 4k" }
#define GR_OPTIONS_TRAITS                                                                  \
	{ "passthrough", 0, NULL, "a device is passed through: all memory is pinned" },    \
	{ "shared", 0, NULL, "another process maps it (virtiofs, vhost-user)" },           \
	{ "hotplug", 0, NULL, "memory will be plugged in later" },                         \
	{ "balloon", 0, NULL, "memory is to return by balloon or free page reporting" },   \
	{ "ksm", 0, NULL, "equal pages are to be merged" },                                \
	{ "migration", 0, NULL, "the VM is to migrate" },                                  \
	{ "locked", 0, NULL, "memory is to be locked" }

/**
 * gr_cli_request - the options above as a request with one need
 *
 * Without -m its memory is 0: whether that is a mistake the verb knows. Free @ret with
 * gr_request_done(). Return: 0 or -EINVAL with cli->err.
 */
int gr_cli_request(struct gr_cli *cli, const struct gr_args *args, struct gr_request *ret);
/**
 * gr_cli_floor - --keep-free, or else what guestram.conf(5) says, or 0: the default floor
 *
 * Return: 0; -EINVAL with cli->err; or as gr_config_read().
 */
int gr_cli_floor(struct gr_cli *cli, const struct gr_args *args, struct gr_floor *ret);
/** gr_cli_budget - the same for GR_OPTIONS_BUDGET. What was not given stays 0. */
int gr_cli_budget(struct gr_cli *cli, const struct gr_args *args, struct gr_budget *ret);
/** gr_cli_losses - what that budget lets pool growth cost others: all of it where it sets no limit. */
int gr_cli_losses(struct gr_cli *cli, const struct gr_args *args, struct gr_losses *ret);

#define GR_FALLBACKS_MAX 8

/* What may take the place of pages that cannot be had, in the order of the wish. */
struct gr_fallback {
	enum gr_backing backing;  /* DYNAMIC, THP or 4K */
	uint64_t page_size_bytes; /* of DYNAMIC */
};

/**
 * gr_cli_fallback - --fallback LIST
 * @ret: room for GR_FALLBACKS_MAX
 *
 * Return: how many there are; -EINVAL with cli->err.
 */
int gr_cli_fallback(struct gr_cli *cli, const struct gr_args *args, struct gr_fallback *ret);

/**
 * gr_cli_fall_back - change a request that the host could not meet
 * @now: page sizes that were tried, by need; NULL: those of the request
 *
 * Pages become smaller cell by cell, the last first, so that large ones stay where there are enough;
 * another backing is for the whole VM. Return: did that change anything?
 */
bool gr_cli_fall_back(struct gr_request *request, const uint64_t *now,
		      const struct gr_fallback *to);

/** gr_cli_merge_request - the same options on top of a request that a VMM's command line made. */
int gr_cli_merge_request(struct gr_cli *cli, const struct gr_args *args,
			 struct gr_request *request);

/** gr_cli_memory - -m in bytes; *@ret_bytes stays as it is without it. Return: 0 or -EINVAL. */
int gr_cli_memory(struct gr_cli *cli, const struct gr_args *args, uint64_t *ret_bytes);

extern const struct gr_command gr_cmd_host, gr_cmd_plan, gr_cmd_reserve, gr_cmd_release,
	gr_cmd_list, gr_cmd_recover, gr_cmd_run, gr_cmd_inspect, gr_cmd_doctor, gr_cmd_libvirt;

#endif
