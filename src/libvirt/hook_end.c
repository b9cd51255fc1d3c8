// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages home. libvirt calls stopped once QEMU is gone and release after everything else, also for a
 * start that failed or was refused; both do the same, and the second one finds nothing left to do.
 * What cannot be done now (the lock is held, QEMU hangs in the kernel) is done by the next guestram,
 * since the owner of the lease is gone.
 */
#include "libvirt/hook.h"

#include <poll.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/size.h"
#include "base/util.h"

#define OWNER_ENDS_MS 2000 /* libvirt goes on when a killed QEMU takes longer than it waits */

/* Waits for the end of a QEMU that is dying; only where the pid is known to be that QEMU. */
static void wait_for_end(const struct gr_hook *hook, const struct gr_ledger *ledger,
			 const struct gr_lease *lease)
{
	_cleanup_close_ int fd = -1;
	struct pollfd poll_fd = { .events = POLLIN };

	if (!gr_root_is_host(hook->root) || !gr_lease_in_use(ledger, lease))
		return;
	fd = (int)syscall(SYS_pidfd_open, lease->owner_pid, 0);
	poll_fd.fd = fd;
	if (fd >= 0 && gr_lease_in_use(ledger, lease))
		poll(&poll_fd, 1, OWNER_ENDS_MS);
}

static int end_locked(struct gr_hook *hook, struct gr_ledger *ledger, struct gr_error *err)
{
	_cleanup_lease_ struct gr_lease *lease = NULL;
	char count[GR_TEXT_MAX];
	uint64_t pages = 0;
	int r = gr_hook_lease(hook, ledger, &lease, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	wait_for_end(hook, ledger, lease);
	r = gr_give_back(ledger, lease->name, &pages, err);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		gr_hook_note(hook, "returned", lease, "%s page%s given back (%s)",
			     gr_count_text(pages, count), gr_plural(pages), hook->reason);
	return r;
}

bool gr_hook_has_lease(const struct gr_hook *hook)
{
	char path[GR_LEASE_NAME_MAX + 40];

	snprintf(path, sizeof(path), "run/guestram/leases/%s.json", hook->lease_name);
	return gr_root_exists(hook->root, path);
}

int gr_hook_end(struct gr_hook *hook, struct gr_error *err)
{
	_cleanup_ledger_ struct gr_ledger *ledger = NULL;
	int r;

	if (!gr_hook_has_lease(hook))
		return 0;
	r = gr_hook_ledger(hook, gr_hook_timeout_ns(hook), &ledger, err);
	if (r >= 0)
		r = end_locked(hook, ledger, err);
	if (r < 0)
		gr_hook_note(hook, "failed", NULL, "%.380s", err->message);
	return r;
}
