// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lease files. What is accepted has to keep the rules that the rest relies on, and to come back the
 * same when it is written and read again. Seeds: corpus/ledger.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "lease/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const struct gr_lease *a, const struct gr_lease *b)
{
	return !strcmp(a->name, b->name) && a->state == b->state && a->owner_pid == b->owner_pid &&
	       a->owner_start_time == b->owner_start_time && a->keeper_pid == b->keeper_pid &&
	       a->keeper_start_time == b->keeper_start_time && a->since == b->since &&
	       a->expires_ns == b->expires_ns && !strcmp(a->boot_id, b->boot_id) &&
	       a->grant_count == b->grant_count &&
	       (!a->grant_count ||
		!memcmp(a->grants, b->grants, a->grant_count * sizeof(*a->grants)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = strndup((const char *)data, size);
	_cleanup_free_ char *written = NULL;
	_cleanup_lease_ struct gr_lease *lease = NULL, *back = NULL;

	if (!text || gr_lease_from_text(text, &lease) < 0)
		return 0;
	if (gr_lease_name_check(lease->name, NULL) < 0 || lease->owner_pid < 0 ||
	    lease->keeper_pid < 0 || lease->state >= GR_LEASE_STATE_COUNT)
		abort();
	written = gr_lease_to_text(lease);
	if (!written || gr_lease_from_text(written, &back) < 0 || !same(lease, back))
		abort();
	return 0;
}
