// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * When collapsing has to stop, since the guest would feel it: the kernel holds the VMM's mmap lock
 * for writing while it puts a huge page together. Three signs, each from figures alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/util.h"
#include "verify/collapse.h"
#include "verify/process.h"

#define FLOOR_BYTES (512 * GR_MIB)
#define FLOOR_PART 20			 /* 5 % of memory */
#define STALL_TIMES 10			 /* the median chunk */
#define STALL_MIN_NS UINT64_C(100000000) /* shorter ones are the scheduler's */
#define STALL_AFTER 5			 /* chunks that make a median */
#define FAILURES_MAX 3
#define PSI_WINDOW_NS UINT64_C(1000000000)
#define PSI_MAX_PERCENT 20

const char *gr_collapse_stop_name(enum gr_collapse_stop stop)
{
	static const char *const names[] = {
		[GR_COLLAPSE_DONE] = "done",	       [GR_COLLAPSE_INTERRUPTED] = "interrupted",
		[GR_COLLAPSE_STALL] = "stall",	       [GR_COLLAPSE_PRESSURE] = "pressure",
		[GR_COLLAPSE_FLOOR] = "floor",	       [GR_COLLAPSE_FAILS] = "fails",
		[GR_COLLAPSE_ENDED] = "process-ended",
	};

	_Static_assert(GR_ARRAY_SIZE(names) == GR_COLLAPSE_STOPS, "a name for each stop");
	return names[stop];
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

enum gr_collapse_stop gr_pace_chunk(struct gr_pace *pace, uint64_t elapsed_ns)
{
	size_t count = gr_min_u64(pace->chunks, GR_PACE_SAMPLES);
	uint64_t sorted[GR_PACE_SAMPLES];

	memcpy(sorted, pace->chunk_ns, count * sizeof(*sorted));
	pace->chunk_ns[pace->chunks++ % GR_PACE_SAMPLES] = elapsed_ns;
	if (count < STALL_AFTER || elapsed_ns < STALL_MIN_NS)
		return GR_COLLAPSE_DONE;
	qsort(sorted, count, sizeof(*sorted), compare);
	return elapsed_ns / STALL_TIMES > sorted[count / 2] ? GR_COLLAPSE_STALL : GR_COLLAPSE_DONE;
}

enum gr_collapse_stop gr_pace_block(struct gr_pace *pace, int error)
{
	if (error == 0) {
		pace->failures = 0;
		return GR_COLLAPSE_DONE;
	}
	if (error == -ESRCH)
		return GR_COLLAPSE_ENDED;
	/* -EINVAL is said of one place (nobody may put that together), not of the host. */
	if (error != -EAGAIN && error != -ENOMEM && error != -EBUSY)
		return GR_COLLAPSE_DONE;
	return ++pace->failures >= FAILURES_MAX ? GR_COLLAPSE_FAILS : GR_COLLAPSE_DONE;
}

enum gr_collapse_stop gr_pace_pressure(struct gr_pace *pace, uint64_t total_ns, uint64_t now_ns)
{
	uint64_t waited = gr_sub_floor(total_ns, pace->psi_ns);
	uint64_t passed = gr_sub_floor(now_ns, pace->psi_at_ns);

	if (pace->psi_known && passed < PSI_WINDOW_NS)
		return GR_COLLAPSE_DONE;
	pace->psi_ns = total_ns;
	pace->psi_at_ns = now_ns;
	if (!pace->psi_known) {
		pace->psi_known = true;
		return GR_COLLAPSE_DONE;
	}
	return waited > passed / 100 * PSI_MAX_PERCENT ? GR_COLLAPSE_PRESSURE : GR_COLLAPSE_DONE;
}

bool gr_below_floor(char *text, uint64_t need_bytes)
{
	_cleanup_free_ char *copy = strdup(text);
	uint64_t total, available;

	if (!copy || gr_status_bytes(text, "MemAvailable", &available) < 0 ||
	    gr_status_bytes(copy, "MemTotal", &total) < 0)
		return false;
	return available < need_bytes + gr_max_u64(FLOOR_BYTES, total / FLOOR_PART);
}

int gr_psi_total(const char *text, uint64_t *ret_ns)
{
	uint64_t us;

	if (sscanf(text, "some avg10=%*[0-9.] avg60=%*[0-9.] avg300=%*[0-9.] total=%" SCNu64,
		   &us) != 1 ||
	    __builtin_mul_overflow(us, 1000, ret_ns))
		return -EBADMSG;
	return 0;
}
