/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the verbs that change pools have in common: the open ledger with dead leases put right, the
 * words for what was recovered, the record of a lease, and the signals that end a wait.
 */
#ifndef GR_CLI_LEDGER_OPEN_H
#define GR_CLI_LEDGER_OPEN_H

#include "cli/cli.h"
#include "lease/lease.h"

#define GR_CLI_LOCK_WAIT_NS (UINT64_C(60) * 1000000000)

/** gr_cli_ledger - open and lock the ledger, recover, tell on stderr what was put right. */
int gr_cli_ledger(struct gr_cli *cli, struct gr_ledger **ret);

/**
 * gr_cli_host - the inventory, with the free pages noted that leases hold for others
 * @name: a lease whose pages may be used, or NULL
 *
 * Without the right to read the ledger nothing is noted. Return: 0 or -errno with cli->err.
 */
int gr_cli_host(struct gr_cli *cli, unsigned int what, const char *name, struct gr_host **ret);

/**
 * gr_cli_add_idle - see gr_ledger_add_idle()
 *
 * Without the right to read the ledger nothing is added. Return: 0 or -errno with cli->err.
 */
int gr_cli_add_idle(struct gr_cli *cli, struct gr_host *host);

/** gr_cli_lease_record - a lease as lists and reports show it. */
void gr_cli_lease_record(json_object *obj, const struct gr_lease *lease);
void gr_cli_rungs_record(json_object *doc, const struct gr_reserve_report *report);

/** gr_cli_declare - reserve --external; @name NULL: none was given. Return: as a command's run(). */
int gr_cli_declare(struct gr_cli *cli, const struct gr_args *args, const char *name);

/** gr_cli_history - list --history; @name NULL: of all. Return: as a command's run(). */
int gr_cli_history(struct gr_cli *cli, const char *name);

/** gr_cli_catch_signals - SIGINT, SIGTERM and SIGHUP only set a variable from now on. */
const volatile int *gr_cli_catch_signals(void);

#endif
