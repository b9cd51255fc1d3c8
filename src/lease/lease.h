/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Leases: pages of the kernel's pools that we added for somebody and owe back. The only folder
 * that changes pools. A lease is written to /run/guestram/leases/NAME.json before the first write
 * to a pool and removed after the last, so that a kill at any instruction leaves a file that tells
 * gr_recover() what to put right. Counts are deltas, per node and size, computed under the lock
 * from what the kernel says at that moment.
 */
#ifndef GR_LEASE_LEASE_H
#define GR_LEASE_LEASE_H

#include <sys/types.h>

#include "host/host.h"
#include "plan/plan.h"

#define GR_LEASE_NAME_MAX 128
#define GR_LEASE_PENDING_NS (UINT64_C(10) * 60 * 1000000000) /* a lease without an owner expires */

enum gr_lease_state {
	GR_LEASE_RESERVING, /* written before the first pool write */
	GR_LEASE_PENDING,   /* pages are in the pool, no owner yet; expires */
	GR_LEASE_HELD,      /* reserved by a person (`guestram reserve`): until released */
	GR_LEASE_OWNED,     /* a process has them */
	GR_LEASE_RELEASING, /* being given back */
	GR_LEASE_SETTLING,  /* promoted pages are being made surplus again, the rest stays */
	GR_LEASE_LENDING,   /* idle pages of a held lease are going to another, or coming back */
	GR_LEASE_OWED,      /* given back as far as possible: what is left is tried again */
	GR_LEASE_EXTERNAL,  /* no lease of ours: pages that somebody else has or will take */
	GR_LEASE_STATE_COUNT
};

/* What the lease holds on one node at one size. */
struct gr_lease_grant {
	int node; /* -1 on a kernel without nodes */
	uint64_t page_size_bytes;
	uint64_t pages; /* obtained, owed back */
	/* Intent. While reserving: most that `pages` can be once the write under way is done. While
	 * settling: how many promoted pages are being made surplus. While lending: how many pages
	 * are going. Else the same as `pages`. */
	uint64_t asked_pages;
	/* Others' surplus pages that a growth of ours made persistent: owed back as surplus. */
	uint64_t promoted_pages;
	/* Free pages that were cut into smaller ones of this lease: owed to this pool. While
	 * reserving the most that it can be. */
	uint64_t demoted_pages;
	/* Pages that went to other leases while nobody used them: not in `pages`, not owed. */
	uint64_t lent_pages;
	/* While reserving, releasing, settling or lending: the persistent count at which this pool
	 * must end when that is undone or done. Meaningless in other states, since others may change
	 * the pool then: there the deltas above are the truth. */
	uint64_t goal_pages;
	/* While releasing: the most surplus pages that the node may have afterwards. */
	uint64_t goal_surplus_pages;
};

struct gr_lease {
	char name[GR_LEASE_NAME_MAX + 1];
	enum gr_lease_state state;
	pid_t owner_pid;           /* 0: none */
	uint64_t owner_start_time; /* with the pid: an identity */
	pid_t keeper_pid;          /* the guestram that works on it, while it does; 0: done */
	uint64_t keeper_start_time;
	int64_t since;             /* seconds since the epoch, for people */
	uint64_t expires_ns;       /* CLOCK_BOOTTIME; 0: never */
	char boot_id[40];
	char domain_uuid[40]; /* of the libvirt domain that it was made for; "": for none */
	bool from_pool; /* its VMM takes the pages out of the pool itself, when it likes */
	bool lend;      /* while it is held, pages that nobody uses may go to other leases */
	struct gr_lease_grant *grants;
	size_t grant_count;
};

struct gr_rung { /* one step of the way to the pages: what it bought and what it cost */
	const char *name; /* see rungs.c */
	int node;
	uint64_t page_size_bytes;
	uint64_t pages_before, pages_after; /* of the lease's own grant */
	uint64_t elapsed_ns;
	bool price_known;
	uint64_t cache_lost_bytes, swapped_bytes;
	uint64_t stalled_ns; /* tasks waiting for memory meanwhile (PSI "some"); 0 where PSI is off */
	char *note; /* what the rung has to say: why it was left out, what blocks it; or NULL */
};

/* Rungs that are climbed only with consent. */
enum gr_allow {
	GR_ALLOW_DROP_CACHES = 1 << 0, /* all clean page cache and slab of the host */
	GR_ALLOW_EVACUATE = 1 << 1,    /* memory blocks offline and online again */
	GR_ALLOW_DEMOTE = 1 << 2,      /* free larger huge pages, ours or nobody's, cut up */
};

/* What reserving may cost the host. Zero: not given, and what is sensible for what is missing is
 * filled in (see lease/price.c); the least limit is one byte. */
struct gr_budget {
	uint64_t timeout_ns;
	uint64_t max_cache_lost_bytes; /* page cache and slab; UINT64_MAX: any */
	uint64_t max_swapped_bytes;
	unsigned int allow; /* GR_ALLOW_* */
};

struct gr_loan { /* idle pages of a lease that lends, given back for this reservation */
	char lender[GR_LEASE_NAME_MAX + 1];
	int node;
	uint64_t page_size_bytes, pages;
};

struct gr_reserve_report {
	struct gr_rung *rungs;
	size_t count;
	uint64_t short_pages;  /* 0 on success */
	char **notes;          /* foreign writes seen, promoted surplus ... */
	size_t note_count;
	struct gr_loan *loans;
	size_t loan_count;
};
void gr_reserve_report_done(struct gr_reserve_report *report);

struct gr_ledger; /* the open, locked state directory */

/**
 * gr_ledger_open - open /run/guestram (made with 0700 if absent) and take its lock
 * @timeout_ns: how long to wait for the lock; 0 waits not at all
 * @read_only: no lock and nothing made; an absent directory is an empty ledger
 *
 * Return: 0; -EACCES (class host) when this needs root; -ETIMEDOUT (class host) names the holder.
 */
int gr_ledger_open(const struct gr_root *root, bool read_only, uint64_t timeout_ns,
		   struct gr_ledger **ret, struct gr_error *err);

/**
 * gr_ledger_open_unless - the same with the lock, but a signal ends the wait for it
 * @interrupted: not 0 once a signal came; its handler has run then
 *
 * Return: as gr_ledger_open(); -EINTR (class host).
 */
int gr_ledger_open_unless(const struct gr_root *root, uint64_t timeout_ns,
			  const volatile int *interrupted, struct gr_ledger **ret,
			  struct gr_error *err);
void gr_ledger_close(struct gr_ledger *ledger);

/** gr_ledger_keep_blocks - for callers that must be quick, as hooks: memory blocks that are offline
 * are brought back as ever, but none is taken offline. */
void gr_ledger_keep_blocks(struct gr_ledger *ledger);

static inline void gr_ledger_closep(struct gr_ledger **ledger)
{
	gr_ledger_close(*ledger);
}
#define _cleanup_ledger_ __attribute__((cleanup(gr_ledger_closep)))

/** gr_lease_name_check - [A-Za-z0-9._-]{1,128}, not starting with a dot. Return: 0 or -EINVAL. */
int gr_lease_name_check(const char *name, struct gr_error *err);

struct gr_leases {
	struct gr_lease **leases; /* sorted by name */
	size_t count;
	char **damaged; /* files that could not be read: set aside as NAME.json.damaged when locked */
	size_t damaged_count;
	char **aside; /* set aside earlier, or of another version of guestram: not ours to touch */
	size_t aside_count;
};
int gr_ledger_list(struct gr_ledger *ledger, struct gr_leases *ret, struct gr_error *err);
void gr_leases_done(struct gr_leases *leases);
/** gr_ledger_find - Return: 0, -ENOENT (class no) or -errno. */
int gr_ledger_find(struct gr_ledger *ledger, const char *name, struct gr_lease **ret,
		   struct gr_error *err);
int gr_ledger_save(struct gr_ledger *ledger, const struct gr_lease *lease, struct gr_error *err);
int gr_ledger_remove(struct gr_ledger *ledger, const char *name, struct gr_error *err);
void gr_lease_free(struct gr_lease *lease);

static inline void gr_lease_freep(struct gr_lease **lease)
{
	gr_lease_free(*lease);
}
#define _cleanup_lease_ __attribute__((cleanup(gr_lease_freep)))

/**
 * gr_ledger_claim - note in the inventory's pools which free pages leases hold for somebody
 * @except: a lease whose pages may be used; NULL: none
 *
 * Return: 0 or -errno.
 */
int gr_ledger_claim(struct gr_ledger *ledger, const char *except, struct gr_host *host,
		    struct gr_error *err);

/**
 * gr_ledger_add_idle - the inventory as it would be without the idle pages of leases that lend
 *
 * For plans of pages that are to be reserved: gr_reserve() takes these pages when it needs them.
 * Return: 0 or -errno.
 */
int gr_ledger_add_idle(struct gr_ledger *ledger, struct gr_host *host, struct gr_error *err);

/**
 * gr_external_declare - note that pages of the pools are somebody else's (OVS-DPDK, SPDK ...)
 * @host: its page sizes and nodes; grants of node -1 may be on any node
 * @owner_pid: the process that takes them, 0 if nobody knows
 *
 * They are counted and left alone; nothing is written but the declaration. gr_give_back() ends it.
 * Return: 0; -EEXIST, -EINVAL or -ENODEV (class usage); -ESRCH (class no); -errno.
 */
int gr_external_declare(struct gr_ledger *ledger, const char *name, const struct gr_host *host,
			const struct gr_grant *grants, size_t grant_count, pid_t owner_pid,
			struct gr_lease **ret, struct gr_error *err);

struct gr_reserve_options {
	const struct gr_grant *grants; /* node -1: any node, spread by us over nodes with memory */
	size_t grant_count;
	struct gr_floor floor;
	/* Page sizes, larger first, in which what larger pages cannot give may come. */
	const uint64_t *fallback_sizes;
	size_t fallback_count;
	const struct gr_budget *budget; /* NULL: the default for what is asked */
	bool pending;      /* for `run`: GR_LEASE_PENDING with an expiry, else GR_LEASE_HELD */
	bool lend;         /* see struct gr_lease; not with pending */
	bool partial;      /* keep what could be had instead of putting it back */
	const volatile int *interrupted; /* not NULL: a signal number once one came; rolls back */
	void (*progress)(void *data, uint64_t done_pages, uint64_t total_pages);
	void *progress_data;
};

/** gr_reserve_may_be_short - may one size or node lack pages without that being the end? Then the
 * floor is no refusal beforehand: every attempt keeps it by itself. */
static inline bool gr_reserve_may_be_short(const struct gr_reserve_options *options)
{
	return options->partial || options->fallback_count ||
	       (options->budget && options->budget->allow & GR_ALLOW_DEMOTE);
}

/**
 * gr_reserve - add pages to the pools for @name, all or nothing
 *
 * The ledger must be open and locked; call gr_recover() first. On a shortfall everything is put
 * back, @ret_report tells how far each rung came, and the message names the shortfall. A name whose
 * old lease is over and still owes pages may be taken again: the new lease owes them on.
 * Return: 0; -EEXIST (class usage) if the name is taken; -ENOMEM (class host) if the host is short
 * or the floor would be crossed; -EINTR; -EIO (class stranded) if a roll-back failed.
 */
int gr_reserve(struct gr_ledger *ledger, const char *name, const struct gr_reserve_options *options,
	       struct gr_lease **ret, struct gr_reserve_report *ret_report, struct gr_error *err);

/**
 * gr_reserve_more - top up a pending lease after a stranger took pages out of the pool
 * @node: of one of its grants
 *
 * Return: 0; -ENOMEM (class host): what was got stays in the lease, to be given back with it;
 * nothing is asked for if that would cross the floor.
 */
int gr_reserve_more(struct gr_ledger *ledger, struct gr_lease *lease, int node,
		    uint64_t page_size_bytes, uint64_t pages, const struct gr_floor *floor,
		    struct gr_error *err);

/** gr_lease_in_use - does a process that has its pages live, or may it? */
bool gr_lease_in_use(const struct gr_ledger *ledger, const struct gr_lease *lease);

/** gr_lease_set_owner - a process has the pages now. */
int gr_lease_set_owner(struct gr_ledger *ledger, struct gr_lease *lease, pid_t pid,
		       struct gr_error *err);

/**
 * gr_give_back - return exactly what @name took
 * @ret_pages: pages that left the pools; may be NULL
 *
 * Pages that somebody else holds at that moment become surplus and go home when he lets go. Pages in
 * use that nobody holds stay in the pool, and in the lease. Of others' pages (gr_external_declare())
 * only the note goes.
 * Return: 0; -ENOENT (class no); -EIO (class stranded) with the pool and the count; -EBUSY (class
 * stranded) for pages that nobody holds.
 */
int gr_give_back(struct gr_ledger *ledger, const char *name, uint64_t *ret_pages,
		 struct gr_error *err);

/**
 * gr_lease_settle - make promoted pages of others surplus again, where that costs nobody a free page
 *
 * Called once the lease's own pages are in use or reserved. What cannot be settled now is owed on.
 */
int gr_lease_settle(struct gr_ledger *ledger, struct gr_lease *lease, struct gr_error *err);

/**
 * gr_give_back_own - the same for a lease that this process made, if it still is that one
 *
 * Return: as gr_give_back(); -ENOENT also where the name is another keeper's lease by now.
 */
int gr_give_back_own(struct gr_ledger *ledger, const struct gr_lease *lease, uint64_t *ret_pages,
		     struct gr_error *err);

struct gr_recovery {
	char **actions; /* for people: "gave back 512 x 2 MiB of lease vm1 (owner 4711 is gone)" */
	size_t count;
	uint64_t pages;
	/* Lease files that somebody has to look at: their pages may still be in the pools. */
	char **unresolved;
	size_t unresolved_count;
};

/**
 * gr_recover - put right whatever a killed guestram or VM left behind
 *
 * @ret: filled also on failure, with what was put right before it
 *
 * Leases whose owner is gone, that expired, that were being written or given back, and those of
 * another boot (whose pages are gone with it). Damaged files are set aside, never guessed at.
 */
int gr_recover(struct gr_ledger *ledger, struct gr_recovery *ret, struct gr_error *err);
void gr_recovery_done(struct gr_recovery *recovery);

const char *gr_lease_state_name(enum gr_lease_state state);

#endif
