/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's hook, apart from its main(): what an operation means to us (hook_action.c), pages before
 * the start (hook_prepare.c), their owner once QEMU runs (hook_own.c, hook_prove.c), and pages home (hook_end.c).
 * Nothing here prints, reads standard input or asks libvirt, which waits for the hook with the
 * domain locked.
 */
#ifndef GR_LIBVIRT_HOOK_H
#define GR_LIBVIRT_HOOK_H

#include "lease/config.h"
#include "lease/history.h"
#include "lease/lease.h"
#include "libvirt/policy.h"

#define GR_HOOK_TIMEOUT_NS (UINT64_C(10) * 1000000000)

enum gr_hook_action {
	GR_HOOK_NOTHING, /* not ours: restore and migrate too, whose prepare comes after them */
	GR_HOOK_PREPARE, /* the only one that may refuse */
	GR_HOOK_STARTED,
	GR_HOOK_END,   /* stopped, and release, which also follows a start that failed */
	GR_HOOK_ADOPT, /* reconnect and attach: QEMU runs, and a failure here would kill it */
	GR_HOOK_ACTION_COUNT
};

struct gr_hook {
	const struct gr_root *root;
	const char *name, *op, *reason; /* as libvirt spells them */
	enum gr_hook_action action;
	const char *text; /* the domain's XML */
	size_t len;
	const volatile int *interrupted; /* not 0 once a signal came */
	/* Filled on the way. */
	struct gr_domain *domain; /* NULL: the text is none */
	struct gr_policy policy;
	struct gr_config config;
	bool managed; /* pages are to be reserved for it */
	char lease_name[GR_LEASE_NAME_MAX + 1];
	char said[512]; /* one line for the log, or "" */
	uint64_t started_ns;
};

/** gr_hook_action - what to do at an operation. */
enum gr_hook_action gr_hook_action(const char *op, const char *subop);

/**
 * gr_hook_lease_name - the lease of a domain
 * @uuid: NULL: unknown
 *
 * Its name where that can be one; else "domain." and the name with every other byte as _XX, or, where
 * that is too long, its UUID. Return: 0; -ENAMETOOLONG (class usage) without the UUID it needs.
 */
int gr_hook_lease_name(const char *name, const char *uuid, char ret[GR_LEASE_NAME_MAX + 1],
		       struct gr_error *err);

/**
 * gr_hook_run - do it
 *
 * @err is not NULL here and below. Return: 0; -errno: at prepare the start is refused, and nothing
 * is left of it. Free with gr_hook_done().
 */
int gr_hook_run(struct gr_hook *hook, struct gr_error *err);
void gr_hook_done(struct gr_hook *hook);

/** gr_hook_prove - what QEMU has of each page size, against what its lease has for it; noted. */
void gr_hook_prove(struct gr_hook *hook, const struct gr_lease *lease, pid_t pid);

/* The steps: private to these files. Return: as gr_hook_run(). */
int gr_hook_prepare(struct gr_hook *hook, struct gr_error *err);
int gr_hook_started(struct gr_hook *hook, struct gr_error *err);
int gr_hook_adopt(struct gr_hook *hook, struct gr_error *err);
int gr_hook_end(struct gr_hook *hook, struct gr_error *err);

/** gr_hook_ledger - the ledger open and locked, in @timeout_ns at most. */
int gr_hook_ledger(struct gr_hook *hook, uint64_t timeout_ns, struct gr_ledger **ret,
		   struct gr_error *err);

/** gr_hook_lease - the lease of this domain and of no other. Return: 0, -ENOENT (also one of another
 * UUID, or one that no hook made), -errno. */
int gr_hook_lease(const struct gr_hook *hook, struct gr_ledger *ledger, struct gr_lease **ret,
		  struct gr_error *err);

/**
 * gr_hook_declare - note pages as this domain's that are in the pools already: others leave them
 * alone, and ending the lease gives nothing back
 * @pid: who has them; 0: nobody yet
 */
int gr_hook_declare(struct gr_hook *hook, struct gr_ledger *ledger, const struct gr_host *host,
		    const struct gr_grant *grants, size_t count, pid_t pid, struct gr_lease **ret,
		    struct gr_error *err);

/** gr_hook_mark - say in the lease whose it is. */
void gr_hook_mark(const struct gr_hook *hook, struct gr_lease *lease);

/** gr_hook_has_lease - is there a file of that lease, whosever it is? Without the lock. */
bool gr_hook_has_lease(const struct gr_hook *hook);

/** gr_hook_words - the hint in libvirt's words instead of those of our command line. */
void gr_hook_words(struct gr_error *err);

/** gr_hook_timeout_ns - how long libvirt may be kept waiting. */
uint64_t gr_hook_timeout_ns(const struct gr_hook *hook);

/** gr_hook_note - a line of the history, and what to say for it. @lease may be NULL. */
void gr_hook_note(struct gr_hook *hook, const char *outcome, const struct gr_lease *lease,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
