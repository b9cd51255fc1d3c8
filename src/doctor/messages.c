// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What QEMU, Cloud Hypervisor and libvirt say of a VM's memory; the kernel, hooks and other
 * programs are in messages_other.c. Rows are tried in order, so the more special wording stands
 * first. A new message is a row; a new cause is a function in causes_*.c that is named here, and a
 * code in guestram-doctor(7).
 */
#include "doctor/messages.h"

#include "base/util.h"

/* What explains the shortage stands before what only counts it, slips before the pool's size. */
#define TOO_FEW_PAGES                                                                              \
	gr_cause_page_size, gr_cause_hook_mode, gr_cause_mount_quota, gr_cause_rsvd_limit,         \
		gr_cause_cpuset, gr_cause_partial, gr_cause_gigantic, gr_cause_other_size,         \
		gr_cause_overcommit, gr_cause_unit_slip, gr_cause_double_need,                     \
		gr_cause_never_filled, gr_cause_pool_small, gr_cause_in_use, gr_cause_promised,    \
		gr_cause_no_free, gr_cause_lost_update, gr_cause_underflow

static const struct gr_message vm_messages[] = {
	{ .row = "E01",
	  .patterns = { "unable to map backing store for guest RAM: Cannot allocate memory",
			"unable to map backing store for hugepages: Cannot allocate memory" },
	  .causes = { TOO_FEW_PAGES } },
	{ .row = "E02",
	  .patterns = { "preallocating memory failed: Bad address",
			"Insufficient free host memory pages available to allocate guest RAM",
			"preallocating memory failed: Cannot allocate memory" },
	  .causes = { gr_cause_node_short, gr_cause_fault_limit, gr_cause_tmpfs,
		      gr_cause_unreserved, gr_cause_memory_limit, gr_cause_hook_mode,
		      gr_cause_never_filled, gr_cause_pool_small, gr_cause_in_use,
		      gr_cause_promised, gr_cause_no_free, gr_cause_cpuset, gr_cause_host_short,
		      gr_cause_poison } },
	{ .row = "E03",
	  .patterns = { "cannot bind memory to host NUMA nodes: Operation not permitted" },
	  .causes = { gr_cause_mbind } },
	{ .row = "E04",
	  .patterns = { "cannot bind memory to host NUMA nodes: Invalid argument" },
	  .causes = { gr_cause_misaligned, gr_cause_bad_node, gr_cause_cpuset } },
	{ .row = "E05",
	  .in_domain = true,
	  .patterns = { "NUMA node # is unavailable", "can't add memory backend for guest node",
			"host NUMA node# doesn't exist" },
	  .causes = { gr_cause_bad_node, gr_cause_notes },
	  .code = "GR126",
	  .severity = GR_ERROR,
	  .cause = "a node that the VM names does not exist",
	  .remedy =
		  "ls -d /sys/devices/system/node/node* lists the host's; guest cells are those of "
		  "<numa>" },
	{ .row = "E06",
	  .patterns = { "Unable to find any usable hugetlbfs mount for # KiB" },
	  .causes = { gr_cause_page_size, gr_cause_no_mount, gr_cause_disabled, gr_cause_namespace,
		      gr_cause_mounted_late } },
	{ .row = "E07",
	  .patterns = { "hugetlbfs filesystem is not mounted or disabled by administrator",
			"cannot determine filesystem for ''" },
	  .causes = { gr_cause_no_mount, gr_cause_disabled, gr_cause_namespace,
		      gr_cause_mounted_late } },
	{ .row = "E08",
	  .in_domain = true,
	  .patterns = { "hugepages: node # not found", "hugepage size can't be zero",
			"two master hugepages detected" },
	  .causes = { gr_cause_notes },
	  .code = "GR156",
	  .severity = GR_ERROR,
	  .cause = "<page> in the domain names a guest cell that is not there, no size, or stands "
		   "twice "
		   "for all cells",
	  .remedy =
		  "one <page> without nodeset, or each with a nodeset of cells of <numa> (without "
		  "<numa> only 0)" },
	{ .row = "E09",
	  .in_domain = true,
	  .patterns = { "hugepages are not allowed with" },
	  .causes = { gr_cause_notes },
	  .code = "GR157",
	  .severity = GR_ERROR,
	  .cause = "<memoryBacking> contradicts itself",
	  .remedy = "huge pages go with <source type='memfd'/> or none, and with immediate "
		    "allocation" },
	{ .row = "E09",
	  .patterns = { "hugepages is not supported with memfd",
			"memory access mode 'shared' not supported without guest numa",
			"Shared memory mapping is supported only with hugepages",
			"preallocation threads are unsupported with this QEMU" },
	  .causes = { gr_cause_notes },
	  .code = "GR157",
	  .severity = GR_ERROR,
	  .cause = "<memoryBacking> asks for what this version of libvirt, QEMU or kernel lacks",
	  .remedy = "memfd of huge pages needs a kernel of 4.16 or newer; shared memory without "
		    "cells a newer machine type" },
	{ .row = "E10",
	  .patterns = { "can't open backing store @ for guest RAM: Permission denied",
			"unable to create backing store for hugepages: Permission denied",
			"unable to create hugepage path @", "apparmor=\"DENIED\"*name=\"@\"*" },
	  .causes = { gr_cause_mount_mode, gr_cause_not_hugetlbfs, gr_cause_label } },
	{ .row = "E11",
	  .patterns = { "can't open backing store @ for guest RAM: Is a directory",
			"can't open backing store @ for guest RAM: No such file or directory",
			"can't open backing store @ for guest RAM" },
	  .causes = { gr_cause_not_hugetlbfs, gr_cause_no_path, gr_cause_mount_mode } },
	{ .row = "E12",
	  .patterns = { "Warning: path not on HugeTLBFS", "Warning: path not on HugeTLBFS: @" },
	  .causes = { gr_cause_ordinary_pages, gr_cause_not_hugetlbfs },
	  .code = "GR141",
	  .severity = GR_WARNING,
	  .cause = "the path of guest RAM lies on no hugetlbfs: the VM runs on ordinary pages",
	  .remedy = "mount a hugetlbfs there; after the start guestram inspect PID shows what it "
		    "got" },
	{ .row = "E13",
	  .patterns = { "failed to create memfd with flags #: No such device",
			"failed to create memfd: No such device" },
	  .causes = { gr_cause_page_size },
	  .code = "GR133",
	  .severity = GR_ERROR,
	  .cause = "hugetlbsize= of a memfd is no page size of this host",
	  .remedy = "ls /sys/kernel/mm/hugepages lists those that it has" },
	{ .row = "E13",
	  .patterns = { "failed to resize memfd to #: Invalid argument",
			"SharedFileSetLen*InvalidInput", "Memory size is misaligned" },
	  .causes = { gr_cause_page_size, gr_cause_misaligned, gr_cause_split_zone,
		      gr_cause_notes } },
	{ .row = "E14",
	  .patterns = { "memory size # must be equal to or larger than page size #",
			"memory size # must be multiple of # ",
			"backend memory size must be multiple of",
			"is not a multiple of the requested hugepages size",
			"is not a multiple of the page size",
			"must be equal to or larger than page size",
			"memory size must be a multiple of 256" },
	  .causes = { gr_cause_misaligned, gr_cause_notes },
	  .code = "GR150",
	  .severity = GR_ERROR,
	  .cause = "the memory size is no multiple of the page size, or less than one page",
	  .remedy = "take the next multiple; guestram plan -m SIZE names the nearest" },
	{ .row = "E15",
	  .patterns = { "cannot set up guest memory '@': Cannot allocate memory",
			"cannot set up guest memory" },
	  .causes = { gr_cause_commit, gr_cause_host_short, gr_cause_memory_limit,
		      gr_cause_address_space } },
	{ .row = "E15",
	  .patterns = { "out of memory: Killed process # (qemu",
			"out of memory: Killed process # (kvm)",
			"out of memory: Killed process # (cloud-hyp" },
	  .causes = { gr_cause_memory_limit, gr_cause_host_short } },
	{ .row = "E16",
	  .patterns = { "ioctl(KVM_CREATE_VM) failed: 12" },
	  .causes = { gr_cause_kernel_contiguous } },
	{ .row = "E17",
	  .patterns = { "killed due to inadequate hugepage pool", "Bus error", "SIGBUS", "signal 7",
			"KernelLoad(*ReadKernelImage" },
	  .causes = { gr_cause_fault_limit, gr_cause_unreserved, gr_cause_node_short,
		      gr_cause_in_use, gr_cause_promised, gr_cause_pool_small,
		      gr_cause_never_filled, gr_cause_no_free, gr_cause_tmpfs, gr_cause_poison } },
	{ .row = "E18",
	  .patterns = { "kvm run failed Bad address" },
	  .causes = { gr_cause_tmpfs, gr_cause_poison, gr_cause_fault_limit } },
	{ .row = "E19",
	  .patterns = { "vfio_pin_pages_remote: RLIMIT_MEMLOCK (#) exceeded", "vfio_dma_map(*= -14",
			"VFIO_MAP_DMA failed: Bad address" },
	  .causes = { gr_cause_unpinnable, gr_cause_memlock, gr_cause_notes } },
	{ .row = "E19",
	  .patterns = { "VFIO_MAP_DMA failed: Cannot allocate memory", "VFIO_MAP_DMA failed",
			"vfio_dma_map(*= -12" },
	  .causes = { gr_cause_memlock, gr_cause_dma_entries, gr_cause_notes } },
	{ .row = "E29",
	  .patterns = { "Unable to allocate # pages. Allocated only #" },
	  .causes = { gr_cause_floor },
	  .code = "GR175",
	  .severity = GR_ERROR,
	  .cause = "virsh allocpages got a part only, and that part stays allocated",
	  .remedy = "give back what nobody uses: write the old count to nr_hugepages; guestram "
		    "doctor "
		    "lists pages that nobody uses" },
	{ .row = "E29",
	  .patterns = { "read only access prevents virNodeAllocPages" },
	  .code = "GR175",
	  .severity = GR_ERROR,
	  .cause = "virsh allocpages over a connection that may only read",
	  .remedy = "as root, with -c qemu:///system" },
	{ .row = "E25",
	  .patterns = { "Mismatched RAM page size", "Postcopy needs matching RAM page sizes",
			"Postcopy requires RAM blocks to be a page size multiple",
			"Userfault on this host does not support huge pages" },
	  .code = "GR158",
	  .severity = GR_ERROR,
	  .cause = "postcopy migration needs the same page size on both hosts, and userfaultfd for "
		   "huge pages",
	  .remedy = "the same <page> on both, or precopy" },
	{ .row = "E27",
	  .patterns = { "Balloon used with backing page size" },
	  .code = "GR155",
	  .severity = GR_WARNING,
	  .cause = "ballooning a guest on huge pages gives little back",
	  .remedy = "no balloon, or transparent huge pages" },
	{ .row = "E28",
	  .in_domain = true,
	  .patterns = { "memory device when domain 'maxMemory' is not defined",
			"At least one numa node has to be configured when enabling memory hotplug",
			"target NUMA node needs to be specified for memory device",
			"Total size of memory devices exceeds the total memory size",
			"block size too small, must be at least",
			"requested size must be an integer multiple of block size",
			"memory hotplug is not enabled: missing acpi" },
	  .causes = { gr_cause_notes },
	  .code = "GR154",
	  .severity = GR_ERROR,
	  .cause = "memory devices of the domain need <maxMemory slots=>, a <numa> cell as target, "
		   "<acpi/>, and sizes in whole blocks within <memory>",
	  .remedy = "correct the domain; the message names what is missing" },
	{ .row = "E02",
	  .patterns = { "virtio-mem-device-early" },
	  .code = "GR122",
	  .severity = GR_ERROR,
	  .cause = "an incoming VM with virtio-mem lacks memory that is plugged at the source",
	  .remedy =
		  "the destination needs pages for all that is plugged, requested size included" },
	{ .row = "E02",
	  .patterns = { "backing store size * does not match*size", "file size*less than",
			"is smaller than*offset" },
	  .code = "GR120",
	  .severity = GR_ERROR,
	  .cause = "the backing file is too small for offset and size",
	  .remedy = "grow the file (truncate -s)" },
	{ .row = "E30",
	  .patterns = { "HandleRequest(InvalidParam)", "NoMemoryRegion",
			"Failed initializing vhost-user memory map" },
	  .causes = { gr_cause_notes },
	  .code = "GR176",
	  .severity = GR_ERROR,
	  .cause = "another process could not map guest RAM: it is not shared",
	  .remedy = "share=on for every memory object (libvirt: <access mode='shared'/>)" },
};

const struct gr_message *gr_message_at(size_t i)
{
	if (i < GR_ARRAY_SIZE(vm_messages))
		return &vm_messages[i];
	i -= GR_ARRAY_SIZE(vm_messages);
	return i < gr_other_message_count ? &gr_other_messages[i] : NULL;
}

bool gr_message_matches(const struct gr_message *message, const char *line, struct gr_match *ret)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(message->patterns) && message->patterns[i]; i++) {
		if (gr_pattern_match(message->patterns[i], line, ret))
			return true;
	}
	return false;
}

const struct gr_message *gr_message_find(const char *line)
{
	const struct gr_message *message;

	for (size_t i = 0; (message = gr_message_at(i)); i++) {
		if (gr_message_matches(message, line, NULL))
			return message;
	}
	return NULL;
}
