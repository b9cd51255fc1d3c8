/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The part of `guestram host` that says how many huge pages could be had, and why not more.
 */
#ifndef GR_CLI_HOST_SURVEY_H
#define GR_CLI_HOST_SURVEY_H

#include "cli/cli.h"
#include "host/survey.h"

/* What `host` and `plan` look at unless they are asked for all: 4 GiB of base pages of 4 KiB take
 * some 50 ms in a virtual machine. */
#define GR_CLI_SURVEY_PAGES (UINT64_C(1) << 20)
/* And where a sample would say nothing. */
#define GR_CLI_SURVEY_MAX_PAGES (UINT64_C(1) << 24)

/** gr_cli_add_obtainable - how many pages could join a node's pool, to the record of the pool. */
void gr_cli_add_obtainable(json_object *item, const struct gr_host *host,
			   const struct gr_pool *pool, const struct gr_floor *floor,
			   const struct gr_losses *losses);

/** gr_cli_add_ranges - what the memory of the pool's node looks like in ranges of its size. */
void gr_cli_add_ranges(json_object *item, const struct gr_host *host, const struct gr_pool *pool);

/** gr_cli_add_content - what the node's memory holds, to the record of the node. */
void gr_cli_add_content(json_object *item, const struct gr_host *host, unsigned int node);

/** gr_cli_add_survey - how it was looked at, and which ranges are nearest to a gigantic page.
 *
 * Return: 0 or -ENOMEM with cli->err. */
int gr_cli_add_survey(struct gr_cli *cli, json_object *doc, const struct gr_host *host);

#endif
