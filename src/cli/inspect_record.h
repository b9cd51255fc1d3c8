/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `guestram inspect` was asked for, how it looks, and what it shows; shared by one look
 * (cmd_inspect.c), many (inspect_watch.c) and all VMs (inspect_all.c).
 */
#ifndef GR_CLI_INSPECT_RECORD_H
#define GR_CLI_INSPECT_RECORD_H

#include "cli/cli.h"
#include "verify/collapse.h"
#include "verify/expect.h"
#include "verify/verify.h"

struct gr_inspect_options {
	const char *qmp; /* a socket, or NULL */
	bool exact;
	struct gr_condition *conditions;
	const char **texts; /* the same as they were given */
	size_t condition_count;
	uint64_t watch_s;			   /* 0: look once */
	const struct gr_collapse_report *collapse; /* what was done before the look, or NULL */
};

/** gr_inspect_look - inspect a process as the options say. Return: 0 or -errno with cli->err. */
int gr_inspect_look(struct gr_cli *cli, pid_t pid, const struct gr_inspect_options *options,
		    struct gr_inspection **ret);

/** gr_inspect_record - as a record; *@ret_met is the worst answer to --expect. */
json_object *gr_inspect_record(const struct gr_inspection *inspection,
			       const struct gr_inspect_options *options, enum gr_met *ret_met);
extern const struct gr_section gr_inspect_sections[];
extern const size_t gr_inspect_section_count;

/** gr_inspect_summary - one line in malloc'ed memory, NULL if there is none. */
char *gr_inspect_summary(const struct gr_inspection *inspection);
/** gr_inspect_stage2_text - the second stage in a few words, NULL if there is no memory. */
char *gr_inspect_stage2_text(const struct gr_inspection *inspection);

/** gr_inspect_watch - look every options->watch_s seconds. Return: exit code or -errno. */
int gr_inspect_watch(struct gr_cli *cli, pid_t pid, const struct gr_inspect_options *options);

/** gr_inspect_all - one row per VM. Return: exit code or -errno. */
int gr_inspect_all(struct gr_cli *cli, const struct gr_inspect_options *options);

#endif
