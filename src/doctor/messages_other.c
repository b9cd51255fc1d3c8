// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the kernel says at boot, and Proxmox, hook scripts, DPDK and Firecracker: words that mean
 * one thing each. They are tried behind those of messages.c.
 */
#include "doctor/messages.h"

#include "base/util.h"

const struct gr_message gr_other_messages[] = {
	{ .row = "E22",
	  .patterns = { "HugeTLB: allocating # of page size * failed.*Only allocated #",
			"HugeTLB: allocating # of page size" },
	  .code = "GR173",
	  .severity = GR_ERROR,
	  .cause = "at boot the kernel got fewer pages than the boot line asks for",
	  .remedy = "fewer pages of that size, or smaller ones for the rest; memory has holes that "
		    "pages "
		    "of 1 GiB do not fit into" },
	{ .row = "E22",
	  .patterns = { "HugeTLB: hugepages= specified twice",
			"HugeTLB: hugepagesz=@ specified twice",
			"HugeTLB: * does not follow a valid hugepagesz",
			"HugeTLB: default_hugepagesz previously specified",
			"HugeTLB: Invalid hugepages parameter" },
	  .code = "GR173",
	  .severity = GR_ERROR,
	  .cause = "words of the boot line are ignored: order decides there",
	  .remedy = "pairs of hugepagesz=SIZE hugepages=COUNT, each size once" },
	{ .row = "E22",
	  .patterns = { "HugeTLB: unsupported hugepagesz",
			"HugeTLB: unsupported default_hugepagesz" },
	  .code = "GR173",
	  .severity = GR_ERROR,
	  .cause = "the boot line names a page size that this machine does not have",
	  .remedy = "ls /sys/kernel/mm/hugepages lists those that it has" },
	{ .row = "E22",
	  .patterns = { "HugeTLB: hugetlb_cma is enabled, skip boot",
			"HugeTLB: architecture can't support node specific" },
	  .code = "GR173",
	  .severity = GR_WARNING,
	  .cause = "the kernel skipped a boot reservation",
	  .remedy = "with hugetlb_cma=, pages of that size are taken at run time; without support "
		    "for "
		    "nodes, leave the node out" },
	{ .row = "E20",
	  .patterns = { "hugepage allocation failed" },
	  .causes = { gr_cause_gigantic, gr_cause_floor },
	  .code = "GR107",
	  .severity = GR_ERROR,
	  .cause = "Proxmox adds the pages itself at the start of a VM, and the kernel gave fewer",
	  .remedy = "memory is fragmented: guestram reserve climbs further than a plain write; or "
		    "smaller pages, or pages from boot on with keephugepages" },
	{ .row = "E20",
	  .patterns = { "your system doesn't support hugepages of",
			"more than 1 hostnode value in numa node is not supported" },
	  .code = "GR171",
	  .severity = GR_ERROR,
	  .cause = "this setting of Proxmox cannot be met: a page size that the host lacks, or "
		   "several "
		   "host nodes for one guest node",
	  .remedy = "ls /sys/kernel/mm/hugepages lists the sizes; one host node for each guest "
		    "node" },
	{ .row = "E21",
	  .patterns = { "nr_hugepages*write error: Invalid argument",
			"write error: Invalid argument", "syntax error: operand expected" },
	  .code = "GR172",
	  .severity = GR_ERROR,
	  .cause = "a hook script wrote an empty number: the variable with the VM's memory was not "
		   "set",
	  .remedy = "let the number come from the domain on the hook's standard input, or use "
		    "guestram's "
		    "hook" },
	{ .row = "E21",
	  .patterns = { "Not able to allocate all hugepages" },
	  .causes = { gr_cause_partial, gr_cause_floor, gr_cause_never_filled,
		      gr_cause_pool_small },
	  .code = "GR172",
	  .severity = GR_ERROR,
	  .cause = "a hook script got fewer pages than it wrote, and undid that",
	  .remedy = "guestram run or guestram reserve climbs further than a plain write" },
	{ .row = "E23",
	  .patterns = { "Memory backing with 1M pages was specified" },
	  .code = "GR160",
	  .severity = GR_ERROR,
	  .cause = "huge pages are switched off in this KVM (s390)",
	  .remedy = "load the module kvm with hpage=1 (and without nested=1)" },
	{ .row = "E23",
	  .patterns = { "Memory backing with 2G pages was specified",
			"This QEMU machine does not support huge page mappings" },
	  .code = "GR160",
	  .severity = GR_ERROR,
	  .cause = "guests of s390 cannot have pages of 2 GiB, old machine types none",
	  .remedy = "pages of 1M, a newer machine type" },
	{ .row = "E23",
	  .patterns = { "NUMA is not supported by this machine-type" },
	  .code = "GR160",
	  .severity = GR_ERROR,
	  .cause = "this machine type has no cells, which huge pages from memfd may ask for (s390)",
	  .remedy = "huge pages from a file: leave <source type='memfd'/> and <numa> out" },
	{ .row = "E24",
	  .patterns = { "No free hugepages reported in hugepages-#kB",
			"but no mounted hugetlbfs found for that size",
			"requested # hugepages but only #" },
	  .code = "GR174",
	  .severity = GR_WARNING,
	  .cause = "a DPDK or SPDK program beside the VMs finds too few huge pages, or no mount, "
		   "of one "
		   "size; harmless if it has pages of another size",
	  .remedy = "guestram host shows all pools and what is free" },
	{ .row = "E26",
	  .patterns = { "Cannot restore hugetlbfs backed snapshot",
			"huge pages support is incompatible" },
	  .code = "GR159",
	  .severity = GR_ERROR,
	  .cause = "Firecracker cannot do that with huge pages",
	  .remedy = "restore through userfaultfd, and no balloon" },
};
const size_t gr_other_message_count = GR_ARRAY_SIZE(gr_other_messages);
