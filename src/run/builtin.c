// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The micro-VM lives in this process, so the lease is ours and so is the memory: anonymous for 4K
 * and THP, a memfd for huge pages, as a VMM would have it. What happened is counted by the guest
 * itself and then read from the kernel's page tables.
 */
#include "run/builtin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"
#include "verify/stage2.h"
#include "vm/vm.h"

/* Guest-physical addresses of PCs leave a hole below 4 GiB; the micro-VM follows. */
#define LOW_END (UINT64_C(3) << 30)
#define HIGH_START (UINT64_C(4) << 30)

static size_t lay_out(const struct gr_hold *hold, struct gr_vm_region *regions)
{
	uint64_t at = 0;
	size_t count = 0;

	for (size_t i = 0; i < hold->count; i++) {
		const struct gr_ram *ram = &hold->rams[i];
		uint64_t done = 0;

		while (done < ram->size_bytes) {
			uint64_t size = ram->size_bytes - done;

			if (at >= LOW_END && at < HIGH_START)
				at = HIGH_START;
			if (at < LOW_END)
				size = gr_min_u64(size, LOW_END - at);
			regions[count++] = (struct gr_vm_region){
				.host = (char *)ram->base + done,
				.guest_phys = at,
				.size_bytes = size,
			};
			done += size;
			at += size;
		}
	}
	return count;
}

static int touch(struct gr_hold *hold, struct gr_run_report *report, struct gr_error *err)
{
	struct gr_vm_region *regions = calloc(hold->count + 1, sizeof(*regions));
	size_t count;
	struct gr_vm_report vm = { 0 };
	struct gr_error vm_err;
	_cleanup_close_ int kvm_fd = -1;
	int r;

	if (!regions)
		return gr_error_nomem(err);
	count = lay_out(hold, regions);
	kvm_fd = gr_root_open_fd(hold->options->root, "dev/kvm", O_RDWR, 0, &vm_err);
	r = kvm_fd < 0 ? kvm_fd : gr_vm_run(kvm_fd, regions, count, hold->options->interrupted,
					    &vm, &vm_err);
	report->ran = "micro-vm";
	if (r == -ENOENT || r == -EACCES || r == -EPERM || r == -ENOTSUP || r == -ENODEV ||
	    r == -ENXIO) {
		hold->options->say(hold->options->say_data, vm_err.message);
		hold->options->say(hold->options->say_data,
				   "no VM can run here: this process touches the memory instead");
		report->ran = "process";
		r = gr_vm_touch(regions, count, &vm, &vm_err);
	}
	free(regions);
	if (r < 0) {
		if (err)
			*err = vm_err;
		return r;
	}
	report->touched_known = true;
	report->touched_bytes = vm.touched_bytes;
	report->touch_ns = vm.elapsed_ns;
	report->stage2_known = vm.stats_known;
	report->stage2_4k = vm.pages_4k;
	report->stage2_2m = vm.pages_2m;
	report->stage2_1g = vm.pages_1g;
	return 0;
}

/* KVM's counts of our own VM, which is gone by now, against what the host had for it. */
static int judge_stage2(struct gr_run_report *report, struct gr_error *err)
{
	if (!report->inspection || !report->stage2_known)
		return 0;
	report->inspection->stage2 = (struct gr_stage2){
		.known = true,
		.source = GR_STAGE2_FD,
		.pages_4k = report->stage2_4k,
		.pages_2m = report->stage2_2m,
		.pages_1g = report->stage2_1g,
	};
	return gr_stage2_judge(report->inspection) < 0 ? gr_error_nomem(err) : 0;
}

int gr_builtin_run(struct gr_hold *hold, struct gr_run_report *report, uint64_t started_ns,
		   bool (*look)(void *data), void *look_data, struct gr_error *err)
{
	int r = gr_hold_map(hold, false, err);

	if (r >= 0 && hold->lease)
		r = gr_lease_set_owner(hold->ledger, hold->lease, getpid(), err);
	/* There is no VMM that could start meanwhile: background means before here. */
	if (report->populate == GR_POPULATE_BACKGROUND ||
	    (report->populate == GR_POPULATE_LAZY &&
	     hold->options->populate == GR_POPULATE_AUTO))
		report->populate = GR_POPULATE_BEFORE;
	if (r >= 0 && report->populate == GR_POPULATE_BEFORE)
		r = gr_hold_populate(hold, report, err);
	if (r < 0)
		return r;
	if (report->populate == GR_POPULATE_BEFORE)
		report->ready_ns = gr_now_ns() - started_ns;
	gr_hold_unlock(hold);
	r = touch(hold, report, err);
	if (r < 0)
		return r;
	look(look_data);
	return judge_stage2(report, err);
}
