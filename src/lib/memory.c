// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guest RAM of the calling process: one need, held as `run` holds it for its built-in VM. Plan,
 * reserve, map, name ourselves the owner, populate, let go of the lock.
 */
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "base/util.h"
#include "lib/lib.h"
#include "run/hold.h"
#include "verify/verify.h"

struct guestram_memory {
	struct guestram *handle;
	pid_t pid; /* of the creator, whose lease it is */
	char name[GR_LEASE_NAME_MAX + 1];
	struct gr_lib_planned planned;
	struct gr_run_options options; /* what hold needs of them; they point into this struct */
	struct gr_hold hold;
};

static const struct gr_ram *ram_of(const struct guestram_memory *memory)
{
	return &memory->hold.rams[0];
}

/* A child of fork() has the mapping, but not the lease: that is its parent's to give back. */
static void disown_in_child(struct guestram_memory *memory)
{
	if (memory->pid != getpid())
		gr_hold_forget_lease(&memory->hold);
}

static int give_back(struct guestram_memory *memory, struct gr_error *err)
{
	struct gr_run_report report = { 0 };
	int r;

	disown_in_child(memory);
	gr_hold_drop(&memory->hold);
	r = gr_hold_give_back(&memory->hold, &report, err);
	gr_hold_close(&memory->hold);
	gr_lib_planned_done(&memory->planned);
	guestram_close(memory->handle);
	free(memory);
	return r;
}

static int populate(struct guestram_memory *memory, struct gr_error *err)
{
	struct gr_run_report report = { 0 };

	return gr_hold_populate(&memory->hold, &report, err);
}

static int fill(struct guestram_memory *memory, bool before, struct gr_error *err)
{
	struct gr_hold *hold = &memory->hold;
	struct gr_run_report report = { 0 };
	int r = gr_hold_reserve(hold, &report, err);

	gr_reserve_report_done(&report.reserve);
	if (r >= 0)
		r = gr_hold_map(hold, false, err);
	if (r >= 0 && hold->lease)
		r = gr_lease_set_owner(hold->ledger, hold->lease, memory->pid, err);
	if (r >= 0 && before)
		r = populate(memory, err);
	if (r >= 0)
		gr_hold_unlock(hold);
	return r;
}

static int create(struct guestram *handle, const struct guestram_memory_options *options,
		  struct guestram_memory **ret, struct gr_error *err)
{
	struct guestram_memory *memory = calloc(1, sizeof(*memory));
	struct gr_error back_err;
	int r, back;

	if (!memory)
		return gr_error_nomem(err);
	r = gr_lib_plan(handle, options, &memory->planned, err);
	if (r < 0) {
		free(memory);
		return r;
	}
	memory->handle = handle;
	handle->users++;
	memory->pid = getpid();
	snprintf(memory->name, sizeof(memory->name), "%s", options->name);
	memory->options = (struct gr_run_options){
		.root = handle->root,
		.host = memory->planned.host,
		.request = &memory->planned.request,
		.plan = memory->planned.plan,
		.name = memory->name,
		.floor = memory->planned.floor,
		.threads = options->threads,
		.lock_wait_ns = GR_LIB_LOCK_WAIT_NS,
	};
	memory->hold = (struct gr_hold){ .options = &memory->options, .done_fd = -1 };
	r = fill(memory, options->populate == GUESTRAM_POPULATE_BEFORE, err);
	if (r >= 0) {
		*ret = memory;
		return 0;
	}
	back = give_back(memory, &back_err);
	if (back < 0)
		*err = back_err;
	return back < 0 ? back : r;
}

GR_PUBLIC int guestram_memory_create(struct guestram *handle,
				     const struct guestram_memory_options *options,
				     struct guestram_memory **ret, struct guestram_error *err)
{
	struct guestram_memory_options known;
	struct gr_error why = { 0 };
	int r = gr_lib_options(options, sizeof(known), &known, &why);

	if (r >= 0)
		r = gr_lib_need_host(handle, &why);
	if (r >= 0)
		r = create(handle, &known, ret, &why);
	return gr_lib_answer(r, &why, err);
}

GR_PUBLIC void *guestram_memory_base(const struct guestram_memory *memory)
{
	return ram_of(memory)->base;
}

GR_PUBLIC uint64_t guestram_memory_size(const struct guestram_memory *memory)
{
	return ram_of(memory)->size_bytes;
}

GR_PUBLIC uint64_t guestram_memory_page_size(const struct guestram_memory *memory)
{
	return ram_of(memory)->page_size_bytes;
}

GR_PUBLIC int guestram_memory_backing(const struct guestram_memory *memory)
{
	return (int)ram_of(memory)->backing;
}

GR_PUBLIC int guestram_memory_fd(const struct guestram_memory *memory)
{
	return ram_of(memory)->fd;
}

GR_PUBLIC int guestram_memory_populate(struct guestram_memory *memory, unsigned int threads,
				       struct guestram_error *err)
{
	unsigned int usual = memory->options.threads;
	struct gr_error why = { 0 };
	int r;

	disown_in_child(memory);
	if (threads)
		memory->options.threads = threads;
	r = populate(memory, &why);
	memory->options.threads = usual;
	gr_hold_unlock(&memory->hold);
	return gr_lib_answer(r, &why, err);
}

static int judge(const struct guestram_memory *memory, struct guestram_verdict *ret,
		 struct gr_error *err)
{
	_cleanup_inspection_ struct gr_inspection *seen = NULL;
	const struct gr_ram *ram = ram_of(memory);
	struct gr_verdict verdict;
	char mapped[GR_TEXT_MAX], size[GR_TEXT_MAX];
	int r = gr_inspect_range(memory->handle->root, getpid(), (uintptr_t)ram->base,
				 ram->size_bytes, &seen, err);

	if (r < 0)
		return r;
	if (gr_judge(seen, ram->page_size_bytes, gr_hold_kept_percent(ram->backing), &verdict) < 0)
		return gr_error_nomem(err);
	*ret = (struct guestram_verdict){
		.page_size_bytes = ram->page_size_bytes,
		.got_bytes = verdict.got_bytes,
		.ram_bytes = ram->size_bytes,
		.kept = verdict.kept,
		.agree = !seen->scan_known || seen->agreement == GR_ORACLES_UNSETTLED ? -1 :
			 seen->agreement == GR_ORACLES_AGREE,
	};
	snprintf(ret->message, sizeof(ret->message), "%s", verdict.message);
	if (seen->ram_bytes != ram->size_bytes) { /* the caller's own munmap() or mmap() */
		ret->kept = 0;
		snprintf(ret->message, sizeof(ret->message), "only %s of %s are still mapped",
			 gr_size_text(seen->ram_bytes, mapped), gr_size_text(ram->size_bytes, size));
	}
	gr_verdict_done(&verdict);
	return 0;
}

GR_PUBLIC int guestram_memory_verify(struct guestram_memory *memory,
				     struct guestram_verdict *verdict, struct guestram_error *err)
{
	struct guestram_verdict known = { 0 };
	struct gr_error why = { 0 };
	size_t size = verdict ? verdict->size : 0;
	int r = size >= GR_LIB_SIZE_0(struct guestram_verdict, message) ?
			judge(memory, &known, &why) :
			gr_error_set(&why, GR_CLASS_USAGE, EINVAL, "a struct without its size");

	if (r < 0)
		return gr_lib_answer(r, &why, err);
	known.size = size;
	memcpy(verdict, &known, gr_min_u64(size, sizeof(known)));
	return 0;
}

GR_PUBLIC int guestram_memory_destroy(struct guestram_memory *memory, struct guestram_error *err)
{
	struct gr_error why = { 0 };

	return memory ? gr_lib_answer(give_back(memory, &why), &why, err) : 0;
}
