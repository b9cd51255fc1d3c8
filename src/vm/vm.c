// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One VM, one memory slot per region, one vCPU, and a loop that ends when the guest halts. There
 * is no device and no interrupt controller: the guest speaks through one I/O port. What the guest
 * counted must be what it was given, or the run proves nothing and is an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/util.h"
#include "vm/vm_private.h"

struct vcpu {
	int fd;
	struct kvm_run *run; /* MAP_FAILED when there is none */
	size_t run_bytes;
};

static void vcpu_done(struct vcpu *vcpu)
{
	if (vcpu->run != MAP_FAILED)
		munmap(vcpu->run, vcpu->run_bytes);
	if (vcpu->fd >= 0)
		close(vcpu->fd);
}
#define _cleanup_vcpu_ __attribute__((cleanup(vcpu_done)))

/* The guest's traces go, so that a file which outlives us (warm) holds zeroes again. */
static void clear_boot(struct gr_vm_boot *boot)
{
	if (boot->host)
		memset(boot->host, 0, boot->size_bytes);
}
#define _cleanup_boot_ __attribute__((cleanup(clear_boot)))

/* @kvm_fd may be the -errno with which the caller failed to open the device. */
static int check_kvm(int kvm_fd, struct gr_error *err)
{
	int r, version;

	if (kvm_fd < 0) {
		r = kvm_fd == -EPERM ? EACCES : -kvm_fd;
		r = gr_error_set(err, GR_CLASS_HOST, r, "/dev/kvm cannot be opened: %s",
				 strerror(r));
		if (r == -ENOENT)
			gr_error_hint(err, "load the module kvm_intel or kvm_amd, and see that "
				      "virtualisation is enabled in the firmware");
		else if (r == -EACCES)
			gr_error_hint(err, "join the group that owns /dev/kvm (often 'kvm')");
		return r;
	}
	version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
	if (version < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno,
				    "/dev/kvm: KVM_GET_API_VERSION: %s", strerror(errno));
	if (version != KVM_API_VERSION)
		return gr_error_set(err, GR_CLASS_HOST, ENOTSUP,
				    "/dev/kvm speaks version %d of its interface, not %d", version,
				    KVM_API_VERSION);
	return 0;
}

static int create_vm(int kvm_fd, const struct gr_vm_region *regions, size_t count,
		     struct gr_error *err)
{
	_cleanup_close_ int vm_fd = -1;

	do
		vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	while (vm_fd < 0 && errno == EINTR);
	if (vm_fd < 0)
		return gr_error_set(err, GR_CLASS_HOST, errno,
				    "/dev/kvm: no VM could be created: %s", strerror(errno));
	for (size_t i = 0; i < count; i++) {
		struct kvm_userspace_memory_region slot = {
			.slot = (uint32_t)i,
			.guest_phys_addr = regions[i].guest_phys,
			.memory_size = regions[i].size_bytes,
			.userspace_addr = (uintptr_t)regions[i].host,
		};

		if (ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return gr_error_set(err, GR_CLASS_SYSTEM, errno,
					    "micro-VM: KVM refused %" PRIu64
					    " bytes at guest address 0x%" PRIx64 ": %s",
					    regions[i].size_bytes, regions[i].guest_phys,
					    strerror(errno));
	}
	return gr_steal_fd(&vm_fd);
}

static int create_vcpu(int kvm_fd, int vm_fd, struct vcpu *vcpu, struct gr_error *err)
{
	int size;

	size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(*vcpu->run))
		return gr_error_set(err, GR_CLASS_SYSTEM, size < 0 ? errno : EIO,
				    "/dev/kvm: KVM_GET_VCPU_MMAP_SIZE answered %d", size);
	vcpu->fd = ioctl(vm_fd, KVM_CREATE_VCPU, 0);
	if (vcpu->fd < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno,
				    "micro-VM: no vCPU could be created: %s", strerror(errno));
	vcpu->run_bytes = (size_t)size;
	vcpu->run = mmap(NULL, vcpu->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return gr_error_set(err, GR_CLASS_SYSTEM, errno,
				    "micro-VM: the vCPU could not be mapped: %s", strerror(errno));
	return 0;
}

static int no_page(int errnum, const char *where, struct gr_error *err)
{
	int r;

	r = gr_error_set(err, GR_CLASS_HOST, errnum,
			 "micro-VM: the host has no page for %s: %s", where, strerror(errnum));
	gr_error_hint(err, "populate guest RAM before the guest starts");
	return r;
}

static int run_failed(int errnum, struct gr_error *err)
{
	if (errnum == EFAULT || errnum == EHWPOISON || errnum == ENOMEM)
		return no_page(errnum, "an address that the guest touched", err);
	return gr_error_set(err, GR_CLASS_SYSTEM, errnum, "micro-VM: KVM_RUN: %s",
			    strerror(errnum));
}

/* The guest touches its RAM and nothing else; a KVM that emulates it says so in this way. */
static int ran_into_mmio(const struct kvm_run *run, struct gr_error *err)
{
	char where[64];

	snprintf(where, sizeof(where), "guest address 0x%" PRIx64, (uint64_t)run->mmio.phys_addr);
	return no_page(EFAULT, where, err);
}

/* Returns 0 when the guest halted; *ret_pages is then what it sent through the port. */
static int run_guest(const struct vcpu *vcpu, const volatile int *interrupted,
		     uint64_t *ret_pages, struct gr_error *err)
{
	const struct kvm_run *run = vcpu->run;
	uint64_t pages = 0;
	unsigned int words = 0;
	uint32_t word;

	for (;;) {
		if (ioctl(vcpu->fd, KVM_RUN, 0) < 0) {
			if (errno == EINTR && interrupted && *interrupted)
				return gr_error_set(err, GR_CLASS_HOST, EINTR,
						    "micro-VM: interrupted by signal %d",
						    *interrupted);
			if (errno == EINTR || errno == EAGAIN)
				continue;
			return run_failed(errno, err);
		}
		switch (run->exit_reason) {
		case KVM_EXIT_INTR:
			continue;
		case KVM_EXIT_IO:
			if (run->io.port != GR_VM_PORT || run->io.direction != KVM_EXIT_IO_OUT ||
			    run->io.size != sizeof(word) || run->io.count != 1 || words >= 2 ||
			    run->io.data_offset > vcpu->run_bytes - sizeof(word))
				break;
			memcpy(&word, (const char *)run + run->io.data_offset, sizeof(word));
			pages |= (uint64_t)word << (32 * words++);
			continue;
		case KVM_EXIT_MMIO:
			return ran_into_mmio(run, err);
		case KVM_EXIT_HLT:
			if (words != 2)
				break;
			*ret_pages = pages;
			return 0;
		default:
			break;
		}
		return gr_error_set(err, GR_CLASS_SYSTEM, EIO,
				    "micro-VM: the guest stopped early, KVM exit reason %u, after"
				    " %u of 2 words", run->exit_reason, words);
	}
}

int gr_vm_run(int kvm_fd, const struct gr_vm_region *regions, size_t count,
	      const volatile int *interrupted, struct gr_vm_report *ret_report,
	      struct gr_error *err)
{
	_cleanup_boot_ struct gr_vm_boot boot = { 0 };
	_cleanup_close_ int vm_fd = -1;
	_cleanup_vcpu_ struct vcpu vcpu = { .fd = -1, .run = MAP_FAILED };
	struct gr_vm_report report = { .kvm = true, .touch_step_bytes = GR_VM_STEP_BYTES };
	uint64_t bytes = 0, pages = 0, start_ns;
	int r;

	r = gr_vm_check_regions(regions, count, &bytes, err);
	if (r < 0)
		return r;
	r = check_kvm(kvm_fd, err);
	if (r < 0)
		return r;
	vm_fd = create_vm(kvm_fd, regions, count, err);
	if (vm_fd < 0)
		return vm_fd;
	r = create_vcpu(kvm_fd, vm_fd, &vcpu, err);
	if (r < 0)
		return r;
	r = gr_vm_guest_prepare(kvm_fd, vcpu.fd, regions, count, &boot, err);
	if (r < 0)
		return r;
	start_ns = gr_now_ns();
	r = run_guest(&vcpu, interrupted, &pages, err);
	if (r < 0)
		return r;
	report.elapsed_ns = gr_now_ns() - start_ns;
	if (pages != bytes / GR_VM_STEP_BYTES)
		return gr_error_set(err, GR_CLASS_SYSTEM, EIO,
				    "micro-VM: the guest touched %" PRIu64 " pages of %" PRIu64,
				    pages, bytes / GR_VM_STEP_BYTES);
	report.touched_bytes = pages * GR_VM_STEP_BYTES;
	report.instructions_hint = gr_vm_guest_instructions(regions, count);
	gr_vm_read_stats(vm_fd, &report);
	*ret_report = report;
	return 0;
}
